#include "bridge/adapters/http/curl_transport.h"

#include <curl/curl.h>

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "common/mutex.h"

namespace muster::bridge {
namespace {

struct CurlFree {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, CurlFree>;
using HeaderList = std::unique_ptr<curl_slist, CurlFree>;

constexpr size_t kMaxHeaders = 200;
constexpr size_t kMaxHeaderBytes = size_t{64} << 10;

std::string UrlHost(const std::string& url) {
  constexpr char kUnknown[] = "the server";
  const std::unique_ptr<CURLU, CurlFree> parsed(curl_url());
  if (parsed == nullptr || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return kUnknown;
  }
  char* host = nullptr;
  if (curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK) return kUnknown;
  std::string out = host;
  curl_free(host);
  return out;
}

// What is being received.
struct Receiving {
  HttpResponse response;
  size_t header_bytes = 0;
  bool too_large = false;
};

size_t OnBody(char* data, size_t size, size_t count, void* user) {
  auto& in = *static_cast<Receiving*>(user);
  const size_t bytes = size * count;
  if (in.response.body.size() + bytes > limits::kMaxUemAnswerBytes) {
    in.too_large = true;
    return 0;
  }
  in.response.body.append(data, bytes);
  return bytes;
}

size_t OnHeader(char* data, size_t size, size_t count, void* user) {
  auto& in = *static_cast<Receiving*>(user);
  const size_t bytes = size * count;
  const absl::string_view line(data, bytes);
  in.header_bytes += bytes;
  if (in.header_bytes > kMaxHeaderBytes || in.response.headers.size() >= kMaxHeaders) {
    in.too_large = true;
    return 0;
  }
  // A proxy's answer or "100 Continue" came before.
  if (line.substr(0, 5) == "HTTP/") in.response.headers.clear();
  const size_t colon = line.find(':');
  if (colon != line.npos) {
    in.response.headers.emplace_back(
        std::string(line.substr(0, colon)),
        std::string(absl::StripAsciiWhitespace(line.substr(colon + 1))));
  }
  return bytes;
}

// Whether a header could end early and begin another.
bool HasLineEnd(const HttpRequest& request) {
  const absl::string_view ends("\r\n\0", 3);
  for (const auto& [name, value] : request.headers) {
    if (absl::string_view(name).find_first_of(ends) != ends.npos) return true;
    if (absl::string_view(value).find_first_of(ends) != ends.npos) return true;
  }
  return false;
}

HeaderList MakeHeaders(const HttpRequest& request) {
  HeaderList out;
  for (const auto& [name, value] : request.headers) {
    out.reset(curl_slist_append(out.release(), absl::StrCat(name, ": ", value).c_str()));
  }
  // Without this, a body of more than 1 MiB waits a second for "100 Continue".
  out.reset(curl_slist_append(out.release(), "Expect:"));
  return out;
}

bool IsIdempotent(const std::string& method) { return method == "GET" || method == "HEAD"; }

// Whether a part of the request may have reached the server. libcurl counts what it sent.
bool MayHaveArrived(CURL* handle, CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return false;
    default:
      break;
  }
  long sent = 0;
  curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &sent);
  return sent > 0;
}

class CurlTransport final : public HttpTransport {
 public:
  explicit CurlTransport(CurlOptions options) : options_(std::move(options)) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
  }

  absl::StatusOr<HttpResponse> Send(const HttpRequest& request) override {
    if (HasLineEnd(request)) return absl::FailedPreconditionError("a header has two lines");
    Handle handle = Take();
    if (handle == nullptr) return absl::FailedPreconditionError("libcurl cannot start");
    const HeaderList headers = MakeHeaders(request);
    Receiving in;
    Configure(handle.get(), request, headers.get(), &in);
    const CURLcode code = curl_easy_perform(handle.get());
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    const bool arrived = MayHaveArrived(handle.get(), code);
    Give(std::move(handle));
    if (code != CURLE_OK) return Problem(request.url, code, arrived, in.too_large);
    in.response.status = static_cast<int>(status);
    return std::move(in.response);
  }

 private:
  static absl::Status Problem(const std::string& url, CURLcode code, bool arrived, bool too_large) {
    const std::string host = UrlHost(url);
    if (too_large) {
      return absl::ResourceExhaustedError(
          absl::StrCat(host, ": the answer is larger than ", limits::kMaxUemAnswerBytes, " bytes"));
    }
    // Not libcurl's longer text: it can hold what the environment says of a proxy.
    const std::string words = absl::StrCat(host, ": ", curl_easy_strerror(code));
    if (arrived) return absl::UnavailableError(words);
    return absl::FailedPreconditionError(absl::StrCat(words, " (nothing was sent)"));
  }

  void Configure(CURL* handle, const HttpRequest& request, curl_slist* headers, Receiving* in) {
    curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_file.empty()) {
      curl_easy_setopt(handle, CURLOPT_CAINFO, options_.ca_file.c_str());
      curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
    }
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(request.timeout)));
    if (!IsIdempotent(request.method)) curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
        request.method == "PATCH") {
      curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
    }
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &OnBody);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, in);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &OnHeader);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, in);
  }

  Handle Take() {
    {
      const MutexLock lock(&mu_);
      if (!idle_.empty()) {
        Handle out = std::move(idle_.back());
        idle_.pop_back();
        return out;
      }
    }
    return Handle(curl_easy_init());
  }

  void Give(Handle handle) {
    curl_easy_reset(handle.get());  // its connections stay
    const MutexLock lock(&mu_);
    if (idle_.size() < options_.idle_handles) idle_.push_back(std::move(handle));
  }

  const CurlOptions options_;
  Mutex mu_;
  std::vector<Handle> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::unique_ptr<HttpTransport> NewCurlTransport(CurlOptions options) {
  return std::make_unique<CurlTransport>(std::move(options));
}

}  // namespace muster::bridge

#include "controller/adapters/http/curl_transport.h"

#include <curl/curl.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/limits.h"

namespace muster {
namespace {

struct Free {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

size_t Discard(char*, size_t size, size_t count, void*) { return size * count; }

// Scheme and host: the rest of a URL may be a secret.
std::string HostOf(const std::string& url) {
  constexpr char kUnknown[] = "the receiver";
  const std::unique_ptr<CURLU, Free> parsed(curl_url());
  if (parsed == nullptr || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return kUnknown;
  }
  char* host = nullptr;
  if (curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK) return kUnknown;
  std::string out = host;
  curl_free(host);
  return out;
}

class CurlTransport final : public WebhookTransport {
 public:
  CurlTransport() { curl_global_init(CURL_GLOBAL_DEFAULT); }

  absl::Status Post(const WebhookPost& post) override {
    const std::unique_ptr<CURL, Free> handle(curl_easy_init());
    if (handle == nullptr) return absl::InternalError("libcurl cannot start");
    std::unique_ptr<curl_slist, Free> headers;
    for (const std::string& header : post.headers) {
      headers.reset(curl_slist_append(headers.release(), header.c_str()));
    }
    char error[CURL_ERROR_SIZE] = "";
    Configure(handle.get(), post, headers.get(), error);
    const CURLcode code = curl_easy_perform(handle.get());
    if (code != CURLE_OK) {
      return absl::UnavailableError(absl::StrCat(
          HostOf(post.url), ": ", error[0] != '\0' ? error : curl_easy_strerror(code)));
    }
    long status = 0;
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat(HostOf(post.url), " answered ", status));
  }

 private:
  static void Configure(CURL* handle, const WebhookPost& post, curl_slist* headers, char* error) {
    curl_easy_setopt(handle, CURLOPT_URL, post.url.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    if (!post.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, post.ca_file.c_str());
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(limits::kWebhookTimeout)));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(post.body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, post.body.data());
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Discard);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error);
  }
};

}  // namespace

std::unique_ptr<WebhookTransport> NewCurlTransport() { return std::make_unique<CurlTransport>(); }

}  // namespace muster

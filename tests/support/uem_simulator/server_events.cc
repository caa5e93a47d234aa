#include "tests/support/uem_simulator/server_events.h"

#include <curl/curl.h>

#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"

namespace muster::uemsim {
namespace {

size_t Discard(char*, size_t size, size_t count, void*) { return size * count; }

}  // namespace

void PostEvent(const SimEvent& event, const std::string& ca_file) {
  std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (curl == nullptr) return;
  const std::string type = absl::StrCat("Content-Type: ", event.content_type);
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
      curl_slist_append(nullptr, type.c_str()), curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_URL, event.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, 10'000L);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, event.body.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(event.body.size()));
  curl_easy_setopt(curl.get(), CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  curl_easy_setopt(curl.get(), CURLOPT_USERNAME, event.username.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PASSWORD, event.password.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, Discard);
  if (!ca_file.empty()) curl_easy_setopt(curl.get(), CURLOPT_CAINFO, ca_file.c_str());
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) std::fprintf(stderr, "event not posted: %s\n", curl_easy_strerror(code));
}

}  // namespace muster::uemsim

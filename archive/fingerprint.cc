#include "archive/fingerprint.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace muster::archive {
namespace {

constexpr size_t kEntryPrintBytes = 16;
constexpr int kShiftStep = 15, kMaxShift = 26 * 60;  // minutes

// U+200E, U+200F and U+202A to U+202E: the apps put them where the language needs them.
bool IsDirectionMark(absl::string_view text, size_t at) {
  if (text.size() - at < 3 || text[at] != '\xe2' || text[at + 1] != '\x80') return false;
  const auto last = static_cast<unsigned char>(text[at + 2]);
  return last == 0x8e || last == 0x8f || (last >= 0xaa && last <= 0xae);
}

std::string WithoutMarks(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (IsDirectionMark(text, at)) {
      at += 3;
    } else if (text[at] == '\r') {
      ++at;
    } else {
      out += text[at++];
    }
  }
  return out;
}

// "text <This message was edited>", in whatever language.
void DropEditNote(std::string& text) {
  if (text.empty() || text.back() != '>') return;
  const size_t open = text.rfind('<');
  if (open != std::string::npos) text.resize(open);
}

}  // namespace

std::string FoldedName(absl::string_view name) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* fold = icu::Normalizer2::getNFKCCasefoldInstance(error);
  std::string out;
  if (U_SUCCESS(error)) {
    icu::StringByteSink<std::string> sink(&out);
    fold->normalizeUTF8(0, {name.data(), static_cast<int32_t>(name.size())}, sink, nullptr, error);
  }
  if (U_FAILURE(error)) out = std::string(name);
  absl::RemoveExtraAsciiWhitespace(&out);
  return out;
}

Fingerprints::Fingerprints(absl::string_view salt) {
  const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac(
      EVP_MAC_fetch(nullptr, "HMAC", nullptr), EVP_MAC_free);
  keyed_ = std::shared_ptr<EVP_MAC_CTX>(EVP_MAC_CTX_new(mac.get()), EVP_MAC_CTX_free);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  EVP_MAC_init(keyed_.get(), reinterpret_cast<const unsigned char*>(salt.data()), salt.size(),
               params);
}

std::string Fingerprints::Hash(absl::string_view kind, absl::string_view name,
                               absl::string_view text) const {
  const std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> mac(EVP_MAC_CTX_dup(keyed_.get()),
                                                                      EVP_MAC_CTX_free);
  std::string all(kind);
  all += '\0';
  all.append(name.data(), name.size());
  all += '\0';
  all.append(text.data(), text.size());
  unsigned char out[32] = {};
  size_t length = 0;
  EVP_MAC_update(mac.get(), reinterpret_cast<const unsigned char*>(all.data()), all.size());
  EVP_MAC_final(mac.get(), out, &length, sizeof out);
  return std::string(reinterpret_cast<const char*>(out), sizeof out);
}

std::string Fingerprints::OfName(absl::string_view name) const {
  return Hash("name", FoldedName(name), "");
}

std::string Fingerprints::OfEntry(const Entry& entry) const {
  std::string print;
  if ((entry.flags & kDeleted) != 0) {
    print = Hash("deleted", entry.author, "");
  } else if ((entry.flags & (kAttached | kOmitted | kMissing)) != 0) {
    print = Hash("media", entry.author, "");
  } else {
    std::string text = WithoutMarks(entry.body);
    absl::StripAsciiWhitespace(&text);
    if ((entry.flags & kEdited) != 0) DropEditNote(text);
    absl::StripAsciiWhitespace(&text);
    print = Hash("text", entry.author, text);
  }
  print.resize(kEntryPrintBytes);
  return print;
}

TailMatcher::TailMatcher(const std::vector<TailEntry>& tail) {
  const size_t skipped = tail.size() - std::min(tail.size(), limits::kMaxTailEntries);
  for (size_t i = skipped; i < tail.size(); ++i) {
    places_[tail[i].print].push_back(i - skipped);
    times_.emplace_back(tail[i].time);
  }
}

void TailMatcher::Add(const std::string& print, absl::CivilSecond time) {
  const auto places = places_.find(print);
  if (places == places_.end()) return;
  const absl::CivilMinute minute(time);
  for (const size_t place : places->second) {
    const absl::civil_diff_t shift = minute - times_[place];
    if (std::abs(shift) > kMaxShift || shift % kShiftStep != 0) continue;
    by_shift_[static_cast<int>(shift)].set(place);
  }
}

TailMatch TailMatcher::Finish() const {
  TailMatch out;
  for (const auto& [shift, found] : by_shift_) {
    const auto count = static_cast<uint32_t>(found.count());
    // Of two that explain as much the smaller shift is the likelier.
    const bool nearer = count == out.found && std::abs(shift) < std::abs(out.shift_minutes);
    if (count < out.found || (count == out.found && !nearer)) continue;
    out.found = count;
    out.newest = found.test(times_.size() - 1);
    out.shift_minutes = shift;
  }
  out.vanished = static_cast<uint32_t>(times_.size()) - out.found;
  return out;
}

}  // namespace muster::archive

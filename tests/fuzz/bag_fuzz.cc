// Any bytes as each tag file of a bag: read or refused with a code; what was read is written the
// same way twice, and no path leads out.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "archive/bag.h"

namespace {

using namespace muster::archive;  // NOLINT(google-build-using-namespace): one short file

void Require(bool holds) {
  if (!holds) abort();
}

template <typename T>
bool Read(const absl::StatusOr<T>& result) {
  Require(result.ok() || !BagCodeOf(result.status()).empty());
  return result.ok();
}

void CheckManifest(absl::string_view text, size_t bytes) {
  const auto manifest = ParseManifest(text, bytes);
  if (!Read(manifest)) return;
  for (const auto& [path, checksum] : *manifest) {
    Require(CheckBagPath(path).ok() && checksum.size() == 2 * bytes);
    Require(path[0] != '/' && path[0] != '~' && path.find("../") != 0);
    PathIdentity(path);
  }
  const auto again = ParseManifest(FormatManifest(*manifest), bytes);
  Require(again.ok() && *again == *manifest);
}

// A value that is no line's own, as a chat's name may be.
void CheckValue(absl::string_view text) {
  const std::string written = FormatBagInfo({{"Muster-Chat", std::string(text)}});
  const auto read = ParseBagInfo(written);
  Require(read.ok() && read->size() == 1 && FormatBagInfo(*read) == written);
}

void CheckInfo(absl::string_view text) {
  CheckValue(text);
  const auto info = ParseBagInfo(text);
  if (!Read(info)) return;
  const std::string written = FormatBagInfo(*info);
  const auto again = ParseBagInfo(written);
  Require(again.ok() && again->size() == info->size() && FormatBagInfo(*again) == written);
  const std::string oxum = FindInfo(*info, kInfoOxum);
  const auto parsed = ParsePayloadOxum(oxum);
  if (Read(parsed)) Require(FormatPayloadOxum(*parsed) == oxum);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  Read(ParseBagDeclaration(bytes));
  for (const char* encoding : {"UTF-8", "UTF-16", "ISO-8859-1"}) {
    const auto text = TagText(bytes, encoding);
    if (!Read(text)) continue;
    CheckInfo(*text);
    for (const size_t width : {16, 20, 32, 64}) CheckManifest(*text, width);
    const auto paths = ParseFetchList(*text);
    if (!Read(paths)) continue;
    for (const std::string& path : *paths) Require(CheckBagPath(path).ok());
  }
  return 0;
}

#include "controller/domain/retirement.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace muster {

v1::Incident::Cause CauseOfRetirement(absl::string_view reason) {
  static constexpr std::pair<absl::string_view, v1::Incident::Cause> kWords[] = {
      {"lost", v1::Incident::DEVICE_LOST},    {"stolen", v1::Incident::DEVICE_LOST},
      {"missing", v1::Incident::DEVICE_LOST}, {"wiped", v1::Incident::WIPED},
      {"wipe", v1::Incident::WIPED},          {"reset", v1::Incident::WIPED},
      {"erased", v1::Incident::WIPED}};
  std::string text = absl::AsciiStrToLower(reason);
  for (char& c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) c = ' ';
  }
  const std::vector<absl::string_view> said = absl::StrSplit(text, ' ', absl::SkipEmpty());
  for (const auto& [word, cause] : kWords) {
    for (const absl::string_view have : said) {
      if (have == word) return cause;
    }
  }
  return v1::Incident::OTHER;
}

}  // namespace muster

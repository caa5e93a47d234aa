#include "controller/domain/native/phone_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/limits.h"

namespace muster::native {
namespace {

bool IsNameCharacter(char c) { return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_'; }

bool IsName(absl::string_view text) {
  return !text.empty() && text.size() <= limits::kMaxPackageIdBytes &&
         std::all_of(text.begin(), text.end(), IsNameCharacter);
}

}  // namespace

bool CanNameApp(absl::string_view id) { return IsName(id) && id != kEveryWebClip; }

bool IsHostName(absl::string_view host) { return IsName(host) && absl::StrContains(host, '.'); }

}  // namespace muster::native

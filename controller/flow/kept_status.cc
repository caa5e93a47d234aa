#include "controller/flow/kept_status.h"

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/utf8_check.h"

namespace muster {

std::vector<std::string> KeptAccounts(const v1::StatusReport& status) {
  std::vector<std::string> out(status.local_accounts().begin(), status.local_accounts().end());
  if (out.size() > limits::kMaxLocalAccounts) out.resize(limits::kMaxLocalAccounts);
  return out;
}

std::vector<std::string> KeptReasons(const v1::StatusReport& status) {
  std::vector<std::string> out;
  for (const std::string& why : status.cannot_enforce()) {
    if (out.size() == static_cast<size_t>(kMaxCannotEnforce)) {
      out.push_back(absl::StrCat("and ", status.cannot_enforce_size() - kMaxCannotEnforce,
                                 " more, which are not kept"));
      break;
    }
    out.push_back(Shortened(why, kMaxCannotEnforceBytes));
  }
  return out;
}

}  // namespace muster

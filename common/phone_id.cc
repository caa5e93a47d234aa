#include "common/phone_id.h"

#include "absl/strings/str_cat.h"
#include "common/crypto.h"

namespace muster {

std::string PhoneDeviceId(absl::string_view tenant, absl::string_view bridge_id,
                          absl::string_view uem_id) {
  const std::string name = absl::StrCat(tenant, "|", bridge_id, "|", uem_id);
  return absl::StrCat(kPhoneIdPrefix, Sha256Hex(name).substr(0, 16));
}

}  // namespace muster

#include "common/uuid.h"

#include "absl/strings/ascii.h"

namespace muster {

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool good =
        dash ? text[i] == '-' : absl::ascii_isxdigit(static_cast<unsigned char>(text[i]));
    if (!good) return false;
  }
  return true;
}

}  // namespace muster

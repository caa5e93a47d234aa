#include "bridge/domain/uem.h"

namespace muster::bridge {

UemCallTraits TraitsOf(UemCall::Kind kind) {
  using Kind = UemCall::Kind;
  using About = UemCallTraits::About;
  constexpr bool kReads = true, kWrites = false;
  switch (kind) {
    case Kind::kListPhones:
      return {"list-phones", kReads, About::kPhones};
    case Kind::kGetPhone:
      return {"get-phone", kReads, About::kPhone};
    case Kind::kListApps:
      return {"list-apps", kReads, About::kPhone};
    case Kind::kGetApp:
      return {"get-app", kReads, About::kPhone};
    case Kind::kInstallApp:
      return {"install-app", kWrites, About::kPhone};
    case Kind::kRemoveApp:
      return {"remove-app", kWrites, About::kPhone};
    case Kind::kInstallProfile:
      return {"install-profile", kWrites, About::kPhone};
    case Kind::kQueryPhone:
      return {"query-phone", kWrites, About::kPhone};
    case Kind::kFindAppGroup:
      return {"find-app-group", kReads, About::kGroup};
    case Kind::kGetAppGroup:
      return {"get-app-group", kReads, About::kGroup};
    case Kind::kCreateAppGroup:
      return {"create-app-group", kWrites, About::kGroup};
    case Kind::kAddToAppGroup:
      return {"add-to-app-group", kWrites, About::kGroup};
    case Kind::kRemoveFromAppGroup:
      return {"remove-from-app-group", kWrites, About::kGroup};
    case Kind::kFindSmartGroup:
      return {"find-smart-group", kReads, About::kGroup};
    case Kind::kGetSmartGroup:
      return {"get-smart-group", kReads, About::kGroup};
    case Kind::kCreateSmartGroup:
      return {"create-smart-group", kWrites, About::kGroup};
    case Kind::kChangeSmartGroup:
      return {"change-smart-group", kWrites, About::kGroup};
    case Kind::kAssignApp:
      return {"assign-app", kWrites, About::kGroup};
    case Kind::kListMembers:
      return {"list-members", kReads, About::kMembers};
    case Kind::kSyncUserGroup:
      return {"sync-user-group", kWrites, About::kMembers};
    case Kind::kAddMissingUsers:
      return {"add-missing-users", kWrites, About::kMembers};
  }
  return {"unknown", kWrites, About::kPhones};
}

}  // namespace muster::bridge

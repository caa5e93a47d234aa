#include "bridge/domain/uem.h"

namespace muster::bridge {

using Kind = UemCall::Kind;

bool OnlyReads(Kind kind) {
  switch (kind) {
    case Kind::kListPhones:
    case Kind::kGetPhone:
    case Kind::kListApps:
    case Kind::kGetApp:
    case Kind::kFindAppGroup:
    case Kind::kGetAppGroup:
    case Kind::kFindSmartGroup:
    case Kind::kGetSmartGroup:
    case Kind::kListMembers:
      return true;
    case Kind::kInstallApp:
    case Kind::kRemoveApp:
    case Kind::kInstallProfile:
    case Kind::kQueryPhone:
    case Kind::kCreateAppGroup:
    case Kind::kAddToAppGroup:
    case Kind::kRemoveFromAppGroup:
    case Kind::kCreateSmartGroup:
    case Kind::kChangeSmartGroup:
    case Kind::kAssignApp:
    case Kind::kSyncUserGroup:
    case Kind::kAddMissingUsers:
      return false;
  }
  return false;
}

absl::string_view CallName(Kind kind) {
  switch (kind) {
    case Kind::kListPhones:
      return "list-phones";
    case Kind::kGetPhone:
      return "get-phone";
    case Kind::kListApps:
      return "list-apps";
    case Kind::kGetApp:
      return "get-app";
    case Kind::kInstallApp:
      return "install-app";
    case Kind::kRemoveApp:
      return "remove-app";
    case Kind::kInstallProfile:
      return "install-profile";
    case Kind::kQueryPhone:
      return "query-phone";
    case Kind::kFindAppGroup:
      return "find-app-group";
    case Kind::kGetAppGroup:
      return "get-app-group";
    case Kind::kCreateAppGroup:
      return "create-app-group";
    case Kind::kAddToAppGroup:
      return "add-to-app-group";
    case Kind::kRemoveFromAppGroup:
      return "remove-from-app-group";
    case Kind::kFindSmartGroup:
      return "find-smart-group";
    case Kind::kGetSmartGroup:
      return "get-smart-group";
    case Kind::kCreateSmartGroup:
      return "create-smart-group";
    case Kind::kChangeSmartGroup:
      return "change-smart-group";
    case Kind::kAssignApp:
      return "assign-app";
    case Kind::kListMembers:
      return "list-members";
    case Kind::kSyncUserGroup:
      return "sync-user-group";
    case Kind::kAddMissingUsers:
      return "add-missing-users";
  }
  return "unknown";
}

}  // namespace muster::bridge

// What a bridge and a UEM say to each other, without any wire format: calls and answers. Every UEM
// that is driven speaks these through its adapter (flow/uem_client.h). Value types;
// thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "muster/v1/phone.pb.h"

namespace muster::bridge {

// A phone as the UEM's list has it. `identity.uem_id` is never empty.
struct UemPhone {
  v1::PhoneIdentity identity;
  v1::PhoneFacts facts;  // without apps_read_at
  uint64_t number = 0;   // the UEM's integer id, which older calls take
  std::string udid;
  std::string user_id;  // of its user in the UEM
};

// An app on a phone, as of the phone's last sample.
struct UemApp {
  std::string bundle_id, name, version;
  bool installed = false;
  bool assigned = false;      // by the UEM
  std::string latest_action;  // the UEM's word, e.g. "RemoveCommandSuccessful"
  absl::Time latest_action_at = absl::InfinitePast();
  std::string reason;  // e.g. "UserInstalledApp", "Managed"; empty: this call does not say
};

// An app that the UEM can install: it is in the UEM's own catalogue.
struct ManagedApp {
  enum class Kind { kPublic, kPurchased, kInternal };
  std::string app_id;  // Muster's
  v1::Platform::Id platform = v1::Platform::UNSPECIFIED;
  Kind kind = Kind::kPublic;
  std::string uem_id;  // its number there; of a purchased app its UUID
  std::string bundle_id;
};

// An application group or a smart group: a name that is ours, and what it holds.
struct UemGroup {
  std::string name;
  std::string id, uuid;                                   // empty: it is not there yet
  v1::Platform::Id platform = v1::Platform::UNSPECIFIED;  // of an application group
  std::vector<std::string> bundle_ids;                    // of an application group, sorted
  std::vector<std::string> user_groups;                   // of a smart group: UUIDs, sorted
  std::vector<std::string> user_group_exclusions;         // the same, kept out
};

// One call: exactly one request to the UEM (beside what signs in).
struct UemCall {
  enum class Kind {
    kListPhones,          // page
    kGetPhone,            // phone
    kListApps,            // phone, page
    kGetApp,              // phone, app.bundle_id: with the reason of its presence
    kInstallApp,          // phone, app
    kRemoveApp,           // phone, app
    kInstallProfile,      // phone, payload
    kQueryPhone,          // phone: asks it for a fresh sample
    kFindAppGroup,        // group.name, group.platform
    kGetAppGroup,         // group.id: with its apps
    kCreateAppGroup,      // group, with at least one bundle id
    kAddToAppGroup,       // group.id, group.bundle_ids
    kRemoveFromAppGroup,  // group.id, group.bundle_ids
    kFindSmartGroup,      // group.name
    kGetSmartGroup,       // group.id
    kCreateSmartGroup,    // group
    kChangeSmartGroup,    // group.uuid, group.user_groups and exclusions: added, never replaced
    kAssignApp,           // app, group.id
    kListMembers,         // group.uuid of a user group, page
    kSyncUserGroup,       // group.uuid
    kAddMissingUsers,     // group.uuid
  };
  Kind kind = Kind::kListPhones;
  uint32_t page = 0;  // from 0, whatever the UEM counts from
  UemPhone phone;
  ManagedApp app;
  UemGroup group;
  std::string payload;
  std::string operation;  // key of the operation that it carries out; empty: it only reads
};
// What holds for every call of a kind, whatever UEM is driven.
struct UemCallTraits {
  enum class About { kPhones, kPhone, kGroup, kMembers };
  absl::string_view name;   // "list-phones", "install-app", …: for logs and the status
  bool only_reads = false;  // changes nothing in the UEM
  About about = About::kPhones;
};
UemCallTraits TraitsOf(UemCall::Kind kind);

inline bool OnlyReads(UemCall::Kind kind) { return TraitsOf(kind).only_reads; }
inline absl::string_view CallName(UemCall::Kind kind) { return TraitsOf(kind).name; }

// What the answer's headers say of the UEM's limits; absent: it does not say.
struct RateLimit {
  std::optional<uint64_t> limit, remaining;
  std::optional<absl::Time> reset_at;
  std::optional<absl::Time> retry_at;  // of a throttled call
};

// `status`: ok; NOT_FOUND; INVALID_ARGUMENT and FAILED_PRECONDITION: the UEM will not, as long as
// nothing changes; PERMISSION_DENIED, UNAUTHENTICATED: nothing was done, an operator must act;
// RESOURCE_EXHAUSTED: throttled, nothing was done; UNAVAILABLE: no answer, or a broken one; what
// the call did is not known (`effect_unknown`), unless it never left.
// What is already as asked is ok: a group that has the app, an app that is assigned, a sync that
// runs.
struct UemAnswer {
  absl::Status status;
  bool effect_unknown = false;
  RateLimit limit;
  std::optional<absl::Time> uem_now;  // by the UEM's clock; absent: it does not say
  bool last_page = true;
  std::vector<UemPhone> phones;  // kListPhones, kGetPhone
  std::vector<UemApp> apps;      // kListApps, kGetApp
  std::optional<UemGroup> group;  // kFind…, kGet…, kCreate…; empty after kFind…: there is none
  std::vector<std::string> members;  // kListMembers: user names
  bool simulator = false;            // the other end says that it is one
};

}  // namespace muster::bridge

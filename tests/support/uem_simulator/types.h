// What the simulator is told and what it tells. Value types; thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bridge/domain/uem.h"
#include "muster/v1/phone.pb.h"

namespace muster::uemsim {

// A phone as it is when it enrols. Empty texts are made up from its number, always the same.
struct SimPhone {
  std::string uuid = {}, user = {}, name = {}, serial = {}, udid = {}, model = {}, os = {};
  v1::Platform::Id platform = v1::Platform::IOS;
  v1::PhoneFacts::Management management = v1::PhoneFacts::SUPERVISED;
  bool online = true;
  bool personal_apps_hidden = false;                     // by the UEM's privacy setting
  absl::Duration check_in_every = absl::ZeroDuration();  // zero: as SimOptions says
  std::set<std::string> person_rejects = {};  // bundle ids whose installation the person declines
  std::vector<std::string> apps = {};         // bundle ids that its person installed before
};

// An app in the UEM's own catalogue.
struct SimManagedApp {
  uint64_t id = 0;        // 0: one is made
  std::string uuid = {};  // empty: one is made
  bridge::ManagedApp::Kind kind = bridge::ManagedApp::Kind::kPublic;
  v1::Platform::Id platform = v1::Platform::IOS;
  std::string bundle_id = {}, name = {};
  std::string version = "1.0";
  bool assigned_to_all = false;  // beside its smart groups
  bool removable = true;
};

// A directory group that the UEM knows, with its copy of the members.
struct SimUserGroup {
  std::string uuid = {};  // empty: one is made
  std::string name = {};
  std::vector<std::string> members = {};  // user names; they are known to the UEM
  uint64_t number = 0;                    // 0: one is made
  bool by_scim = false;                   // a sync refuses it
};

// The agency's own profile on Android: what an application group names is blocked on phones that
// can be managed whole, unless their user is in a group.
struct AppControl {
  std::string app_group = {};          // its name
  std::string exempt_user_group = {};  // UUID; empty: none
};

enum class Fault {
  kNone,
  kSlow,             // up to 90 s; past its timeout the caller has given up
  kLostBefore,       // the connection breaks before the request is carried out
  kLostAfter,        // it is carried out, and the answer is lost
  kBrokenJson,       // carried out, and the answer is no JSON
  kTruncated,        // carried out, and half of the answer comes
  kErrorWithEffect,  // 500, and carried out all the same
  kUnavailable,      // 503, not carried out
  kThrottleStorm,    // 429 for SimOptions::storm, whatever the limits say
};
inline constexpr size_t kFaultKinds = 9;
// "none", "slow", "lost-before", …
absl::string_view FaultName(Fault fault);

// Of 1,000 requests.
struct FaultRates {
  uint32_t slow = 0, lost_before = 0, lost_after = 0, broken_json = 0, truncated = 0;
  uint32_t error_with_effect = 0, unavailable = 0, throttle_storm = 0;
};

// Of 1,000 events.
struct EventFaults {
  uint32_t dropped = 0, doubled = 0, delayed = 0;  // a delayed one comes after later ones
};

// Which of the two limits the X-RateLimit-* headers speak of.
enum class LimitHeaders { kDay, kMinute, kNone };

struct SimOptions {
  std::string client_id = "muster", client_secret = "simulated-secret";
  std::string tenant_code = "simulated-code";
  absl::Duration token_life = absl::Hours(1);
  bool token_life_as_text = false;

  uint32_t per_minute = 0;  // 0: no limit
  uint64_t per_day = 0;
  LimitHeaders headers = LimitHeaders::kDay;
  size_t device_page = 500;  // phones of one page at most, whatever is asked for
  std::optional<absl::Duration> retry_after = {};  // in a 429 and a 503

  absl::Duration latency = absl::Milliseconds(150);
  absl::Duration push_delay = absl::Seconds(5);     // from a command to the phone's check-in
  absl::Duration check_in_every = absl::Hours(4);   // without any command
  absl::Duration install_time = absl::Seconds(20);  // on the phone
  absl::Duration sync_time = absl::Seconds(30);     // of a user group
  // False: a phone's check-in moves LastSeen and leaves its list of apps as it was, until it is
  // asked (DeviceQuery, SyncDevice) or has carried out a command.
  bool sample_at_check_in = true;
  bool take_over = true;  // a supervised phone lets the UEM manage what its person installed

  // How a smart group's user groups are shown: the schema has a text there and no more.
  bool user_groups_by_number = false;

  uint64_t seed = 1;
  FaultRates faults = {};
  absl::Duration storm = absl::Seconds(30);
  EventFaults events = {};
  std::vector<AppControl> android_app_control = {};
  size_t max_calls = 2'000'000;  // kept; the oldest go first
};

// The truth about a phone, which no API shows.
struct TrueApp {
  std::string bundle_id = {}, version = {};
  bool managed = false;  // else by the person
  bool hidden = false;   // neither seen nor launchable
};
struct TrueProfile {
  std::string identifier = {};
  std::string sha256 = {};  // of the profile's plist, whether it came signed or not
  std::vector<std::string> blocked_bundle_ids = {}, denied_urls = {};  // sorted
  bool removal_disallowed = false, is_signed = false;
  absl::Time installed_at = {};
};
struct PhoneTruth {
  std::string uuid = {}, user = {};
  uint64_t number = 0;
  bool enrolled = false, online = false;
  absl::Time last_seen = {}, enrolled_at = {}, sampled_at = {};
  std::vector<TrueApp> apps = {};  // by bundle id
  std::vector<TrueProfile> profiles = {};
  std::vector<std::string> queue = {};  // "install com.example", in order

  const TrueApp* Find(absl::string_view bundle_id) const;
};

// One request that came in.
struct CallRecord {
  uint64_t sequence = 0;
  absl::Time at = {};
  std::string method = {}, target = {};  // path and query
  int status = 0;                        // 0: no answer
  Fault fault = Fault::kNone;
  std::string effect = {};  // e.g. "install 5d… com.example"; empty: it changed nothing
  bool redundant = false;   // that was so already, or was queued already
};

// An event as it is posted to the target of a rule.
struct SimEvent {
  std::string url = {}, username = {}, password = {}, content_type = {}, body = {};
};

}  // namespace muster::uemsim

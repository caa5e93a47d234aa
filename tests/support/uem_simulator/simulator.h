// A simulator of Workspace ONE UEM: the part of its REST interface that a bridge uses, and the
// phones behind it. It follows what the vendor's interface documents say and what public clients
// do; nothing in it was verified against the real service, and every answer says that it comes from
// a simulator. See README.md here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bridge/adapters/ws1/http_transport.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "tests/support/uem_simulator/types.h"

namespace muster::uemsim {

class World;
class Gate;

// Thread-safe: one lock around all of it. Time comes from `clock` alone, so that a test's fake
// clock moves the phones too; whatever is due by then happens before a request is looked at.
class Simulator final : public bridge::HttpTransport {
 public:
  Simulator(SimOptions options, const Clock* clock);
  ~Simulator() override;

  // In the same process, whatever host the URL names. Never waits: see Exchange::latency.
  absl::StatusOr<bridge::HttpResponse> Send(const bridge::HttpRequest& request) override;
  struct Exchange {
    absl::StatusOr<bridge::HttpResponse> answer;
    absl::Duration latency;  // until the caller has the answer, or knows that none comes
    bool cut = false;        // the answer is whole here, and to be cut in half on the wire
  };
  Exchange Handle(const bridge::HttpRequest& request);
  // The latency of all requests since the last question, for a driver on a fake clock.
  absl::Duration TakeLatency();

  // What people and the agency do. NOT_FOUND: no such phone or group; FAILED_PRECONDITION: the
  // phone does not let them.
  std::string AddPhone(const SimPhone& phone);  // enrolled now; its UUID
  absl::Status InstallByPerson(const std::string& uuid, const std::string& bundle_id,
                               const std::string& version = "1.0");
  absl::Status RemoveByPerson(const std::string& uuid, const std::string& bundle_id);
  // The agency's administrator does, in the UEM's console, past whoever uses its interface.
  absl::Status InstallByAgency(const std::string& uuid, const std::string& bundle_id,
                               const std::string& version = "1.0");
  absl::Status RemoveProfileByPerson(const std::string& uuid, const std::string& identifier);
  absl::Status SetOnline(const std::string& uuid, bool online);
  absl::Status Unenroll(const std::string& uuid);  // "break MDM": what was managed goes
  absl::Status ReEnroll(const std::string& uuid, v1::PhoneFacts::Management management);
  absl::Status Delete(const std::string& uuid);  // out of the UEM's list
  absl::Status SetCompromised(const std::string& uuid, bool compromised);
  absl::Status SetPersonalAppsHidden(const std::string& uuid, bool hidden);
  uint64_t AddManagedApp(const SimManagedApp& app);     // its number
  std::string AddUserGroup(const SimUserGroup& group);  // its UUID
  void AddUser(const std::string& user);                // known to the UEM
  // The directory that a sync copies from.
  absl::Status SetDirectory(const std::string& group_uuid, std::vector<std::string> members);
  absl::Status SetSmartGroupReadOnly(const std::string& name, bool read_only);
  // As POST /api/system/eventnotifications. INVALID_ARGUMENT.
  absl::Status AddEventRule(const std::string& json);
  void RevokeTokens();  // before their time

  // The next requests whose path holds `path_part` meet this fault, before any by chance.
  void FailNext(Fault fault, uint32_t count = 1, std::string path_part = "");
  void SetFaultRates(const FaultRates& rates);

  // Everything that is due by the clock. Each request does so first.
  void Tick();
  absl::Time NextAt();  // when something is due again

  absl::StatusOr<PhoneTruth> Phone(const std::string& uuid);
  std::vector<PhoneTruth> Phones();
  std::vector<std::string> Members(const std::string& group_uuid);  // the UEM's copy, sorted
  std::vector<std::string> AppGroup(const std::string& name);       // its bundle ids, sorted
  std::vector<CallRecord> Calls();
  size_t effects();    // of all calls
  size_t redundant();  // effects that were there already
  std::vector<SimEvent> TakeEvents();

  // The server's own control paths (/simulator/…), no part of any UEM: see README.md here.
  bridge::HttpResponse Control(const bridge::HttpRequest& request);
  // "managed_apps", "user_groups", "users", "event_rules", "phones" as the control paths take them.
  absl::Status LoadWorld(const std::string& json);

 private:
  void AdvanceLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Exchange Carry(const bridge::HttpRequest& request, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const SimOptions options_;
  const Clock* const clock_;
  Mutex mu_;
  std::unique_ptr<World> world_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<Gate> gate_ ABSL_GUARDED_BY(mu_);
  absl::Duration latency_ ABSL_GUARDED_BY(mu_) = absl::ZeroDuration();
};

}  // namespace muster::uemsim

// What the parts of a fleet share. Each part decides about one thing and leaves what is to be done
// in the agenda and the outbox; the fleet carries calls and answers between them.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bridge/flow/agenda.h"
#include "bridge/flow/fleet_options.h"
#include "bridge/flow/operations.h"
#include "bridge/flow/phone_book.h"

namespace muster::bridge {

// Items of the agenda: what it is about, then which one.
inline constexpr absl::string_view kListItem = "list:";
inline constexpr absl::string_view kOpItem = "op:";        // an operation's key
inline constexpr absl::string_view kPhoneItem = "phone:";  // read it; device id
inline constexpr absl::string_view kFindItem = "find:";    // a phone that is not known; UEM's id
inline constexpr absl::string_view kGroupItem = "group:";  // application or smart group; name
inline constexpr absl::string_view kMembersItem = "members:";  // of a user group; UUID
std::string Item(absl::string_view kind, const std::string& name);

struct FleetParts {
  FleetParts(FleetOptions o, BridgeStore* s, FleetEvents e)
      : options(std::move(o)),
        store(s),
        events(std::move(e)),
        operations(s),
        book(options.tenant, options.bridge_id, s) {}

  const FleetOptions options;
  BridgeStore* const store;
  const FleetEvents events;
  Agenda agenda;
  Operations operations;
  PhoneBook book;

  // The store's own trouble: the next Next() tells of it, and nothing is sent until then.
  absl::Status trouble;
  void Note(const absl::Status& status) { trouble.Update(status); }

  // Into the outbox as QUEUED, due at `at`. What could not be saved is noted, and not queued.
  void Queue(v1::BridgeOperation operation, absl::Time at);
  // One that waits for something may go now, but not before its time.
  void Wake(const v1::BridgeOperation& operation);
  void ReadPhone(const std::string& device_id, Urgency urgency, absl::Time at);
  // Sends it again later, after a wait that grows with its attempts; REFUSED when there were too
  // many. `why` in words.
  void Retry(v1::BridgeOperation operation, const std::string& why, absl::Time now);
  // The UEM will not: again in a day, or when something changed.
  void Refuse(v1::BridgeOperation operation, const std::string& why, absl::Time now);
  // Read back, or wanted no more.
  void Close(const std::string& key);
  bool InFlight(const v1::BridgeOperation& operation) const;
};

v1::BridgeOperation NewOperation(v1::BridgeOperation::Kind kind, const std::string& target,
                                 const std::string& detail, absl::Time now);
// What the UEM says, short enough to keep.
std::string Words(absl::string_view text);
// "UNAVAILABLE: …".
std::string Words(const absl::Status& status);

}  // namespace muster::bridge

// What a membership that appears or goes means for requests and grants. Shared by the sync and
// by the write-back, so that both ways into the group end in the same state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/grant.pb.h"
#include "muster/v1/person.pb.h"

namespace muster {

struct SeenMember {
  const v1::Person& person;
  std::string app_id;
  std::vector<std::string> via;  // groups from the approval group down
  bool written_by_muster = false;
  std::string note = "";  // for the audit log
  std::string transaction_id = "";
};

// Stores the membership. A request in PROVISIONING becomes a grant and moves to VERIFYING; a
// member without request or grant becomes UNSANCTIONED; while a revocation is under way neither.
// An intent of the write-back is thereby done.
absl::Status WriteSeenMember(const Services& services, const Actor& actor, const Snapshot& snapshot,
                             const SeenMember& member, Mutation& mutation);

// The same for somebody of whom the caller knows that the store holds nothing for this app: no
// membership, request, grant (of whatever state), removal or intent. Looks nothing up.
absl::Status WriteNewcomer(const Services& services, const Actor& actor, const Snapshot& snapshot,
                           const SeenMember& member, Mutation& mutation);

// The grant that an approved request gives, with a new id or in place of `held`, an UNSANCTIONED
// one. Does not write the request.
absl::StatusOr<v1::Grant> WriteGrantOf(const Services& services, const Actor& actor,
                                       const Snapshot& snapshot, const v1::Request& request,
                                       const std::optional<Versioned<v1::Grant>>& held,
                                       Mutation& mutation);

struct GoneMember {
  std::string app_id, person_id;
  v1::SyncRun::Change::Cause cause = v1::SyncRun::Change::REVOKED_BY_MUSTER;
  std::string why;                    // for the audit log
  std::string seen_by = "";           // the run that saw it
  std::vector<std::string> via = {};  // of somebody DISABLED or EXPIRED: the path now
};

// DISABLED, EXPIRED: keeps the membership apart from those that count, and the grant as it is.
// Anything else removes it: a REVOKING grant is thereby verified absent from the group, and one
// that was held is revoked when the person LEFT_GROUP or is DELETED.
absl::Status WriteGoneMember(const Services& services, const Actor& actor, const Snapshot& snapshot,
                             const GoneMember& gone, Mutation& mutation);

// "disabled" or "expired", as Membership.inactive_because.
std::string InactiveBecause(v1::SyncRun::Change::Cause cause);

}  // namespace muster

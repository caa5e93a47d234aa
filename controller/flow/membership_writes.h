// What a membership that appears or goes means for requests and grants. Shared by the sync and
// by the write-back, so that both ways into the group end in the same state.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controller/flow/services.h"
#include "muster/v1/person.pb.h"

namespace muster {

struct SeenMember {
  const v1::Person& person;
  std::string app_id;
  std::vector<std::string> via;  // groups from the approval group down
  bool written_by_muster = false;
};

// Stores the membership. A request in PROVISIONING becomes a grant and moves to VERIFYING; a
// member without request or grant becomes UNSANCTIONED; while a revocation is under way neither.
absl::Status WriteSeenMember(const Services& services, const Actor& actor, const Snapshot& snapshot,
                             const SeenMember& member, Mutation& mutation);

// Removes the membership; a REVOKING grant is thereby verified absent from the group.
absl::Status WriteGoneMember(const Services& services, const Actor& actor, const Snapshot& snapshot,
                             const std::string& app_id, const std::string& person_id,
                             const std::string& why, Mutation& mutation);

}  // namespace muster

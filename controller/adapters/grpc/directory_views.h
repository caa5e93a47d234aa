// What operators read of the directory and its people: pages and views from one snapshot.
#pragma once

#include "absl/status/status.h"
#include "controller/flow/directory.h"
#include "controller/flow/services.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

absl::Status GetPerson(const Services& services, const v1::GetPersonRequest& in,
                       v1::PersonView& out);
absl::Status GetDirectoryStatus(const Services& services, const Directory& directory,
                                v1::DirectoryStatus& out);
absl::Status ListMembers(const Services& services, const v1::ListMembersRequest& in,
                         v1::ListMembersResponse& out);
absl::Status ListSyncRuns(const Services& services, const v1::ListSyncRunsRequest& in,
                          v1::ListSyncRunsResponse& out);
absl::Status GetSyncRun(const Services& services, const v1::GetSyncRunRequest& in,
                        v1::SyncRun& out);
absl::Status ExplainMembership(const Services& services, const v1::ExplainMemberRequest& in,
                               v1::ExplainMemberResponse& out);

}  // namespace muster

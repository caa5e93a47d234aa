// Who and what may not be destroyed, whatever a schedule says: a person's records, one chat, or a
// matter with its persons. Pure. A release ends a hold and deletes nothing.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/domain/request.h"
#include "muster/v1/archive.pb.h"

namespace muster {

bool IsInForce(const v1::Hold& hold);

// Of `holds`, in their order, those in force that keep this person's chat; the chat's key may be
// empty. Pointers into `holds`.
std::vector<const v1::Hold*> HoldsOn(absl::string_view person_id, absl::string_view chat_key,
                                     const std::vector<v1::Hold>& holds);

// INVALID_ARGUMENT: not exactly one of person, chat and matter; a chat key that is none; a matter
// without persons or with too many; a missing reason.
absl::Status CheckHold(const v1::Hold& hold);

// "person alice@agency.test", "chat 0123…", "matter 2027-14 with 3 persons".
std::string HoldWords(const v1::Hold& hold);

// FAILED_PRECONDITION: it was released before; INVALID_ARGUMENT: no reason.
absl::StatusOr<v1::Hold> ReleaseHold(const v1::Hold& hold, const Operator& by,
                                     absl::string_view reason, absl::Time now);

}  // namespace muster

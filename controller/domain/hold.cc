#include "controller/domain/hold.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster {
namespace {

bool Covers(const v1::Hold& hold, absl::string_view person_id, absl::string_view chat_key) {
  if (!hold.chat_key().empty()) return hold.chat_key() == chat_key;
  if (!hold.person_id().empty()) return hold.person_id() == person_id;
  const auto& persons = hold.person_ids();
  return std::find(persons.begin(), persons.end(), person_id) != persons.end();
}

bool IsChatKey(absl::string_view key) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return key.size() == 64 && std::all_of(key.begin(), key.end(), is_hex);
}

}  // namespace

bool IsInForce(const v1::Hold& hold) { return !hold.has_released_at(); }

std::vector<const v1::Hold*> HoldsOn(absl::string_view person_id, absl::string_view chat_key,
                                     const std::vector<v1::Hold>& holds) {
  std::vector<const v1::Hold*> out;
  for (const v1::Hold& hold : holds) {
    if (IsInForce(hold) && Covers(hold, person_id, chat_key)) out.push_back(&hold);
  }
  return out;
}

absl::Status CheckHold(const v1::Hold& hold) {
  MUSTER_RETURN_IF_ERROR(CheckReason(hold.reason()));
  const int named = (hold.person_id().empty() ? 0 : 1) + (hold.chat_key().empty() ? 0 : 1) +
                    (hold.matter().empty() ? 0 : 1);
  if (named != 1) {
    return absl::InvalidArgumentError(
        "a hold is on one person, on one chat, or on a matter with its persons: name one of them");
  }
  if (!hold.chat_key().empty() && !IsChatKey(hold.chat_key())) {
    return absl::InvalidArgumentError(
        "a chat's key is 64 characters from 0-9 and a-f, see `musterctl archive chats`");
  }
  MUSTER_RETURN_IF_ERROR(CheckFreeText("matter", hold.matter(), limits::kMaxTicketBytes));
  if (!hold.matter().empty() && hold.person_ids().empty()) {
    return absl::InvalidArgumentError("whose records does the matter hold? Name its persons");
  }
  if (static_cast<size_t>(hold.person_ids_size()) > limits::kMaxHoldPersons) {
    return absl::InvalidArgumentError(absl::StrCat("a hold names at most ", limits::kMaxHoldPersons,
                                                   " persons; place a second one for the others"));
  }
  return absl::OkStatus();
}

std::string HoldWords(const v1::Hold& hold) {
  if (!hold.chat_key().empty()) return absl::StrCat("chat ", hold.chat_key());
  if (!hold.person_id().empty()) return absl::StrCat("person ", hold.person_upn());
  return absl::StrCat("matter ", hold.matter(), " with ", hold.person_ids_size(), " persons");
}

absl::StatusOr<v1::Hold> ReleaseHold(const v1::Hold& hold, const Operator& by,
                                     absl::string_view reason, absl::Time now) {
  MUSTER_RETURN_IF_ERROR(CheckReason(reason));
  if (!IsInForce(hold)) {
    return absl::FailedPreconditionError(absl::StrCat(hold.hold_id(), " was released ",
                                                      TimeText(FromProto(hold.released_at())),
                                                      " by ", hold.released_by_upn()));
  }
  v1::Hold out = hold;
  out.set_released_by_upn(by.upn);
  *out.mutable_released_at() = ToProto(now);
  out.set_release_reason(std::string(reason));
  return out;
}

}  // namespace muster

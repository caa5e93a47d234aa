// What goes to the controller, and what becomes of its receipts.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/domain/receipt_match.h"
#include "agent/flow/archivist.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/archive_limits.h"
#include "common/crypto.h"

namespace muster::agent {
namespace {

// Moves the first of `from` to `to`, within what a report may hold.
template <typename List>
void TakeFirst(const List& from, List* to) {
  const int count = std::min<int>(from.size(), limits::kMaxUntold);
  for (int i = 0; i < count; ++i) *to->Add() = from.Get(i);
}

template <typename List>
void DropFirst(int count, List* list) {
  list->DeleteSubrange(0, std::min(count, list->size()));
}

bool IsUntold(const v1::ArchiveState::Export& e) {
  return !e.reported() || (e.packed() && !e.packed_reported());
}

// The name says which bag; it is checked with the signature.
std::string BagNamed(const v1::SignedDoc& doc) {
  v1::AnyPayload any;
  const std::string prefix = ReceiptName("");
  if (!any.ParseFromString(doc.payload()) || !absl::StartsWith(any.header().name(), prefix)) {
    return "";
  }
  return any.header().name().substr(prefix.size());
}

void AddRefusal(const std::string& sha256, const std::string& bag_id, const std::string& code,
                v1::ArchiveState& state) {
  for (const v1::ReceiptRefusal& r : state.unreported().receipts_refused()) {
    if (r.receipt_sha256() == sha256) return;
  }
  if (static_cast<size_t>(state.unreported().receipts_refused_size()) >= limits::kMaxUntold) {
    return;
  }
  v1::ReceiptRefusal* refusal = state.mutable_unreported()->add_receipts_refused();
  refusal->set_receipt_sha256(sha256);
  // Nothing of an unverified text but what an id can be.
  if (bag_id.size() == 32 && bag_id.find_first_not_of("0123456789abcdef") == std::string::npos) {
    refusal->set_bag_id(bag_id);
  }
  refusal->set_code(code);
}

void AddHeld(const std::string& sha256, v1::ArchiveState& state) {
  const auto& held = state.unreported().receipts_held();
  if (std::find(held.begin(), held.end(), sha256) != held.end()) return;
  if (static_cast<size_t>(held.size()) >= limits::kMaxKnownExports) return;
  state.mutable_unreported()->add_receipts_held(sha256);
}

std::string CodeOf(const absl::Status& status) {
  const std::optional<VerifyCode> code = VerifyCodeOf(status);
  return code ? std::string(VerifyCodeName(*code)) : "MALFORMED";
}

}  // namespace

v1::ArchiveReport NextArchiveReport(const v1::ArchiveState& state) {
  v1::ArchiveReport out;
  const v1::ArchiveReport& waiting = state.unreported();
  TakeFirst(waiting.statements(), out.mutable_statements());
  TakeFirst(waiting.windows(), out.mutable_windows());
  TakeFirst(waiting.attestations(), out.mutable_attestations());
  TakeFirst(waiting.receipts_held(), out.mutable_receipts_held());
  TakeFirst(waiting.receipts_refused(), out.mutable_receipts_refused());
  TakeFirst(waiting.unreadable(), out.mutable_unreadable());
  size_t bytes = out.ByteSizeLong();
  for (const v1::ArchiveState::Export& e : state.exports()) {
    if (!IsUntold(e)) continue;
    bytes += e.seen().ByteSizeLong();
    const size_t have = static_cast<size_t>(out.exports_size());
    if (have >= limits::kMaxExportsPerReport ||
        (have > 0 && bytes > limits::kMaxArchiveReportBytes)) {
      break;
    }
    *out.add_exports() = e.seen();
  }
  return out;
}

// Only the archivist's one thread takes from the front; others add at the end.
void MarkTold(const v1::ArchiveReport& told, v1::ArchiveState& state) {
  v1::ArchiveReport* waiting = state.mutable_unreported();
  DropFirst(told.statements_size(), waiting->mutable_statements());
  DropFirst(told.windows_size(), waiting->mutable_windows());
  DropFirst(told.attestations_size(), waiting->mutable_attestations());
  DropFirst(told.receipts_held_size(), waiting->mutable_receipts_held());
  DropFirst(told.receipts_refused_size(), waiting->mutable_receipts_refused());
  DropFirst(told.unreadable_size(), waiting->mutable_unreadable());
  for (const v1::ExportSeen& seen : told.exports()) {
    v1::ArchiveState::Export* e =
        FindExport(state, seen.person_id(), seen.app_id(), seen.export_sha256());
    if (e == nullptr) continue;
    e->set_reported(true);
    if (!seen.bag_id().empty()) e->set_packed_reported(true);
    // Many, and the controller has them.
    e->mutable_seen()->clear_participant_keys();
  }
}

std::optional<NewlyHeld> TakeReceipt(const v1::SignedDoc& doc, const Trust& trust,
                                     const std::string& device_id, absl::Time now,
                                     v1::ArchiveState& state) {
  const std::string bag_id = BagNamed(doc);
  const std::string sha256 = Sha256Hex(doc.payload());
  const absl::StatusOr<Verified<v1::Receipt>> verified =
      VerifyReceipt({doc, trust, ReceiptName(bag_id), Floor(), now});
  if (!verified.ok()) {
    Log(Severity::kWarning, "refused a receipt: ", verified.status().message());
    AddRefusal(sha256, bag_id, CodeOf(verified.status()), state);
    return std::nullopt;
  }
  const v1::Receipt& receipt = verified->payload();
  v1::ArchiveState::Export* packed = receipt.bag_id() == bag_id ? FindBag(state, bag_id) : nullptr;
  const std::string fault = ReceiptFault(receipt, sha256, packed, device_id);
  if (!fault.empty()) {
    Log(Severity::kWarning, "refused the receipt for bag ", bag_id, ": ", fault);
    AddRefusal(sha256, bag_id, fault, state);
    return std::nullopt;
  }
  AddHeld(sha256, state);
  if (packed->receipt_sha256() == sha256) return std::nullopt;  // replayed: held again
  packed->set_receipt_sha256(sha256);
  if (static_cast<size_t>(state.receipts_size()) >= limits::kMaxKnownExports) {
    state.mutable_receipts()->DeleteSubrange(0, 1);
  }
  *state.add_receipts() = doc;
  return NewlyHeld{packed->seen().person_id(), packed->seen().app_id()};
}

}  // namespace muster::agent

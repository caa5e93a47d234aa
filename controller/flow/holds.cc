#include "controller/flow/holds.h"

#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/domain/hold.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/request_decisions.h"

namespace muster {
namespace {

absl::StatusOr<v1::Hold> NewHold(const Services& services, const Snapshot& snapshot,
                                 const Actor& actor, const v1::PlaceHoldRequest& in) {
  v1::Hold out;
  out.set_chat_key(in.chat_key());
  out.set_matter(in.matter());
  out.set_reason(in.reason());
  out.set_placed_by_upn(actor.who.upn);
  *out.mutable_placed_at() = ToProto(services.clock.Now());
  if (!in.person_upn().empty()) {
    MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(snapshot, in.person_upn()));
    out.set_person_id(person.person_id());
    out.set_person_upn(person.upn());
  }
  if (in.matter().empty() && !in.person_upns().empty()) {
    return absl::InvalidArgumentError("several persons are held for a matter; name it");
  }
  if (static_cast<size_t>(in.person_upns_size()) > 2 * limits::kMaxHoldPersons) {
    return absl::InvalidArgumentError("too many persons for one hold");
  }
  std::set<std::string> known;
  std::vector<std::string> upns;
  for (const std::string& upn : in.person_upns()) {
    MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(snapshot, upn));
    if (!known.insert(person.person_id()).second) continue;
    out.add_person_ids(person.person_id());
    upns.push_back(person.upn());
  }
  if (!upns.empty() && in.person_upn().empty()) out.set_person_upn(absl::StrJoin(upns, ", "));
  return out;
}

void AuditHold(const Services& services, const Actor& actor, absl::string_view verb,
               const std::string& reason, const v1::Hold* before, const v1::Hold& after,
               Mutation& mutation) {
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = std::string(verb),
                                           .object = absl::StrCat("hold/", after.hold_id()),
                                           .before = before,
                                           .after = &after,
                                           .reason = reason}));
}

Touched TouchedByHold(const v1::Hold& hold, absl::string_view what) {
  Touched out;
  out.changes = {absl::StrCat(what, " ", HoldWords(hold))};
  out.persons = static_cast<uint32_t>(hold.person_ids_size()) + (hold.person_id().empty() ? 0 : 1);
  return out;
}

absl::StatusOr<HoldOutcome> TryPlace(const Services& services, const Actor& actor,
                                     const v1::PlaceHoldRequest& in) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  HoldOutcome out;
  MUSTER_ASSIGN_OR_RETURN(out.hold, NewHold(services, *snapshot, actor, in));
  MUSTER_RETURN_IF_ERROR(CheckHold(out.hold));
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> all, KeyTails(*snapshot, "hold/"));
  if (all.size() >= limits::kMaxHolds) {
    return absl::ResourceExhaustedError(
        absl::StrCat("there are ", all.size(), " holds; no more can be placed"));
  }
  out.touched = TouchedByHold(out.hold, "held:");
  if (in.dry_run()) return out;
  Mutation mutation;
  MUSTER_ASSIGN_OR_RETURN(*out.hold.mutable_hold_id(), NextId(*snapshot, "HOLD", mutation));
  mutation.expects.push_back({HoldKey(out.hold.hold_id()), 0});
  Put(mutation, HoldKey(out.hold.hold_id()), out.hold);
  AuditHold(services, actor, "hold.place", in.reason(), nullptr, out.hold, mutation);
  MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, services.store.Commit(std::move(mutation)));
  out.hold.set_revision(revision);
  return out;
}

absl::StatusOr<HoldOutcome> TryEnd(const Services& services, const Actor& actor,
                                   const v1::ReleaseHoldRequest& in) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(
      const Versioned<v1::Hold> before,
      Load<v1::Hold>(*snapshot, HoldKey(in.hold_id()),
                     absl::StrCat("no hold '", in.hold_id(), "'; see `musterctl hold list`")));
  MUSTER_RETURN_IF_ERROR(CheckRevision(in.hold_id(), in.expected_revision(), before.revision));
  HoldOutcome out;
  MUSTER_ASSIGN_OR_RETURN(out.hold,
                          ReleaseHold(before.value, actor.who, in.reason(), services.clock.Now()));
  out.touched = TouchedByHold(out.hold, "no longer held for this:");
  out.hold.set_revision(before.revision);
  if (in.dry_run()) return out;
  out.hold.clear_revision();
  Mutation mutation;
  mutation.expects.push_back({HoldKey(in.hold_id()), before.revision});
  Put(mutation, HoldKey(in.hold_id()), out.hold);
  AuditHold(services, actor, "hold.release", in.reason(), &before.value, out.hold, mutation);
  MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, services.store.Commit(std::move(mutation)));
  out.hold.set_revision(revision);
  return out;
}

}  // namespace

absl::StatusOr<std::vector<v1::Hold>> LoadHolds(const Snapshot& snapshot) {
  std::vector<v1::Hold> out;
  MUSTER_RETURN_IF_ERROR(
      ForEach<v1::Hold>(snapshot, "hold/", [&](const std::string&, Versioned<v1::Hold>& found) {
        out.push_back(std::move(found.value));
        return absl::OkStatus();
      }));
  return out;
}

absl::StatusOr<HoldOutcome> PlaceHold(const Services& services, const Actor& actor,
                                      const v1::PlaceHoldRequest& in) {
  return RetryAborted([&] { return TryPlace(services, actor, in); });
}

absl::StatusOr<HoldOutcome> EndHold(const Services& services, const Actor& actor,
                                    const v1::ReleaseHoldRequest& in) {
  return RetryAborted([&] { return TryEnd(services, actor, in); });
}

}  // namespace muster

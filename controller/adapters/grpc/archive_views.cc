#include "controller/adapters/grpc/archive_views.h"

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "controller/adapters/grpc/paging.h"
#include "controller/domain/cannot_be_known.h"
#include "controller/domain/hold.h"
#include "controller/domain/retention.h"
#include "controller/flow/lookup.h"
#include "controller/flow/receipts.h"
#include "controller/flow/retention.h"

namespace muster {
namespace {

// A list of one person's records is read from there only.
absl::StatusOr<std::string> PrefixFor(const Snapshot& snapshot, absl::string_view kind,
                                      const std::string& upn, const std::string& app) {
  if (upn.empty()) return absl::StrCat(kind, "/");
  MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(snapshot, upn));
  return absl::StrCat(kind, "/", person.person_id(), "/",
                      app.empty() ? "" : absl::StrCat(app, "/"));
}

bool Matches(const v1::ListObligationsRequest& in, const v1::Obligation& o) {
  return (in.app_id().empty() || o.app_id() == in.app_id()) &&
         (in.device_id().empty() || o.device_id() == in.device_id()) &&
         (in.state() == v1::Obligation::UNSPECIFIED || o.state() == in.state()) &&
         (in.office().empty() || absl::EqualsIgnoreCase(o.office(), in.office())) &&
         (!in.not_compliant() || !o.compliant());
}

v1::ExportView ViewOf(const v1::ExportRecord& record, const RetentionDecision& kept) {
  v1::ExportView view;
  *view.mutable_seen() = record.seen();
  view.set_device_id(record.device_id());
  view.set_level(record.receipt_sha256().empty() ? v1::Evidence::E2_SEEN
                                                 : v1::Evidence::E3_RECEIPTED);
  view.set_bag_id(record.seen().bag_id());
  if (record.has_received_at()) *view.mutable_received_at() = record.received_at();
  view.set_retention(kept.state);
  view.set_retention_because(kept.because);
  view.set_held(kept.held);
  view.set_may_be_destroyed(kept.may_be_destroyed);
  return view;
}

// Whose exports they are, and what their retention rests on; each person is read once.
class Keeper {
 public:
  explicit Keeper(const Snapshot& snapshot) : snapshot_(snapshot) {}

  absl::Status Load() {
    MUSTER_ASSIGN_OR_RETURN(policy_, LoadRetention(snapshot_));
    return ForEach<v1::Hold>(snapshot_, HoldKey(""),
                             [&](const std::string&, Versioned<v1::Hold>& hold) {
                               holds_.push_back(std::move(hold.value));
                               return absl::OkStatus();
                             });
  }

  absl::StatusOr<v1::ExportView> Show(const v1::ExportRecord& record) {
    const v1::ExportSeen& seen = record.seen();
    RetentionFacts facts;
    MUSTER_ASSIGN_OR_RETURN(const Owner owner, OwnerOf(seen.person_id()));
    facts.roles = owner.roles;
    facts.schedules.assign(policy_.schedules().begin(), policy_.schedules().end());
    MUSTER_ASSIGN_OR_RETURN(facts.zone, AgencyZone(policy_));
    for (const v1::Hold* hold : HoldsOn(seen.person_id(), seen.chat_key(), holds_)) {
      facts.hold_ids.push_back(hold->hold_id());
    }
    v1::ExportView view = ViewOf(record, RetentionOf(seen, facts));
    view.set_person_upn(owner.upn);
    return view;
  }

 private:
  struct Owner {
    std::string upn;  // empty: no longer in the directory
    std::vector<v1::PersonRole> roles;
  };

  absl::StatusOr<Owner> OwnerOf(const std::string& person_id) {
    if (const auto it = owners_.find(person_id); it != owners_.end()) return it->second;
    Owner out;
    std::vector<v1::PersonRole>& past = out.roles;
    MUSTER_RETURN_IF_ERROR(
        ForEach<v1::PersonRole>(snapshot_, absl::StrCat("role/", person_id, "/"),
                                [&](const std::string&, Versioned<v1::PersonRole>& role) {
                                  past.insert(past.begin(), std::move(role.value));
                                  return absl::OkStatus();
                                }));
    MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot_, PersonKey(person_id)));
    if (person) {
      out.upn = person->value.upn();
      past = AllRoles(person->value, std::move(past));
    }
    return owners_[person_id] = std::move(out);
  }

  const Snapshot& snapshot_;
  v1::RetentionPolicy policy_;
  std::vector<v1::Hold> holds_;
  std::map<std::string, Owner> owners_;
};

}  // namespace

absl::Status ListObligations(const Services& services, const v1::ListObligationsRequest& in,
                             v1::ListObligationsResponse& out) {
  const auto snapshot = services.store.Read();
  out.set_cannot_be_known(kCannotBeKnown);
  MUSTER_ASSIGN_OR_RETURN(const std::string prefix,
                          PrefixFor(*snapshot, "obligation", in.person_upn(), in.app_id()));
  return Page<v1::Obligation>(
      *snapshot, prefix, in.page_size(), in.cursor(),
      [&](const v1::Obligation& obligation) {
        if (Matches(in, obligation)) *out.add_items() = obligation;
        return absl::OkStatus();
      },
      out);
}

absl::Status ListExports(const Services& services, const v1::ListExportsRequest& in,
                         v1::ListExportsResponse& out) {
  const auto snapshot = services.store.Read();
  out.set_cannot_be_known(kCannotBeKnown);
  MUSTER_ASSIGN_OR_RETURN(const std::string prefix,
                          PrefixFor(*snapshot, "export", in.person_upn(), in.app_id()));
  Keeper keeper(*snapshot);
  MUSTER_RETURN_IF_ERROR(keeper.Load());
  return Page<v1::ExportRecord>(
      *snapshot, prefix, in.page_size(), in.cursor(),
      [&](const v1::ExportRecord& record) -> absl::Status {
        const v1::ExportSeen& seen = record.seen();
        const bool asked = (in.app_id().empty() || seen.app_id() == in.app_id()) &&
                           (in.chat_key().empty() || seen.chat_key() == in.chat_key());
        if (!asked) return absl::OkStatus();
        MUSTER_ASSIGN_OR_RETURN(*out.add_items(), keeper.Show(record));
        return absl::OkStatus();
      },
      out);
}

absl::Status GetRetention(const Services& services, v1::RetentionPolicy& out) {
  MUSTER_ASSIGN_OR_RETURN(out, LoadRetention(*services.store.Read()));
  return absl::OkStatus();
}

absl::Status DoSubmitReceipts(const Services& services, const Actor& actor,
                              const v1::SubmitReceiptsRequest& in,
                              v1::SubmitReceiptsResponse& out) {
  MUSTER_ASSIGN_OR_RETURN(
      const auto verdicts,
      SubmitReceipts(services, actor, {in.receipts().begin(), in.receipts().end()}, in.dry_run()));
  for (const ReceiptVerdict& verdict : verdicts) {
    v1::ReceiptResult* item = out.add_items();
    item->set_bag_id(verdict.bag_id);
    item->set_code(verdict.code);
    item->set_detail(verdict.detail);
  }
  return absl::OkStatus();
}

}  // namespace muster

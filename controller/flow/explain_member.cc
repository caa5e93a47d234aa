#include "controller/flow/explain_member.h"

#include <optional>
#include <set>
#include <utility>

#include "common/time_proto.h"
#include "controller/domain/archive_guidance.h"
#include "controller/domain/grant.h"
#include "controller/domain/membership.h"
#include "controller/flow/attestations.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

// One condition after the other; the first that does not hold says what to do next.
class Chain {
 public:
  void Add(std::string condition, bool holds, std::string detail, std::string next_step) {
    Note(std::move(condition), holds, std::move(detail));
    if (holds || !effective_) return;
    effective_ = false;
    out_.set_next_step(std::move(next_step));
  }

  // A fact that is told beside the conditions.
  void Note(std::string fact, bool holds, std::string detail) {
    v1::Explanation::Link* link = out_.add_chain();
    link->set_condition(std::move(fact));
    link->set_holds(holds);
    link->set_detail(std::move(detail));
  }

  v1::MemberExplanation Finish(const std::string& app_id) && {
    out_.set_app_id(app_id);
    out_.set_effective(effective_);
    return std::move(out_);
  }

 private:
  v1::MemberExplanation out_;
  bool effective_ = true;
};

struct Facts {
  const Services& services;
  const Snapshot& snapshot;
  const v1::Person& person;
  absl::Time now;
  std::optional<absl::Time> attest_since;
};

void AddAccount(const Facts& f, Chain& chain) {
  const v1::Person& p = f.person;
  chain.Add("in the directory", !p.deleted(),
            absl::StrCat(p.distinguished_name(), ", id ", p.person_id()),
            "the account is gone; nothing can be granted to it");
  chain.Add("the account is enabled", p.enabled(), p.enabled() ? "enabled" : "disabled",
            "have the account enabled in the directory; the grant is kept meanwhile");
  const bool ended = p.has_expires_at() && f.now >= FromProto(p.expires_at());
  const std::string when = p.has_expires_at() ? TimeText(FromProto(p.expires_at())) : "";
  chain.Add("the account has not expired", !ended,
            when.empty() ? "never expires" : absl::StrCat(ended ? "ended " : "ends ", when),
            "have the end of the account moved in the directory; the grant is kept meanwhile");
}

absl::Status AddGroup(const Facts& f, const std::string& app_id, bool needed, Chain& chain) {
  const auto group = f.services.settings.groups.find(app_id);
  if (group == f.services.settings.groups.end()) {
    chain.Add("in the approval group", !needed, "no approval group is configured for this app",
              absl::StrCat("an administrator adds `", app_id,
                           ": <group>` under directory.groups in musterd.yaml"));
    return absl::OkStatus();
  }
  MUSTER_ASSIGN_OR_RETURN(const auto member,
                          FindMembership(f.snapshot, app_id, f.person.person_id()));
  if (!member) {
    chain.Add("in the approval group", !needed,
              absl::StrCat("not in ", ShortName(group->second), " nor in a group within it"),
              "file a request with `musterctl request submit`; an approved one adds the person");
    return absl::OkStatus();
  }
  chain.Add("in the approval group", true,
            absl::StrCat("through ", ShortPath({member->via().begin(), member->via().end()}),
                         " since ", TimeText(FromProto(member->seen_at())),
                         member->written_by_muster() ? ", added by Muster" : ", added by hand"),
            "");
  return absl::OkStatus();
}

// The grant that counts: the one that holds, else the newest.
absl::StatusOr<std::optional<v1::Grant>> CountingGrant(const Facts& f, const std::string& app_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(f.snapshot, f.person.person_id()));
  std::optional<v1::Grant> out;
  for (const v1::Grant& grant : grants) {
    if (grant.app_id() != app_id) continue;
    if (!out || Holds(grant.state()) || !Holds(out->state())) out = grant;
  }
  return out;
}

std::string NextStepFor(const v1::Grant& grant) {
  const std::string& id = grant.grant_id();
  switch (grant.state()) {
    case v1::Grant::UNSANCTIONED:
      return absl::StrCat("nobody asked for this: file a request, or `musterctl grant adopt ", id,
                          "`, or take the person out of the group");
    case v1::Grant::SUSPENDED:
      return "the grant resumes when what suspended it ends";
    default:
      return "file a new request with `musterctl request submit`";
  }
}

absl::Status AddNoGrant(const Facts& f, const std::string& app_id, Chain& chain) {
  MUSTER_ASSIGN_OR_RETURN(const auto open,
                          f.snapshot.Get(OpenRequestKey(f.person.person_id(), app_id)));
  std::string detail = "none", next = "file a request with `musterctl request submit`";
  if (open) {
    MUSTER_ASSIGN_OR_RETURN(const auto request,
                            Find<v1::Request>(f.snapshot, RequestKey(open->bytes)));
    if (request) {
      detail = absl::StrCat("none yet: ", open->bytes, " is ",
                            v1::Request::State_Name(request->value.state()),
                            request->value.detail().empty() ? "" : ", ", request->value.detail());
      next = absl::StrCat("follow `musterctl request show ", open->bytes, "`");
    }
  }
  chain.Add("a grant that is live", false, detail, next);
  return absl::OkStatus();
}

void AddGrant(const Facts& f, const v1::Grant& grant, Chain& chain) {
  const bool live_state = grant.state() == v1::Grant::ACTIVE ||
                          grant.state() == v1::Grant::RECERT_DUE ||
                          grant.state() == v1::Grant::BREAK_GLASS;
  const bool in_term = f.now < FromProto(grant.not_after());
  std::string detail = absl::StrCat(grant.grant_id(), " is ", v1::Grant::State_Name(grant.state()));
  if (grant.has_not_after()) {
    absl::StrAppend(&detail, in_term ? ", until " : ", ended ",
                    TimeText(FromProto(grant.not_after())));
  }
  if (!grant.revoke_reason().empty()) absl::StrAppend(&detail, ": ", grant.revoke_reason());
  chain.Add("a grant that is live", live_state && in_term, detail, NextStepFor(grant));
  if (grant.state() == v1::Grant::BREAK_GLASS) return;
  const std::string& training = grant.training_acknowledged();
  chain.Add("the training is acknowledged", !training.empty(),
            training.empty() ? "not acknowledged" : absl::StrCat("version ", training),
            grant.request_id().empty() ? absl::StrCat("`musterctl grant training ",
                                                      grant.grant_id(), " --version VERSION`")
                                       : absl::StrCat("`musterctl request training ",
                                                      grant.request_id(), " --version VERSION`"));
  if (f.attest_since) {
    const std::string& attested = grant.archive_attestation().version();
    const bool owes = OwesAttestation(grant, f.attest_since);
    chain.Add("the archive guidance is attested", !owes,
              !attested.empty() ? absl::StrCat("version ", attested)
              : owes            ? "not attested"
                                : "not needed until the grant is certified anew",
              absl::StrCat("`musterctl archive attest --person ", grant.person_upn(), " --app ",
                           grant.app_id(), " --version VERSION`"));
  }
}

void AddTrm(const AppFacts& app, Chain& chain) {
  chain.Add("the app is RESTRICTED", app.trm.status() == v1::Trm::RESTRICTED,
            absl::StrCat(v1::Trm::Status_Name(app.trm.status()),
                         app.trm.decision_id().empty() ? "" : " by ", app.trm.decision_id()),
            "grants count for RESTRICTED apps only; the TRM office decides that");
}

absl::Status AddLastRead(const Facts& f, Chain& chain) {
  MUSTER_ASSIGN_OR_RETURN(const auto last, Find<v1::SyncRun>(f.snapshot, kLastAppliedRunKey));
  MUSTER_ASSIGN_OR_RETURN(const auto failing, Find<v1::SyncRun>(f.snapshot, kFailingRunKey));
  const std::string at =
      last ? absl::StrCat("last read ", TimeText(FromProto(last->value.ended_at()))) : "never read";
  chain.Note("the directory is read", !failing,
             failing ? absl::StrCat(at, "; ", failing->value.detail()) : at);
  return absl::OkStatus();
}

absl::StatusOr<v1::MemberExplanation> ExplainFor(const Facts& f, const std::string& app_id) {
  MUSTER_ASSIGN_OR_RETURN(const AppFacts app, LoadApp(f.snapshot, app_id));
  MUSTER_ASSIGN_OR_RETURN(const auto grant, CountingGrant(f, app_id));
  Chain chain;
  AddAccount(f, chain);
  const bool needs_group = !grant || grant->state() != v1::Grant::BREAK_GLASS;
  MUSTER_RETURN_IF_ERROR(AddGroup(f, app_id, needs_group, chain));
  if (grant) {
    AddGrant(f, *grant, chain);
  } else {
    MUSTER_RETURN_IF_ERROR(AddNoGrant(f, app_id, chain));
  }
  AddTrm(app, chain);
  MUSTER_RETURN_IF_ERROR(AddLastRead(f, chain));
  return std::move(chain).Finish(app_id);
}

}  // namespace

absl::StatusOr<std::vector<v1::MemberExplanation>> ExplainMember(const Services& services,
                                                                 const std::string& person_upn,
                                                                 const std::string& app_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(*snapshot, person_upn));
  std::set<std::string> apps;
  if (!app_id.empty()) {
    apps.insert(app_id);
  } else {
    for (const auto& [app, group] : services.settings.groups) apps.insert(app);
    MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(*snapshot, person.person_id()));
    for (const v1::Grant& grant : grants) apps.insert(grant.app_id());
  }
  MUSTER_ASSIGN_OR_RETURN(const auto attest_since, AttestSince(*snapshot));
  const Facts facts = {services, *snapshot, person, services.clock.Now(), attest_since};
  std::vector<v1::MemberExplanation> out;
  for (const std::string& app : apps) {
    // An app may have a group, or an old grant, and no entry in the catalogue any more.
    absl::StatusOr<v1::MemberExplanation> one = ExplainFor(facts, app);
    if (app_id.empty() && absl::IsNotFound(one.status())) continue;
    MUSTER_RETURN_IF_ERROR(one.status());
    out.push_back(*std::move(one));
  }
  return out;
}

}  // namespace muster

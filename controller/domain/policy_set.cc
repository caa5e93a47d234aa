#include "controller/domain/policy_set.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/limits.h"
#include "controller/domain/chunks.h"
#include "google/protobuf/util/message_differencer.h"

namespace muster {
namespace {

using google::protobuf::util::MessageDifferencer;

template <typename T>
PolicyIssue IssueAt(const Located<T>& where, std::string message,
                    PolicyIssue::Severity severity = PolicyIssue::Severity::kError) {
  return {severity, where.file, where.line, where.column, std::move(message)};
}

std::string CatalogueFile(const std::string& id) { return absl::StrCat("catalogue/", id, ".yaml"); }

std::string Count(int n, absl::string_view one, absl::string_view many) {
  return absl::StrCat(n, " ", n == 1 ? one : many);
}

v1::Trm::Status StatusOf(const PolicySet& set, const std::string& app) {
  const auto it = set.trm.find(app);
  return it == set.trm.end() ? v1::Trm::UNLISTED : it->second.status();
}

// Works out the result of one apply; the steps run in order.
class Planner {
 public:
  Planner(const PolicySet& current, const LoadedPolicies& loaded, bool prune, absl::Time now)
      : current_(current), loaded_(loaded), prune_(prune), now_(now) {
    change_.result = current;
  }

  PolicyChange Plan() {
    ApplyApps();
    ApplyTrm();
    ApplyBlocklist();
    PlanCohorts(current_, loaded_, now_, change_);
    if (loaded_.retention) change_.result.retention = loaded_.retention;
    CheckReferences();
    CheckFacts();
    CheckPermittedAndBlocked();
    SortAndCapIssues(&change_.issues);
    if (HasErrors(change_.issues)) {
      change_.result = current_;
    } else {
      Describe();
    }
    return std::move(change_);
  }

 private:
  void Error(std::string file, std::string message) {
    change_.issues.push_back(
        {PolicyIssue::Severity::kError, std::move(file), 0, 0, std::move(message)});
  }

  void ApplyApps() {
    std::set<std::string> named;
    for (const Located<v1::App>& app : loaded_.apps) {
      const std::string& id = app.value.id();
      if (!named.insert(id).second) {
        change_.issues.push_back(
            IssueAt(app, absl::StrCat("app '", id, "' is given twice; one file per app")));
        continue;
      }
      change_.result.apps[id] = app.value;
      app_at_[id] = &app;
    }
    if (prune_ && !named.empty()) {
      std::erase_if(change_.result.apps,
                    [&](const auto& entry) { return named.count(entry.first) == 0; });
    }
    if (change_.result.apps.empty()) {
      Error("catalogue", "the catalogue would be empty; give at least one catalogue/<id>.yaml");
    }
  }

  void ApplyTrm() {
    if (!loaded_.trm.has_value()) return;
    if (loaded_.trm->empty()) Error("trm.yaml", "no decision is listed; give at least one entry");
    if (prune_) change_.result.trm.clear();
    for (const Located<v1::Trm>& entry : *loaded_.trm) {
      const std::string& id = entry.value.app_id();
      if (!trm_at_.emplace(id, &entry).second) {
        change_.issues.push_back(
            IssueAt(entry, absl::StrCat("app '", id, "' has two entries; keep one")));
        continue;
      }
      v1::Trm trm = entry.value;
      const auto before = current_.trm.find(id);
      if (before != current_.trm.end() && before->second.status() == trm.status() &&
          before->second.has_export_until()) {
        *trm.mutable_export_until() = before->second.export_until();
      }
      change_.result.trm[id] = std::move(trm);
    }
  }

  void ApplyBlocklist() {
    if (!loaded_.blocklist.has_value()) return;
    if (loaded_.blocklist->empty()) {
      Error("blocklist.yaml", "the blocklist would be empty; list at least one app id");
    }
    change_.result.blocklist.clear();
    for (const Located<std::string>& entry : *loaded_.blocklist) {
      change_.result.blocklist.insert(entry.value);
      blocked_at_.emplace(entry.value, &entry);
    }
  }

  void CheckReferences() {
    for (const auto& [id, trm] : change_.result.trm) CheckReference(id, trm_at_, "TRM entry");
    for (const std::string& id : change_.result.blocklist) {
      CheckReference(id, blocked_at_, "blocklist entry");
    }
  }

  // An entry of this apply is wrong where it stands; one from before is wrong because the app
  // goes away under it.
  template <typename T>
  void CheckReference(const std::string& id, const std::map<std::string, const Located<T>*>& at,
                      absl::string_view what) {
    if (change_.result.apps.count(id) > 0) return;
    const bool was_there = current_.apps.count(id) > 0;
    if (const auto it = at.find(id); it != at.end()) {
      change_.issues.push_back(IssueAt(
          *it->second, was_there
                           ? absl::StrCat("app '", id, "' would be removed by this apply; add ",
                                          CatalogueFile(id), " or remove this entry")
                           : absl::StrCat("app '", id, "' is not in the catalogue; add ",
                                          CatalogueFile(id), " or correct the id")));
      return;
    }
    Error(CatalogueFile(id),
          absl::StrCat("app '", id, "' would be removed, but still has a ", what,
                       "; keep this file, or apply a ",
                       what == "TRM entry" ? "trm.yaml" : "blocklist.yaml", " without it"));
  }

  void CheckFacts() {
    std::map<std::string, std::string> owner;  // fact -> app id
    for (const auto& [id, app] : change_.result.apps) {
      if (const auto at = app_at_.find(id); at != app_at_.end() && !FitsChunk(app)) {
        change_.issues.push_back(IssueAt(
            *at->second, absl::StrCat("app '", id, "' takes ", app.ByteSizeLong(),
                                      " bytes on the wire, more than one app may; give it fewer "
                                      "identities or paths")));
      }
      for (const std::string& fact : FactsOfApp(app)) {
        const auto [it, is_new] = owner.emplace(fact, id);
        if (!is_new && it->second != id) ReportSharedFact(fact, it->second, id);
      }
    }
  }

  void ReportSharedFact(const std::string& fact, const std::string& one, const std::string& two) {
    auto at = app_at_.find(two);
    if (at == app_at_.end()) at = app_at_.find(one);
    const std::string message = absl::StrCat("'", fact, "' is an identity of both app '", one,
                                             "' and app '", two, "'; keep it in one of them");
    if (at == app_at_.end()) {
      Error(CatalogueFile(two), message);
    } else {
      change_.issues.push_back(IssueAt(*at->second, message));
    }
  }

  void CheckPermittedAndBlocked() {
    constexpr auto kWarning = PolicyIssue::Severity::kWarning;
    for (const std::string& id : change_.result.blocklist) {
      if (StatusOf(change_.result, id) != v1::Trm::PERMITTED) continue;
      const std::string message = absl::StrCat(
          "app '", id, "' is PERMITTED and blocklisted, so it stays blocked; remove it from ",
          "blocklist.yaml or change its TRM status");
      if (const auto trm = trm_at_.find(id); trm != trm_at_.end()) {
        change_.issues.push_back(IssueAt(*trm->second, message, kWarning));
      } else if (const auto entry = blocked_at_.find(id); entry != blocked_at_.end()) {
        change_.issues.push_back(IssueAt(*entry->second, message, kWarning));
      } else {
        change_.issues.push_back({kWarning, "blocklist.yaml", 0, 0, message});
      }
    }
  }

  void Describe();
  void DescribeApp(const v1::App* before, const v1::App* after);
  void DescribeTrm(const std::string& id, const v1::Trm& before, const v1::Trm& after);
  void Changed(const std::string& id, std::string line) {
    change_.changes.push_back(std::move(line));
    change_.touched_apps.insert(id);
  }

  const PolicySet& current_;
  const LoadedPolicies& loaded_;
  const bool prune_;
  const absl::Time now_;
  PolicyChange change_;
  std::map<std::string, const Located<v1::App>*> app_at_;
  std::map<std::string, const Located<v1::Trm>*> trm_at_;
  std::map<std::string, const Located<std::string>*> blocked_at_;
};

template <typename Map>
const typename Map::mapped_type* FindOrNull(const Map& map, const std::string& key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : &it->second;
}

// "2 identities added", "1 web host removed".
void SayDifference(const std::multiset<std::string>& had, const std::multiset<std::string>& has,
                   absl::string_view one, absl::string_view many, std::vector<std::string>* what) {
  std::vector<std::string> gone, fresh;
  std::set_difference(had.begin(), had.end(), has.begin(), has.end(), std::back_inserter(gone));
  std::set_difference(has.begin(), has.end(), had.begin(), had.end(), std::back_inserter(fresh));
  const int added = static_cast<int>(fresh.size()), removed = static_cast<int>(gone.size());
  if (added > 0) what->push_back(absl::StrCat(Count(added, one, many), " added"));
  if (removed > 0) what->push_back(absl::StrCat(Count(removed, one, many), " removed"));
}

void Planner::Describe() {
  std::set<std::string> ids;
  for (const PolicySet* set : {&current_, const_cast<const PolicySet*>(&change_.result)}) {
    for (const auto& [id, app] : set->apps) ids.insert(id);
  }
  for (const std::string& id : ids) {
    DescribeApp(FindOrNull(current_.apps, id), FindOrNull(change_.result.apps, id));
  }
  ids.clear();
  for (const auto& [id, trm] : current_.trm) ids.insert(id);
  for (const auto& [id, trm] : change_.result.trm) ids.insert(id);
  v1::Trm none;
  none.set_status(v1::Trm::UNLISTED);
  for (const std::string& id : ids) {
    const v1::Trm* before = FindOrNull(current_.trm, id);
    const v1::Trm* after = FindOrNull(change_.result.trm, id);
    DescribeTrm(id, before ? *before : none, after ? *after : none);
  }
  for (const std::string& id : change_.result.blocklist) {
    if (current_.blocklist.count(id) == 0) Changed(id, absl::StrCat("blocklist: + ", id));
  }
  for (const std::string& id : current_.blocklist) {
    if (change_.result.blocklist.count(id) == 0) Changed(id, absl::StrCat("blocklist: - ", id));
  }
  DescribeCohorts(current_, change_.result, change_.changes);
  DescribeRetention(current_, change_.result, change_.changes);
}

void Planner::DescribeApp(const v1::App* before, const v1::App* after) {
  if (before == nullptr) return Changed(after->id(), absl::StrCat("app ", after->id(), " added"));
  if (after == nullptr) {
    return Changed(before->id(), absl::StrCat("app ", before->id(), " removed"));
  }
  if (MessageDifferencer::Equals(*before, *after)) return;
  std::multiset<std::string> had, has;
  for (const auto& identity : before->identities()) had.insert(identity.SerializeAsString());
  for (const auto& identity : after->identities()) has.insert(identity.SerializeAsString());
  std::vector<std::string> what;
  SayDifference(had, has, "identity", "identities", &what);
  SayDifference({before->web_hosts().begin(), before->web_hosts().end()},
                {after->web_hosts().begin(), after->web_hosts().end()}, "web host", "web hosts",
                &what);
  if (before->name() != after->name()) what.push_back("name");
  if (before->publisher() != after->publisher()) what.push_back("publisher");
  if (before->note() != after->note()) what.push_back("note");
  if (what.empty()) what.push_back("order of its entries");
  Changed(after->id(), absl::StrCat("app ", after->id(), " changed: ", absl::StrJoin(what, ", ")));
}

void Planner::DescribeTrm(const std::string& id, const v1::Trm& before, const v1::Trm& after) {
  if (before.status() != after.status()) {
    return Changed(id, absl::StrCat("trm ", id, ": ", v1::Trm::Status_Name(before.status()), " -> ",
                                    v1::Trm::Status_Name(after.status())));
  }
  if (MessageDifferencer::Equals(before, after)) return;
  std::vector<std::string> what;
  if (before.decision_id() != after.decision_id()) {
    what.push_back(
        absl::StrCat("decision ", before.decision_id().empty() ? "none" : before.decision_id(),
                     " -> ", after.decision_id().empty() ? "none" : after.decision_id()));
  }
  if (!MessageDifferencer::Equals(before.decided_at(), after.decided_at())) what.push_back("date");
  if (before.author() != after.author()) what.push_back("author");
  if (before.reason() != after.reason()) what.push_back("reason");
  if (what.empty()) return;
  Changed(id, absl::StrCat("trm ", id, " changed: ", absl::StrJoin(what, ", ")));
}

}  // namespace

PolicyChange PlanApply(const PolicySet& current, const LoadedPolicies& loaded, bool prune,
                       absl::Time now) {
  return Planner(current, loaded, prune, now).Plan();
}

v1::CohortContent CompileContent(const PolicySet& set, v1::Platform::Id platform) {
  v1::CohortContent content;
  for (const auto& [id, app] : set.apps) {
    v1::App here = app;
    here.clear_identities();
    for (const v1::AppIdentity& identity : app.identities()) {
      if (identity.platform() == platform) *here.add_identities() = identity;
    }
    if (here.identities().empty() && here.web_hosts().empty()) continue;
    *content.add_apps() = std::move(here);
    if (const v1::Trm* trm = FindOrNull(set.trm, id)) *content.add_trm() = *trm;
  }
  for (const std::string& id : set.blocklist) content.add_blocklist(id);
  return content;
}

}  // namespace muster

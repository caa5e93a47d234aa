#include "controller/flow/person_writes.h"

#include <algorithm>

#include "common/limits.h"
#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

constexpr size_t kPage = 1'000;
constexpr char kPersons[] = "person/";

bool HasRole(const v1::Person& person) {
  return !person.office().empty() || !person.manager_id().empty() || person.capstone();
}

bool SameRole(const v1::Person& a, const v1::Person& b) {
  return a.office() == b.office() && a.manager_id() == b.manager_id() &&
         a.capstone() == b.capstone() && a.deleted() == b.deleted();
}

// The read and the store are both in the order of ids, so one walk over both finds all.
class Comparison {
 public:
  explicit Comparison(const DirectorySnapshot& read) : read_(read), at_(read.persons.begin()) {}

  absl::Status Take(const Record& record) {
    const absl::string_view id = absl::string_view(record.key).substr(sizeof(kPersons) - 1);
    TakeNewUpTo(id);
    const bool in_read = at_ != read_.persons.end() && at_->first == id;
    if (in_read && at_->second.SerializeAsString() == record.bytes) {
      ++out_.known;
      ++at_;
      return absl::OkStatus();
    }
    MUSTER_ASSIGN_OR_RETURN(Versioned<v1::Person> before, Parse<v1::Person>(record));
    if (!before.value.deleted()) ++out_.known;
    if (in_read || !before.value.deleted()) {
      out_.changed.push_back({in_read ? &at_->second : nullptr,
                              std::make_unique<v1::Person>(std::move(before.value))});
    }
    if (in_read) ++at_;
    return absl::OkStatus();
  }

  PersonChanges Finish() && {
    while (at_ != read_.persons.end()) out_.changed.push_back({&(at_++)->second, nullptr});
    return std::move(out_);
  }

 private:
  void TakeNewUpTo(absl::string_view id) {
    while (at_ != read_.persons.end() && at_->first < id) {
      out_.changed.push_back({&(at_++)->second, nullptr});
    }
  }

  const DirectorySnapshot& read_;
  std::map<std::string, v1::Person>::const_iterator at_;
  PersonChanges out_;
};

}  // namespace

absl::StatusOr<PersonChanges> ComparePersons(const Snapshot& snapshot,
                                             const DirectorySnapshot& read) {
  Comparison comparison(read);
  bool any = false;
  std::string after;
  while (true) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> page, snapshot.Scan(kPersons, after, kPage));
    for (const Record& record : page) MUSTER_RETURN_IF_ERROR(comparison.Take(record));
    any = any || !page.empty();
    if (page.size() < kPage) break;
    after = page.back().key;
  }
  PersonChanges out = std::move(comparison).Finish();
  out.first_read = !any;
  return out;
}

absl::Status PersonWriter::Write(const PersonChange& change) {
  v1::Person gone;
  if (change.now == nullptr) {
    gone = *change.before;
    gone.set_deleted(true);
    gone.set_enabled(false);
  }
  const v1::Person& now = change.now == nullptr ? gone : *change.now;
  const std::string& id = now.person_id();
  Put(mutation_, PersonKey(id), now);
  WriteIndexes(change.before.get(), now);
  if (change.before != nullptr) {
    old_names_[UpnKey(change.before->upn())] = id;
    old_names_[AccountKey(change.before->account_name())] = id;
  }
  if (!now.deleted()) {
    if (!now.upn().empty()) names_[UpnKey(now.upn())] = id;
    if (!now.account_name().empty()) names_[AccountKey(now.account_name())] = id;
  }
  MUSTER_RETURN_IF_ERROR(WriteRole(change, now));
  return change.before == nullptr ? absl::OkStatus() : WriteOfficeChange(*change.before, now);
}

// By aliases and by employee: keys that name the person, so two never collide.
void PersonWriter::WriteIndexes(const v1::Person* before, const v1::Person& now) {
  const auto keys = [](const v1::Person& person) {
    std::set<std::string> out;
    // A deleted account stays its human being's: what it filed or approved stays theirs too.
    for (const std::string& alias : person.aliases()) {
      if (!person.deleted()) out.insert(AliasKey(alias, person.person_id()));
    }
    if (!person.employee_id().empty()) {
      out.insert(EmployeeKey(person.employee_id(), person.person_id()));
    }
    return out;
  };
  const std::set<std::string> then = before == nullptr ? std::set<std::string>() : keys(*before);
  const std::set<std::string> wanted = keys(now);
  for (const std::string& key : then) {
    if (!wanted.contains(key)) mutation_.deletes.push_back(key);
  }
  for (const std::string& key : wanted) {
    if (!then.contains(key)) PutMark(mutation_, key);
  }
}

absl::Status PersonWriter::Finish() {
  for (const auto& [key, owner] : old_names_) {
    if (names_.contains(key)) continue;
    // Somebody else may have got the name in a commit before this one.
    MUSTER_ASSIGN_OR_RETURN(const auto indexed, snapshot_.Get(key));
    if (indexed && indexed->bytes == owner) mutation_.deletes.push_back(key);
  }
  for (auto& [key, owner] : names_) mutation_.puts.push_back({key, std::move(owner)});
  names_.clear();
  old_names_.clear();
  return absl::OkStatus();
}

absl::Status PersonWriter::WriteRole(const PersonChange& change, const v1::Person& now) {
  v1::PersonRole past;
  if (change.before == nullptr) {
    if (first_read_ || !HasRole(now)) return absl::OkStatus();
    past.set_absent(true);
  } else {
    if (SameRole(*change.before, now)) return absl::OkStatus();
    past.set_office(change.before->office());
    past.set_manager_id(change.before->manager_id());
    past.set_capstone(change.before->capstone());
    past.set_absent(change.before->deleted());
    MUSTER_ASSIGN_OR_RETURN(const auto ended, PastRoles(snapshot_, now.person_id()));
    if (!ended.empty()) *past.mutable_from() = ended.front().until();
  }
  const absl::Time until = services_.clock.Now();
  *past.mutable_until() = ToProto(until);
  Put(mutation_, RoleKey(now.person_id(), until), past);
  if (change.before == nullptr) return absl::OkStatus();
  mutation_.audit.push_back(MakeAuditEntry(services_, actor_,
                                           {.verb = "person.role-change",
                                            .object = absl::StrCat("person/", now.person_id()),
                                            .before = change.before.get(),
                                            .after = &now}));
  return absl::OkStatus();
}

absl::Status PersonWriter::WriteOfficeChange(const v1::Person& before, const v1::Person& now) {
  // An attribute that was not read before is no change of office.
  if (before.office() == now.office() || before.office().empty() || now.office().empty()) {
    return absl::OkStatus();
  }
  MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(snapshot_, now.person_id()));
  for (const v1::Grant& grant : grants) {
    const bool suspended = grant.state() == v1::Grant::SUSPENDED;
    if (grant.state() != v1::Grant::ACTIVE && !suspended) continue;
    v1::Grant due = grant;
    if (suspended) {  // due as soon as it is lifted
      *due.mutable_recert_due_at() = ToProto(services_.clock.Now());
    } else {
      MUSTER_ASSIGN_OR_RETURN(
          due, MakeRecertDue(grant,
                             absl::StrCat("the office changed from ", before.office(), " to ",
                                          now.office(), "; recertify"),
                             services_.clock.Now()));
    }
    MUSTER_ASSIGN_OR_RETURN(const auto current,
                            Find<v1::Grant>(snapshot_, GrantKey(grant.grant_id())));
    mutation_.expects.push_back({GrantKey(grant.grant_id()), current->revision});
    PutGrant(mutation_, due);
    mutation_.audit.push_back(MakeAuditEntry(services_, actor_,
                                             {.verb = "grant.recert-due",
                                              .object = absl::StrCat("grant/", grant.grant_id()),
                                              .before = &grant,
                                              .after = &due,
                                              .reason = due.detail(),
                                              .transaction_id = grant.transaction_id()}));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::PersonRole>> PastRoles(const Snapshot& snapshot,
                                                      const std::string& person_id) {
  std::vector<v1::PersonRole> out;
  MUSTER_RETURN_IF_ERROR(
      ForEach<v1::PersonRole>(snapshot, absl::StrCat("role/", person_id, "/"),
                              [&](const std::string&, Versioned<v1::PersonRole>& role) {
                                out.push_back(std::move(role.value));
                                return absl::OkStatus();
                              }));
  std::reverse(out.begin(), out.end());
  if (out.size() > limits::kMaxPastRoles) out.resize(limits::kMaxPastRoles);
  return out;
}

}  // namespace muster

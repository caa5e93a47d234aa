#include "controller/flow/roles.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/time_proto.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

constexpr char kHolders[] = "role_member/";

void AuditHolder(const Services& services, const Actor& actor, absl::string_view verb,
                 const std::string& role, const std::string& person_id, const std::string& upn,
                 Mutation& mutation) {
  mutation.audit.push_back(
      MakeAuditEntry(services, actor,
                     {.verb = std::string(verb),
                      .object = absl::StrCat("role/", role, "/", upn.empty() ? person_id : upn),
                      .subjects = {PersonKey(person_id)}}));
}

absl::StatusOr<PersonsByApp> StoredHolders(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(const auto tails, KeyTails(snapshot, kHolders));
  PersonsByApp out;
  for (const std::string& tail : tails) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(tail, absl::MaxSplits('/', 1));
    out[parts.first].insert(parts.second);
  }
  return out;
}

bool IsHolder(const PersonsByApp& holders, const std::string& role, const std::string& person_id) {
  const auto it = holders.find(role);
  return it != holders.end() && it->second.contains(person_id);
}

bool MaySignIn(const v1::Person& person, absl::Time now) {
  return person.enabled() && !person.deleted() &&
         (!person.has_expires_at() || now < FromProto(person.expires_at()));
}

absl::Status AddHolder(const Services& services, const Snapshot& snapshot,
                       const std::string& person_id, v1::RolesView& out) {
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot, PersonKey(person_id)));
  if (!person) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const Roles roles, RolesOf(services, snapshot, person_id));
  v1::RolesView::Holder* holder = out.add_holders();
  holder->set_upn(person->value.upn());
  holder->set_display_name(person->value.display_name());
  for (Role role : roles) holder->add_roles(std::string(RoleName(role)));
  for (std::string& pair : RoleConflicts(roles)) holder->add_conflicts(std::move(pair));
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteRoleHolders(const Services& services, const Actor& actor,
                              const Snapshot& snapshot, const DirectorySnapshot& read,
                              const PersonsByApp& holders, bool keep, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const PersonsByApp stored, StoredHolders(snapshot));
  for (const auto& [role, persons] : holders) {
    for (const std::string& id : persons) {
      if (IsHolder(stored, role, id)) continue;
      PutMark(mutation, RoleMemberKey(role, id));
      const auto person = read.persons.find(id);
      AuditHolder(services, actor, "role.add", role, id,
                  person == read.persons.end() ? "" : person->second.upn(), mutation);
    }
  }
  for (const auto& [role, persons] : stored) {
    for (const std::string& id : persons) {
      if (IsHolder(holders, role, id)) continue;
      // Whoever was read as disabled or expired is no inference from what a read lacks.
      const auto read_person = read.persons.find(id);
      const bool barred = read_person != read.persons.end() &&
                          !MaySignIn(read_person->second, services.clock.Now());
      if (keep && !barred) continue;
      mutation.deletes.push_back(RoleMemberKey(role, id));
      const auto person = read.persons.find(id);
      AuditHolder(services, actor, "role.remove", role, id,
                  person == read.persons.end() ? "" : person->second.upn(), mutation);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Roles> RolesOf(const Services& services, const Snapshot& snapshot,
                              const std::string& person_id) {
  Roles out;
  if (person_id.empty()) return out;
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot, PersonKey(person_id)));
  if (!person || !MaySignIn(person->value, services.clock.Now())) return out;
  for (Role role : kRoles) {
    const std::string name(RoleName(role));
    if (!services.settings.role_groups.contains(name)) continue;
    MUSTER_ASSIGN_OR_RETURN(const auto held, snapshot.Get(RoleMemberKey(name, person_id)));
    if (held) out.insert(role);
  }
  return out;
}

absl::Status DescribeRoles(const Services& services, const Actor& actor, const Roles& own,
                           const std::string& person_upn, v1::RolesView& out) {
  for (const Permission& permission : Permissions()) {
    v1::RolesView::Verb* item = out.add_items();
    item->set_verb(std::string(permission.verb));
    for (Role role : permission.roles) item->add_roles(std::string(RoleName(role)));
  }
  out.mutable_you()->set_upn(actor.who.upn);
  out.mutable_you()->set_signed_in_by(actor.signed_in_by);
  for (Role role : own) out.mutable_you()->add_roles(std::string(RoleName(role)));
  for (const auto& [role, group] : services.settings.role_groups) {
    (*out.mutable_groups())[role] = group;
  }
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  if (!person_upn.empty()) {
    MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(*snapshot, person_upn));
    return AddHolder(services, *snapshot, person.person_id(), out);
  }
  MUSTER_ASSIGN_OR_RETURN(const PersonsByApp stored, StoredHolders(*snapshot));
  std::set<std::string> everybody;
  for (const auto& [role, persons] : stored) everybody.insert(persons.begin(), persons.end());
  for (const std::string& id : everybody) {
    if (static_cast<size_t>(out.holders_size()) >= limits::kMaxPage) break;
    MUSTER_RETURN_IF_ERROR(AddHolder(services, *snapshot, id, out));
  }
  return absl::OkStatus();
}

}  // namespace muster

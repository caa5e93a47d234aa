#include "tests/directory/true_directory.h"

#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/adapters/ldif/guid.h"

namespace muster {
namespace {

constexpr char kPlaceholder[] = "cn=placeholder,dc=mdm,dc=test";
// In the approval group and in each other.
constexpr const char* kGroups[] = {"wa", "office", "field"};

int Pick(std::mt19937_64& random, size_t below) { return static_cast<int>(random() % below); }

template <typename Container>
auto PickOf(std::mt19937_64& random, Container& all) {
  return std::next(all.begin(), Pick(random, all.size()));
}

}  // namespace

TrueDirectory::TrueDirectory() {
  for (; next_ < kPersons; ++next_) {
    const std::string name = absl::StrCat("p", next_);
    persons_[name] = {absl::StrFormat("b0000000-0000-4000-8000-%012d", next_), name, name, true};
    if (next_ % 3 != 0) groups_[kGroups[next_ % 7 == 0 ? 2 : next_ % 2]].insert(name);
  }
  groups_["wa"].insert("office");
  groups_["office"].insert("field");
  groups_["field"].insert("wa");
}

std::string TrueDirectory::DnOf(const Person& person) {
  return absl::StrCat("uid=", person.name, ",ou=people,dc=mdm,dc=test");
}

std::string TrueDirectory::DnOf(const std::string& group) {
  return absl::StrCat("cn=", group, ",ou=groups,dc=mdm,dc=test");
}

std::string TrueDirectory::EntryOf(const Person& person) const {
  return absl::StrCat("objectClass: inetOrgPerson\nobjectClass: extensibleObject\nuid: ",
                      person.name, "\ncn: ", person.full_name, "\nsn: x\nmail: ", person.name,
                      "@mdm.test\nobjectGUID:: ", absl::Base64Escape(GuidToAdBytes(person.id)),
                      "\nuserAccountControl: ", person.enabled ? 512 : 514, "\n");
}

std::string TrueDirectory::Ldif() const {
  std::string out;
  for (const auto& [key, person] : persons_) {
    absl::StrAppend(&out, "dn: ", DnOf(person), "\n", EntryOf(person), "\n");
  }
  for (const auto& [name, members] : groups_) {
    absl::StrAppend(&out, "dn: ", DnOf(name), "\nobjectClass: groupOfNames\ncn: ", name,
                    "\nmember: ", kPlaceholder, "\n");
    for (const std::string& key : members) {
      const auto person = persons_.find(key);
      absl::StrAppend(&out, "member: ", person == persons_.end() ? DnOf(key) : DnOf(person->second),
                      "\n");
    }
    absl::StrAppend(&out, "\n");
  }
  return out;
}

std::string TrueDirectory::SetMember(const std::string& group, const std::string& key,
                                     bool member) {
  std::set<std::string>& members = groups_.at(group);
  if (member ? !members.insert(key).second : members.erase(key) == 0) return "";
  const auto person = persons_.find(key);
  return absl::StrCat(
      "dn: ", DnOf(group), "\nchangetype: modify\n", member ? "add" : "delete",
      ": member\nmember: ", person == persons_.end() ? DnOf(key) : DnOf(person->second), "\n\n");
}

std::string TrueDirectory::JoinOrLeave(std::mt19937_64& random) {
  const std::string group = kGroups[Pick(random, std::size(kGroups))];
  // Now and then a whole group; never so many that the approval group loses most of its members.
  if (Pick(random, 20) == 0) return SetMember("field", "office", Pick(random, 2) == 0);
  const std::string key = PickOf(random, persons_)->first;
  return SetMember(group, key, !groups_.at(group).contains(key));
}

std::string TrueDirectory::Enable(Person* person) {
  person->enabled = !person->enabled;
  return absl::StrCat("dn: ", DnOf(*person), "\nchangetype: modify\nreplace: userAccountControl\n",
                      "userAccountControl: ", person->enabled ? 512 : 514, "\n\n");
}

// As Active Directory does it: the groups follow.
std::string TrueDirectory::Rename(Person* person) {
  const std::string before = DnOf(*person), old_name = person->name;
  std::string key;
  for (const auto& [k, p] : persons_) {
    if (&p == person) key = k;
  }
  person->name = absl::StrCat("r", next_++);
  std::string out = absl::StrCat("dn: ", before, "\nchangetype: modrdn\nnewrdn: uid=", person->name,
                                 "\ndeleteoldrdn: 1\n\n");
  for (const auto& [name, members] : groups_) {
    if (!members.contains(key)) continue;
    absl::StrAppend(&out, "dn: ", DnOf(name),
                    "\nchangetype: modify\ndelete: member\nmember: ", before,
                    "\n-\nadd: member\nmember: ", DnOf(*person), "\n\n");
  }
  return out;
}

// Deleted; a new account of the same name takes nothing over. Not `tidy`: as OpenLDAP does it, the
// groups still name who is gone, so that the new account is in them.
std::string TrueDirectory::Replace(Person* person, bool tidy) {
  std::string key, out;
  for (const auto& [k, p] : persons_) {
    if (&p == person) key = k;
  }
  if (tidy) {
    for (const char* group : kGroups) out += SetMember(group, key, false);
  }
  absl::StrAppend(&out, "dn: ", DnOf(*person), "\nchangetype: delete\n\n");
  person->id = absl::StrFormat("b0000000-0000-4000-8000-%012d", next_++);
  person->enabled = true;
  absl::StrAppend(&out, "dn: ", DnOf(*person), "\nchangetype: add\n", EntryOf(*person), "\n");
  return out;
}

std::string TrueDirectory::Empty(std::mt19937_64& random) {
  std::string out;
  const std::set<std::string> effective = Effective();
  int left = 6 + Pick(random, 6);
  for (auto& [key, person] : persons_) {
    if (left == 0) break;
    if (!effective.contains(person.id)) continue;
    --left;
    if (Pick(random, 3) == 0) {
      out += Enable(&person);
      continue;
    }
    for (const char* group : kGroups) out += SetMember(group, key, false);
  }
  return out;
}

std::string TrueDirectory::Change(std::mt19937_64& random, bool many) {
  // As many come back as go, or soon nobody is left.
  const size_t effective = Effective().size();
  if (many && effective > 25) return Empty(random);
  if (effective < 30) {
    const auto person = PickOf(random, persons_);
    std::string out = SetMember("wa", person->first, true);
    return person->second.enabled ? out : out + Enable(&person->second);
  }
  Person* const person = &PickOf(random, persons_)->second;
  switch (Pick(random, 10)) {
    case 0:
    case 1:
      return Enable(person);
    case 2:
      return Rename(person);
    case 3:
      return Replace(person, Pick(random, 2) == 0);
    default:
      return JoinOrLeave(random);
  }
}

void TrueDirectory::Reach(const std::string& group, std::set<std::string>* groups,
                          std::set<std::string>* persons) const {
  if (!groups->insert(group).second) return;
  for (const std::string& key : groups_.at(group)) {
    if (groups_.contains(key)) {
      Reach(key, groups, persons);
    } else {
      persons->insert(key);
    }
  }
}

std::set<std::string> TrueDirectory::Effective() const {
  std::set<std::string> groups, keys, out;
  Reach("wa", &groups, &keys);
  for (const std::string& key : keys) {
    const Person& person = persons_.at(key);
    if (person.enabled) out.insert(person.id);
  }
  return out;
}

}  // namespace muster

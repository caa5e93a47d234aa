// What a directory really says: a model of persons and nested groups that makes its own changes,
// as LDIF for a real server and in itself.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace muster {

class TrueDirectory {
 public:
  static constexpr char kApproval[] = "cn=wa,ou=groups,dc=mdm,dc=test";
  static constexpr int kPersons = 60;

  TrueDirectory();

  // Everything, to load a server with.
  std::string Ldif() const;
  // One random change, or with `many` one that takes more than 5 % of the members out; its change
  // records.
  std::string Change(std::mt19937_64& random, bool many);
  // Ids of those who are effectively in the approval group.
  std::set<std::string> Effective() const;

 private:
  struct Person {
    std::string id, name, full_name;
    bool enabled = true;
  };

  static std::string DnOf(const Person& person);
  static std::string DnOf(const std::string& group);
  std::string EntryOf(const Person& person) const;
  std::string SetMember(const std::string& group, const std::string& key, bool member);
  std::string JoinOrLeave(std::mt19937_64& random);
  std::string Enable(Person* person);
  std::string Rename(Person* person);
  std::string Replace(Person* person, bool tidy);
  std::string Empty(std::mt19937_64& random);
  void Reach(const std::string& group, std::set<std::string>* groups,
             std::set<std::string>* persons) const;

  std::map<std::string, Person> persons_;                // by a key that stays
  std::map<std::string, std::set<std::string>> groups_;  // name -> keys of persons, names of groups
  int next_ = 0;
};

}  // namespace muster

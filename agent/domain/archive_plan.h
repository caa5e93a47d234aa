// What a device has to archive: whose chats, of which apps, by the policy in force. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/domain/policy_index.h"
#include "muster/v1/archive.pb.h"

namespace muster::agent {

struct ArchivePerson {
  std::string id, account;
  uint32_t uid = 0;
  std::set<std::string> apps;  // ids, that the person has or owes exports of
};

// Immutable, swapped whole.
struct ArchivePlan {
  v1::ArchiveSettings settings;  // without a folder nothing is archived here
  absl::TimeZone zone;
  std::vector<ArchivePerson> persons;  // with an account here
  std::set<std::string> catalogue;     // app ids
  std::shared_ptr<const PolicyIndex> policy;
  std::vector<v1::AssignedObligation> obligations;
  absl::Time assigned_at = absl::InfinitePast();  // when the obligations were written down

  const ArchivePerson* FindPerson(uint32_t uid) const;
  const ArchivePerson* FindPerson(const std::string& id) const;
  std::string AppName(const std::string& app_id) const;  // as people know it
};

// `policy` null: an empty plan.
std::shared_ptr<const ArchivePlan> MakeArchivePlan(std::shared_ptr<const PolicyIndex> policy);

// The state of an obligation now: an assignment may be days old where the device is offline, and
// the calendar goes on (days 14, 18 and 20 in the agency's time zone).
v1::Obligation::State StateNow(const v1::AssignedObligation& obligation, absl::TimeZone zone,
                               absl::Time now);
// In words, and what to do, for people.
std::string StateWords(v1::Obligation::State state);
std::string NextStepOf(v1::Obligation::State state);

}  // namespace muster::agent

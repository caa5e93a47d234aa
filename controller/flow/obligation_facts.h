// What the store knows of one person's app, for the obligations.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/domain/obligation.h"
#include "controller/domain/owed_chats.h"
#include "controller/flow/records.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/grant.pb.h"
#include "muster/v1/person.pb.h"

namespace muster {

// One person's app: the grant that counts, and everything told of its chats.
struct ArchiveFacts {
  v1::Person person;
  std::string app_id;
  std::optional<Versioned<v1::Grant>> grant;  // the one that holds, else the last that ended
  std::vector<v1::Obligation> stored;
  ExportsByChat exports;
  std::map<std::string, v1::ArchiveStatement> statements;  // by chat key
  std::map<std::string, ArchiveDevice> devices;            // also those that are gone
  std::map<std::string, v1::Incident> incidents;           // that stored obligations name
};

// The apps for which this person has a grant, or still owes something.
absl::StatusOr<std::set<std::string>> ArchiveAppsOf(const Snapshot& snapshot,
                                                    const std::string& person_id);

absl::StatusOr<ArchiveFacts> LoadArchiveFacts(const Snapshot& snapshot, const v1::Person& person,
                                              const std::string& app_id, absl::Time now);

// Since when the grant could be used: granted, trained and attested.
absl::Time UsableSince(const v1::Grant& grant);
// REVOKING or REVOKED since.
std::optional<absl::Time> EndOf(const v1::Grant& grant);

// What is to be evaluated of one chat; `began` is where the clock of `chat` begins.
ObligationFacts FactsOf(const ArchiveFacts& facts, const OwedChat& chat);
// The incident the stored obligation names, if it is still undecided.
bool IncidentIsOpen(const ArchiveFacts& facts, const std::string& incident_id);

// Something may be lost that no open incident is about yet.
bool NeedsIncident(const ObligationFacts& facts, const ArchiveDevice& device);

}  // namespace muster

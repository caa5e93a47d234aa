// What a read of the directory changes about persons: their records, their names, their roles.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/directory.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"

namespace muster {

struct PersonChange {
  const v1::Person* now = nullptr;     // of the read; null: missing from it
  std::unique_ptr<v1::Person> before;  // as stored; null: new
};

struct PersonChanges {
  std::vector<PersonChange> changed;  // by person id; those that differ only
  size_t known = 0;                   // stored and not deleted
  bool first_read = false;            // nobody was stored
};

// Compares the read with the store, a page at a time. The result points into `read`.
absl::StatusOr<PersonChanges> ComparePersons(const Snapshot& snapshot,
                                             const DirectorySnapshot& read);

// One person as read; or, when missing, as deleted. A name that moved from one person to another
// ends with its new owner. A role that ended is kept with its dates; another office makes ACTIVE
// grants RECERT_DUE, and never revokes one.
class PersonWriter {
 public:
  // `first_read`: nobody has a past that Muster knows of.
  PersonWriter(const Services& services, const Actor& actor, const Snapshot& snapshot,
               bool first_read, Mutation& mutation)
      : services_(services),
        actor_(actor),
        snapshot_(snapshot),
        first_read_(first_read),
        mutation_(mutation) {}

  absl::Status Write(const PersonChange& change);
  // After the last one: the names.
  absl::Status Finish();

 private:
  void WriteIndexes(const v1::Person* before, const v1::Person& now);
  absl::Status WriteRole(const PersonChange& change, const v1::Person& now);
  absl::Status WriteOfficeChange(const v1::Person& before, const v1::Person& now);

  const Services& services_;
  const Actor& actor_;
  const Snapshot& snapshot_;
  const bool first_read_;
  Mutation& mutation_;
  std::map<std::string, std::string> names_;      // key -> its owner now
  std::map<std::string, std::string> old_names_;  // key -> who had it
};

// The newest roles that ended, newest first.
absl::StatusOr<std::vector<v1::PersonRole>> PastRoles(const Snapshot& snapshot,
                                                      const std::string& person_id);

}  // namespace muster

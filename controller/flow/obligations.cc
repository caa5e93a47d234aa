#include "controller/flow/obligations.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/domain/archive_suspension.h"
#include "controller/flow/lookup.h"
#include "controller/flow/obligation_writer.h"

namespace muster {
namespace {

constexpr int kMaxPasses = 64;  // of one person at one time: each may open one incident
constexpr size_t kKeysPerLook = 500;
constexpr char kByPerson[] = "grant_by_person/";

absl::Status ReviewPerson(const Services& services, const std::string& person_id) {
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    MUSTER_ASSIGN_OR_RETURN(const bool more,
                            RetryAborted([&] { return ReviewOnce(services, person_id); }));
    if (!more) return absl::OkStatus();
  }
  return absl::OkStatus();  // the mark stays: the rest next time
}

// Moves the walk on by one step: marks the persons of the next grants.
absl::StatusOr<bool> StepWalk(const Services& services) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto walk, snapshot->Get(kArchiveWalkKey));
  if (!walk) return false;
  const std::string after = absl::StartsWith(walk->bytes, kByPerson) ? walk->bytes : "";
  MUSTER_ASSIGN_OR_RETURN(const auto page,
                          snapshot->Scan(kByPerson, after, limits::kArchiveWalkStep));
  Mutation mutation;
  mutation.expects.push_back({kArchiveWalkKey, walk->revision});
  std::set<std::string> persons;
  for (const Record& record : page) {
    absl::string_view key = record.key;
    absl::ConsumePrefix(&key, kByPerson);
    persons.emplace(key.substr(0, key.find('/')));
  }
  for (const std::string& person : persons) PutMark(mutation, ArchiveWorkKey(person));
  if (page.size() < limits::kArchiveWalkStep) {
    mutation.deletes.push_back(kArchiveWalkKey);
  } else {
    mutation.puts.push_back({kArchiveWalkKey, page.back().key});
  }
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return true;
}

// Who is marked, and whose time has come.
absl::StatusOr<std::vector<std::string>> PersonsToReview(const Services& services) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  std::set<std::string> out;
  const std::string until =
      absl::StrFormat("archive_due/%016x0", absl::ToUnixNanos(services.clock.Now()));
  for (const std::string prefix : {"archive_work/", "archive_due/"}) {
    std::string after;
    while (out.size() < limits::kMaxArchivePersonsPerRound) {
      MUSTER_ASSIGN_OR_RETURN(const auto page, snapshot->Scan(prefix, after, kKeysPerLook));
      for (const Record& record : page) {
        if (prefix == "archive_due/" && record.key >= until) break;
        out.insert(record.key.substr(record.key.rfind('/') + 1));
      }
      if (page.size() < kKeysPerLook || (prefix == "archive_due/" && page.back().key >= until))
        break;
      after = page.back().key;
    }
  }
  return std::vector<std::string>(out.begin(), out.end());
}

}  // namespace

absl::Status RunArchiveDeadlines(const Services& services) {
  absl::Status first;
  absl::StatusOr<bool> walked = StepWalk(services);
  first.Update(walked.status());
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> persons, PersonsToReview(services));
  for (const std::string& person : persons) first.Update(ReviewPerson(services, person));
  return first;
}

void WriteArchiveWalk(Mutation& mutation) { mutation.puts.push_back({kArchiveWalkKey, "-"}); }

absl::Status StartArchiveWalk(const Services& services) {
  Mutation mutation;
  WriteArchiveWalk(mutation);
  return services.store.Commit(std::move(mutation)).status();
}

absl::Status MarkPersonsOf(const Snapshot& snapshot, const v1::Device& device, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto persons, PersonsOfDevice(snapshot, device));
  for (const v1::Person& person : persons) {
    PutMark(mutation, ArchiveWorkKey(person.person_id()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Obligation>> ObligationsOf(const Snapshot& snapshot,
                                                          const std::string& person_id,
                                                          const std::string& app_id) {
  std::vector<v1::Obligation> out;
  MUSTER_RETURN_IF_ERROR(ForEach<v1::Obligation>(
      snapshot,
      absl::StrCat("obligation/", person_id, "/", app_id.empty() ? "" : absl::StrCat(app_id, "/")),
      [&](const std::string&, Versioned<v1::Obligation>& obligation) {
        out.push_back(std::move(obligation.value));
        return absl::OkStatus();
      }));
  return out;
}

absl::StatusOr<bool> NothingLeftToExport(const Snapshot& snapshot, const v1::Grant& grant) {
  if (!grant.has_suspended_at()) return false;
  MUSTER_ASSIGN_OR_RETURN(const auto owed,
                          ObligationsOf(snapshot, grant.person_id(), grant.app_id()));
  return MessagesCovered(owed, FromProto(grant.suspended_at()));
}

}  // namespace muster

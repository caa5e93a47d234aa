#include "controller/flow/log_retention.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/log_limits.h"
#include "common/time_proto.h"
#include "controller/domain/log_retention.h"
#include "controller/domain/request.h"
#include "controller/flow/audit.h"
#include "controller/flow/records.h"
#include "controller/flow/retention.h"
#include "muster/v1/audit.pb.h"
#include "muster/v1/webhook.pb.h"

namespace muster {
namespace {

constexpr size_t kLookedAtOnce = 256;

// What a pruning rests on. It holds as long as `expects` do: a hold that is placed or an incident
// that is opened meanwhile moves its counter on.
struct Grounds {
  LogRetentionTerms terms;
  std::string authority;
  LogKeepers keepers;
  std::vector<LogReaderPlace> readers;
  std::vector<Mutation::Expect> expects;
};

absl::StatusOr<uint64_t> RevisionOf(const Snapshot& snapshot, const std::string& key) {
  MUSTER_ASSIGN_OR_RETURN(const auto record, snapshot.Get(key));
  return record ? record->revision : 0;
}

template <typename T>
absl::Status AddKeepers(const Snapshot& snapshot, const std::string& prefix, LogKeepers& keepers) {
  return ForEach<T>(snapshot, prefix, [&](const std::string&, const auto& found) {
    keepers.Add(found.value);
    return absl::OkStatus();
  });
}

absl::Status LoadReaders(const Services& services, const Snapshot& snapshot, Grounds& out) {
  for (const std::string& name : services.settings.webhooks) {
    MUSTER_ASSIGN_OR_RETURN(const auto state, Find<v1::WebhookState>(snapshot, WebhookKey(name)));
    // One that has not started yet begins with what comes then.
    if (state) out.readers.push_back({"webhook " + name, state->value.next_sequence()});
  }
  MUSTER_ASSIGN_OR_RETURN(const auto figures, Find<v1::WebhookState>(snapshot, kFigureEventsPlace));
  out.readers.push_back(
      {"the count for the archive reports", figures ? figures->value.next_sequence() : 0});
  return absl::OkStatus();
}

absl::StatusOr<Grounds> LoadGrounds(const Services& services, const Snapshot& snapshot,
                                    const v1::PruneAuditRequest& in) {
  MUSTER_ASSIGN_OR_RETURN(const v1::RetentionPolicy policy, LoadRetention(snapshot));
  if (policy.audit_log().keep_years() < limits::kMinLogKeepYears) {
    return absl::FailedPreconditionError(
        "entries of the audit log are kept for good: retention.yaml has no audit_log; to change "
        "that, set its keep_years and authority and run `musterctl apply`");
  }
  Grounds out;
  out.authority = policy.audit_log().authority();
  out.terms.keep_years = policy.audit_log().keep_years();
  MUSTER_ASSIGN_OR_RETURN(out.terms.zone, AgencyZone(policy));
  out.terms.now = services.clock.Now();
  if (in.has_before()) out.terms.before = FromProto(in.before());
  MUSTER_RETURN_IF_ERROR(CheckBefore(out.terms));
  for (const std::string& key :
       {std::string(kRetentionKey), CounterKey("HOLD"), CounterKey("LOSS")}) {
    MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, RevisionOf(snapshot, key));
    out.expects.push_back({key, revision});
  }
  MUSTER_RETURN_IF_ERROR(AddKeepers<v1::Hold>(snapshot, HoldKey(""), out.keepers));
  MUSTER_RETURN_IF_ERROR(AddKeepers<v1::Request>(snapshot, RequestKey(""), out.keepers));
  MUSTER_RETURN_IF_ERROR(AddKeepers<v1::Grant>(snapshot, GrantKey(""), out.keepers));
  MUSTER_RETURN_IF_ERROR(AddKeepers<v1::Incident>(snapshot, IncidentKey(""), out.keepers));
  MUSTER_RETURN_IF_ERROR(LoadReaders(services, snapshot, out));
  return out;
}

// How far texts may go, looking at no more than `most` entries from `from` on.
struct Reach {
  uint64_t until = 0;
  std::string held_by;
  bool ended = false;  // at an entry that stays, or with the log
};

absl::StatusOr<Reach> FindReach(const Snapshot& snapshot, uint64_t from, uint64_t most,
                                const Grounds& grounds) {
  PruneWalk walk(from, grounds.terms, grounds.keepers, grounds.readers);
  Reach out;
  std::string after = from == 0 ? "" : AuditKey(from - 1);
  while (!out.ended && walk.next() < from + most) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> page,
                            snapshot.Scan("audit/", after, kLookedAtOnce));
    for (const Record& record : page) {
      MUSTER_ASSIGN_OR_RETURN(const auto stored, Parse<v1::AuditRecord>(record));
      v1::AuditEntry entry;
      if (!entry.ParseFromString(stored.value.entry())) {
        return absl::DataLossError(absl::StrCat("store: record ", record.key, " is damaged"));
      }
      out.ended = !walk.Take(entry);
      if (out.ended) break;
    }
    if (page.size() < kLookedAtOnce) out.ended = true;
    if (!page.empty()) after = page.back().key;
  }
  out.until = walk.pruned_below();
  out.held_by = walk.held_by();
  return out;
}

v1::AuditEntry PruneEntry(const Services& services, const Actor& actor, const std::string& reason,
                          const Grounds& grounds, const Mutation::Prune& prune) {
  v1::AuditEntry entry =
      MakeAuditEntry(services, actor, {.verb = "audit.prune", .object = "audit", .reason = reason});
  const nlohmann::ordered_json before = {{"pruned_below", prune.from}};
  const nlohmann::ordered_json after = {{"pruned_below", prune.until},
                                        {"pruned", prune.until - prune.from},
                                        {"keep_years", grounds.terms.keep_years},
                                        {"authority", grounds.authority}};
  entry.set_before(before.dump());
  entry.set_after(after.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  return entry;
}

// One commit, unless there is nothing to prune.
absl::StatusOr<Reach> PruneOnce(const Services& services, const Actor& actor,
                                const v1::PruneAuditRequest& in, LogPruning& done) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const Grounds grounds, LoadGrounds(services, *snapshot, in));
  MUSTER_ASSIGN_OR_RETURN(const uint64_t from, PrunedBelow(*snapshot));
  done.pruned_below = from;
  const uint64_t most = in.dry_run() ? limits::kMaxPrunedEntries * limits::kMaxPruneBatches
                                     : limits::kMaxPrunedEntries;
  MUSTER_ASSIGN_OR_RETURN(Reach reach, FindReach(*snapshot, from, most, grounds));
  if (reach.until > from && !in.dry_run()) {
    Mutation mutation;
    mutation.prune = {from, reach.until};
    mutation.expects = grounds.expects;
    MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, RevisionOf(*snapshot, kPrunedBelowKey));
    mutation.expects.push_back({kPrunedBelowKey, revision});
    mutation.puts.push_back({kPrunedBelowKey, absl::StrCat(reach.until)});
    mutation.audit.push_back(PruneEntry(services, actor, in.reason(), grounds, mutation.prune));
    MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  }
  done.pruned += reach.until - from;
  done.pruned_below = reach.until;
  done.held_by = reach.held_by;
  return reach;
}

std::vector<std::string> Words(const LogPruning& done, bool ended) {
  std::vector<std::string> out;
  if (done.pruned == 0) {
    out.push_back("no entry loses its text");
  } else {
    out.push_back(absl::StrCat("entries ", done.pruned_below - done.pruned, " to ",
                               done.pruned_below - 1, " lose their text and keep their hashes"));
  }
  if (!ended) out.push_back("more of them can be pruned: one call goes no further, call again");
  return out;
}

}  // namespace

absl::StatusOr<uint64_t> PrunedBelow(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(const auto record, snapshot.Get(kPrunedBelowKey));
  uint64_t out = 0;
  if (record && !absl::SimpleAtoi(record->bytes, &out)) {
    return absl::DataLossError(absl::StrCat("store: record ", kPrunedBelowKey, " is damaged"));
  }
  return out;
}

absl::StatusOr<LogPruning> PruneAuditLog(const Services& services, const Actor& actor,
                                         const v1::PruneAuditRequest& in) {
  MUSTER_RETURN_IF_ERROR(CheckReason(in.reason()));
  LogPruning done;
  bool ended = false;
  for (size_t batch = 0; !ended && batch < limits::kMaxPruneBatches; ++batch) {
    MUSTER_ASSIGN_OR_RETURN(const Reach reach,
                            RetryAborted([&] { return PruneOnce(services, actor, in, done); }));
    ended = reach.ended;
    if (in.dry_run()) break;
  }
  done.touched.changes = Words(done, ended);
  return done;
}

}  // namespace muster

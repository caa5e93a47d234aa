// The audit log at an agency's size; driven by bench/audit.sh. Prints "NAME VALUE" lines.
//   audit_log rate FOLDER COMMITTERS SECONDS   durable entries a second, each with its change, and
//                                              plain RocksDB with the same bytes in the same
//                                              batches
//   audit_log age FOLDER COMMITTERS SECONDS    ms from an answer to a signed head that covers it
//   audit_log proof FOLDER ENTRIES             ms of one proof among so many, and its bytes
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/samples.h"
#include "common/checkpoint.h"
#include "common/log_proof.h"
#include "controller/adapters/rocksdb/commit_batch.h"
#include "controller/adapters/rocksdb/database.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

using Steady = std::chrono::steady_clock;
constexpr char kOrigin[] = "bench/audit";
constexpr size_t kMutationEntries = 4'096;
constexpr int kProofs = 2'000;

double Since(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

// About 400 bytes, as an approval has.
v1::AuditEntry EntryOf(uint64_t n) {
  v1::AuditEntry e;
  e.mutable_at()->set_seconds(1'790'000'000 + static_cast<int64_t>(n / 100));
  e.set_actor_id(absl::StrFormat("person/0a000000-0000-4000-8000-%012x", n % 300));
  e.set_actor_upn(absl::StrCat("desk", n % 300, "@agency.example"));
  e.set_signed_in_by("certificate 4f2a99c1");
  e.set_from("ipv4:10.20.30.40:51234");
  e.set_verb("request.approve");
  e.set_object(absl::StrFormat("request/REQ-%06d", n));
  e.set_after(R"({"state":"PROVISIONING","app_id":"whatsapp","approvals":2})");
  e.set_reason("the liaison with the partner agency needs it");
  e.set_ticket(absl::StrCat("INC", n));
  e.set_outcome("ok");
  e.add_roles("soc-approver");
  e.add_subjects(absl::StrFormat("person/0a000000-0000-4000-8000-%012x", n % 60'000));
  e.add_subjects("app/whatsapp");
  return e;
}

// As long, with all of it where the search has no index: ten million are there sooner, and the tree
// is as high.
v1::AuditEntry UnindexedEntryOf(uint64_t n) {
  const v1::AuditEntry full = EntryOf(n);
  v1::AuditEntry e;
  *e.mutable_at() = full.at();
  e.set_after(std::string(full.ByteSizeLong() - 20, 'a' + static_cast<char>(n % 26)));
  e.set_outcome(absl::StrCat(n));
  return e;
}

Mutation ChangeOf(uint64_t n) {
  Mutation m;
  m.puts.push_back({absl::StrFormat("request/REQ-%06d", n), std::string(300, 'x')});
  m.audit.push_back(EntryOf(n));
  return m;
}

void OrDie(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "audit_log: %s\n", status.ToString().c_str());
  std::exit(1);
}

std::unique_ptr<Store> MustOpen(const std::string& folder) {
  auto store = RocksDbStore::Open(folder);
  OrDie(store.status());
  return *std::move(store);
}

// Each commits one change after the other; `acknowledged` is told of each.
template <typename F>
double CommitAll(Store& store, uint64_t committers, double seconds, F acknowledged) {
  std::atomic<uint64_t> next = 0;
  std::vector<std::thread> threads;
  const auto start = Steady::now();
  for (uint64_t t = 0; t < committers; ++t) {
    threads.emplace_back([&] {
      while (Since(start) < seconds) {
        OrDie(store.Commit(ChangeOf(next++)).status());
        acknowledged();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  return Since(start);
}

// The same records, index and tiles in batches of `each`, by RocksDB alone: built before the clock
// runs.
double PlainPerSecond(const std::string& folder, uint64_t each, double seconds) {
  constexpr uint64_t kBatches = 40;
  double spent = 0;
  uint64_t entries = 0;
  const auto database = *Database::Open(folder);
  const std::shared_ptr<rocksdb::DB> db = database->Get();
  Tip tip;
  for (uint64_t i = 0; i < kBatches && spent < seconds; ++i) {
    CommitBatch batch(db.get(), std::move(tip));
    for (uint64_t j = 0; j < each; ++j) OrDie(batch.Add(*Prepare(ChangeOf(entries++))).status());
    rocksdb::WriteBatch& bytes = batch.Finish();
    rocksdb::WriteOptions options;
    options.sync = true;
    const auto start = Steady::now();
    if (!db->Write(options, &bytes).ok()) std::exit(1);
    spent += Since(start);
    tip = std::move(batch).TakeTip();
  }
  return static_cast<double>(entries) / spent;
}

int Rate(const std::string& folder, uint64_t committers, double seconds) {
  std::atomic<uint64_t> entries = 0;
  double spent = 0;
  {
    const auto store = MustOpen(folder);
    spent = CommitAll(*store, committers, seconds, [&] { ++entries; });
    if (store->Read()->log_head().size != entries) return 1;
  }
  std::printf("per_s %.0f\n", static_cast<double>(entries) / spent);
  std::printf("plain_per_s %.0f\n", PlainPerSecond(folder + "-plain", committers, seconds));
  std::printf("entry_bytes %zu\n", EntryOf(123'456).ByteSizeLong());
  return 0;
}

int Age(const std::string& folder, uint64_t committers, double seconds) {
  const auto store = MustOpen(folder);
  const auto key = *PrivateKey::Generate(kEd25519);
  std::vector<double> ages;
  std::atomic<bool> done = false;
  std::thread others([&] {
    CommitAll(*store, committers, seconds, [] {});
    done = true;
  });
  for (uint64_t n = 1'000'000'000; !done; ++n) {
    OrDie(store->Commit(ChangeOf(n)).status());
    const auto answered = Steady::now();
    const LogHead head = store->Read()->log_head();
    OrDie(SignCheckpoint({kOrigin, head.size, head.root}, key).status());
    ages.push_back(Since(answered) * 1000);
  }
  others.join();
  std::printf("age_p50_ms %.3f\nage_p99_ms %.3f\nage_max_ms %.3f\nages %zu\n",
              bench::Quantile(ages, 0.5), bench::Quantile(ages, 0.99), bench::Quantile(ages, 1),
              ages.size());
  return 0;
}

int Proof(const std::string& folder, uint64_t entries) {
  const auto store = MustOpen(folder);
  const auto start = Steady::now();
  for (uint64_t n = store->Read()->log_head().size; n < entries;) {
    Mutation m;
    for (; n < entries && m.audit.size() < kMutationEntries; ++n)
      m.audit.push_back(UnindexedEntryOf(n));
    OrDie(store->Commit(std::move(m)).status());
  }
  std::printf("build_s %.1f\n", Since(start));
  const auto key = *PrivateKey::Generate(kEd25519);
  const auto snapshot = store->Read();
  const LogHead head = snapshot->log_head();
  LogProof proof;
  proof.checkpoint = *SignCheckpoint({kOrigin, head.size, head.root}, key);
  std::mt19937_64 random(1);
  std::vector<double> times;
  for (int i = 0; i < kProofs; ++i) {
    proof.index = random() % head.size;
    const auto asked = Steady::now();
    auto path = InclusionPath(*snapshot, proof.index, head.size);
    times.push_back(Since(asked) * 1000);
    OrDie(path.status());
    proof.path = *std::move(path);
  }
  const size_t bare = FormatLogProof(proof).size();
  const auto record = Find<v1::AuditRecord>(*snapshot, AuditKey(proof.index));
  OrDie(record.status());
  proof.entry = (*record)->value.entry();
  if (proof.entry.empty()) return 1;
  std::printf("proof_p50_ms %.3f\nproof_p99_ms %.3f\nproof_bytes %zu\nproof_entry_bytes %zu\n",
              bench::Quantile(times, 0.5), bench::Quantile(times, 0.99), bare,
              FormatLogProof(proof).size());
  return 0;
}

int Main(int argc, char** argv) {
  const std::string what = argc > 3 ? argv[1] : "";
  uint64_t n = 0;
  double seconds = 0;
  if (what != "" && !absl::SimpleAtoi(argv[3], &n)) return 2;
  if (argc == 5 && !absl::SimpleAtod(argv[4], &seconds)) return 2;
  if (what == "rate" && argc == 5) return Rate(argv[2], n, seconds);
  if (what == "age" && argc == 5) return Age(argv[2], n, seconds);
  if (what == "proof" && argc == 4) return Proof(argv[2], n);
  std::fprintf(stderr, "usage: audit_log rate|age FOLDER COMMITTERS SECONDS | proof FOLDER N\n");
  return 2;
}

}  // namespace
}  // namespace muster

int main(int argc, char** argv) { return muster::Main(argc, argv); }

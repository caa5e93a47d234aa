#include "controller/adapters/rocksdb/rocksdb_store.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "common/merkle.h"
#include "controller/flow/records.h"
#include "tests/support/temp_dir.h"

namespace muster {
namespace {

std::unique_ptr<Store> OpenStore(const TempDir& dir) {
  auto store = RocksDbStore::Open(dir.File("db"));
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

Mutation PutOne(const std::string& key, const std::string& value) {
  Mutation m;
  m.puts.push_back({key, value});
  return m;
}

v1::AuditEntry Entry(const std::string& verb) {
  v1::AuditEntry e;
  e.set_verb(verb);
  return e;
}

TEST(RocksDbStore, ReadsWhatWasCommitted) {
  TempDir dir;
  const auto store = OpenStore(dir);
  EXPECT_EQ(*store->Commit(PutOne("a/1", "x")), 1u);
  EXPECT_EQ(*store->Commit(PutOne("a/2", "y")), 2u);
  const auto snapshot = store->Read();
  const auto record = *snapshot->Get("a/1");
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->bytes, "x");
  EXPECT_EQ(record->revision, 1u);
  EXPECT_FALSE(snapshot->Get("a/3")->has_value());
  EXPECT_EQ(snapshot->revision(), 2u);
}

TEST(RocksDbStore, ScanIsOrderedBoundedAndResumable) {
  TempDir dir;
  const auto store = OpenStore(dir);
  for (const char* key : {"a/2", "a/1", "a/3", "b/1", "a", "a0"}) {
    ASSERT_TRUE(store->Commit(PutOne(key, key)).ok());
  }
  const auto snapshot = store->Read();
  const auto keys = [&](const std::string& prefix, const std::string& after, size_t limit) {
    std::vector<std::string> out;
    for (const auto found = snapshot->Scan(prefix, after, limit); const Record& r : *found)
      out.push_back(r.key);
    return out;
  };
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys("a/", "", 10), Keys({"a/1", "a/2", "a/3"}));
  EXPECT_EQ(keys("a/", "", 2), Keys({"a/1", "a/2"}));
  EXPECT_EQ(keys("a/", "a/2", 10), Keys({"a/3"}));
  EXPECT_EQ(keys("a/", "a/3", 10), Keys());
  EXPECT_EQ(keys("c/", "", 10), Keys());
  EXPECT_EQ(keys("a/", "", 0), Keys());
}

TEST(RocksDbStore, SnapshotsDoNotMove) {
  TempDir dir;
  const auto store = OpenStore(dir);
  ASSERT_TRUE(store->Commit(PutOne("k", "old")).ok());
  const auto before = store->Read();
  Mutation m = PutOne("k", "new");
  m.puts.push_back({"l", "added"});
  ASSERT_TRUE(store->Commit(std::move(m)).ok());
  EXPECT_EQ((*before->Get("k"))->bytes, "old");
  EXPECT_FALSE(before->Get("l")->has_value());
  EXPECT_EQ((*store->Read()->Get("k"))->bytes, "new");
}

TEST(RocksDbStore, AFailedExpectationWritesNothing) {
  TempDir dir;
  const auto store = OpenStore(dir);
  ASSERT_TRUE(store->Commit(PutOne("k", "1")).ok());
  const struct {
    const char* name;
    std::string key;
    uint64_t revision;
    bool ok;
  } kCases[] = {
      {"exists, expected absent", "k", 0, false},
      {"older revision", "k", 7, false},
      {"absent, expected present", "none", 1, false},
      {"absent, expected absent", "none", 0, true},
  };
  for (const auto& c : kCases) {
    Mutation m = PutOne("other", c.name);
    m.deletes.push_back("gone");
    m.audit.push_back(Entry("test"));
    m.expects.push_back({c.key, c.revision});
    const auto got = store->Commit(std::move(m));
    EXPECT_EQ(got.status().code(), c.ok ? absl::StatusCode::kOk : absl::StatusCode::kAborted)
        << c.name;
    const auto snapshot = store->Read();
    EXPECT_EQ(snapshot->Get("other")->has_value(), c.ok) << c.name;
    EXPECT_EQ(snapshot->Get(AuditKey(0))->has_value(), c.ok) << c.name;
  }
}

// RFC 6962 leaf hashes over exactly the stored bytes, sequence dense from 0.
TEST(RocksDbStore, AuditEntriesAreDenseAndHashed) {
  TempDir dir;
  {
    const auto store = OpenStore(dir);
    Mutation two = PutOne("a", "1");
    two.audit = {Entry("one"), Entry("two")};
    ASSERT_TRUE(store->Commit(std::move(two)).ok());
    ASSERT_TRUE(store->Commit(PutOne("b", "no entry")).ok());
  }
  const auto store = OpenStore(dir);  // The count survives a restart.
  Mutation one = PutOne("c", "1");
  one.audit = {Entry("three")};
  ASSERT_TRUE(store->Commit(std::move(one)).ok());
  const auto records = *store->Read()->Scan("audit/", "", 10);
  ASSERT_EQ(records.size(), 3u);
  const char* const kVerbs[] = {"one", "two", "three"};
  for (size_t i = 0; i < 3; ++i) {
    v1::AuditRecord record;
    ASSERT_TRUE(record.ParseFromString(records[i].bytes));
    EXPECT_EQ(record.leaf_hash(), LeafHash(record.entry()));
    v1::AuditEntry entry;
    ASSERT_TRUE(entry.ParseFromString(record.entry()));
    EXPECT_EQ(entry.sequence(), i);
    EXPECT_EQ(entry.verb(), kVerbs[i]);
  }
}

TEST(RocksDbStore, ConcurrentWritersOfOneKeyNeverLoseAnUpdate) {
  TempDir dir;
  const auto store = OpenStore(dir);
  constexpr int kThreads = 4, kEach = 25;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach;) {
        const auto now = *store->Read()->Get("n");
        Mutation m = PutOne("n", std::to_string(now ? std::stoi(now->bytes) + 1 : 1));
        m.expects.push_back({"n", now ? now->revision : 0});
        m.audit.push_back(Entry("add"));
        if (store->Commit(std::move(m)).ok()) ++i;
      }
    });
  }
  for (auto& t : threads) t.join();
  const auto snapshot = store->Read();
  EXPECT_EQ((*snapshot->Get("n"))->bytes, std::to_string(kThreads * kEach));
  EXPECT_EQ(snapshot->Scan("audit/", "", 1000)->size(), size_t{kThreads * kEach});
}

TEST(RocksDbStore, OneProcessAtATime) {
  TempDir dir;
  const auto store = OpenStore(dir);
  EXPECT_EQ(RocksDbStore::Open(dir.File("db")).status().code(), absl::StatusCode::kUnavailable);
}

// A child commits and says so after each commit; killed at an arbitrary moment it must have
// kept everything it said, each record with its audit entry.
TEST(RocksDbStore, KillNineLosesNoAcknowledgedCommit) {
  for (int round = 0; round < 5; ++round) {
    TempDir dir;
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(fds[0]);
      auto store = RocksDbStore::Open(dir.File("db"));
      for (int i = 0; store.ok(); ++i) {
        Mutation m = PutOne("k" + std::to_string(i), "v");
        m.audit.push_back(Entry("k" + std::to_string(i)));
        if (!(*store)->Commit(std::move(m)).ok() || write(fds[1], &i, sizeof i) != sizeof i) break;
      }
      _exit(1);
    }
    close(fds[1]);
    int last = -1;
    for (int i = 0; i < 5 + round * 7; ++i) {
      ASSERT_EQ(read(fds[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (int more; read(fds[0], &more, sizeof more) == sizeof more;) last = more;
    close(fds[0]);
    const auto store = OpenStore(dir);
    const auto snapshot = store->Read();
    for (int i = 0; i <= last; ++i) {
      EXPECT_TRUE(snapshot->Get("k" + std::to_string(i))->has_value()) << i;
    }
    constexpr size_t kAll = 10'000'000;
    EXPECT_EQ(snapshot->Scan("k", "", kAll)->size(), snapshot->Scan("audit/", "", kAll)->size());
  }
}

}  // namespace
}  // namespace muster

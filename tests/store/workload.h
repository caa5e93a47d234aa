// Threads of a process that change the store and say so through a pipe, until they are killed; and
// what must hold of a store after that.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/merkle.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/domain/log_terms.h"
#include "controller/flow/records.h"

namespace muster {

// One line of the pipe. Smaller than PIPE_BUF: never mixed with another thread's.
struct Word {
  enum Kind : uint32_t { kDone, kFailed, kWrong };
  Kind kind = kDone;
  uint32_t life = 0, thread = 0, number = 0;
  uint64_t revision = 0;
  std::string Key() const { return absl::StrFormat("act/%06d/%02d/%06d", life, thread, number); }
};

inline constexpr char kSumKey[] = "sum";

// An action has one to three entries, and every third one counts itself in the shared sum.
inline int EntriesOf(const Word& w) { return 1 + static_cast<int>((w.thread + w.number) % 3); }
inline bool Counts(const Word& w) { return w.number % 3 == 0; }

inline Mutation ActionOf(const Store& store, const Word& w) {
  Mutation m;
  m.puts.push_back({w.Key(), absl::StrCat(EntriesOf(w), Counts(w) ? "+" : "")});
  for (int i = 0; i < EntriesOf(w); ++i) {
    v1::AuditEntry& entry = m.audit.emplace_back();
    entry.set_verb("act.do");
    entry.set_object(w.Key());
    entry.set_reason(std::string(w.life % 2 == 1 ? 30'000 : 200, 'r'));  // fills a disk sooner
    entry.add_subjects(absl::StrCat("thread/", w.thread));
  }
  if (Counts(w)) {
    const auto sum = store.Read()->Get(kSumKey);
    const bool is_there = sum.ok() && *sum;
    m.expects.push_back({kSumKey, is_there ? (*sum)->revision : 0});
    m.puts.push_back({kSumKey, absl::StrCat(is_there ? std::stoi((*sum)->bytes) + 1 : 1)});
  }
  return m;
}

// What becomes of one action. Said wrongly: refused otherwise than for a full disk, or there
// although it was refused.
inline Word Act(Store& store, Word w) {
  while (true) {
    const absl::StatusOr<uint64_t> done = store.Commit(ActionOf(store, w));
    if (absl::IsAborted(done.status())) continue;
    if (done.ok()) {
      w.revision = *done;
      return w;
    }
    const auto found = store.Read()->Get(w.Key());
    const bool clear = absl::IsUnavailable(done.status()) && found.ok() && !*found &&
                       absl::StrContains(done.status().message(), "is full; nothing was changed");
    w.kind = clear ? Word::kFailed : Word::kWrong;
    if (!clear) {
      fprintf(stderr, "%s: %s, then %s\n", w.Key().c_str(), done.status().ToString().c_str(),
              found.ok() ? "found" : found.status().ToString().c_str());
    }
    return w;
  }
}

// Never returns.
inline void ActForEver(const std::string& folder, uint32_t life, uint32_t threads, int out) {
  const auto store = RocksDbStore::Open(folder);
  if (!store.ok()) {
    fprintf(stderr, "%s\n", store.status().ToString().c_str());
    _exit(1);
  }
  std::vector<std::thread> all;
  for (uint32_t t = 0; t < threads; ++t) {
    all.emplace_back([&store, life, t, out] {
      for (uint32_t i = 0;; ++i) {
        const Word said = Act(**store, {Word::kDone, life, t, i, 0});
        if (write(out, &said, sizeof said) != sizeof said) _exit(2);
        if (said.kind == Word::kWrong) _exit(4);
      }
    });
  }
  for (std::thread& t : all) t.join();
  _exit(3);
}

// Such a process. Nothing that it said is lost when it is killed.
class Actor {
 public:
  Actor(const std::string& folder, uint32_t life, uint32_t threads) {
    int fds[2];
    if (pipe(fds) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      close(fds[0]);
      ActForEver(folder, life, threads, fds[1]);
    }
    close(fds[1]);
    in_ = fds[0];
  }
  ~Actor() {
    Kill();
    close(in_);
  }
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  // Until `count` words of a kind were read; false: it ended before that.
  bool ReadUntil(Word::Kind kind, size_t count) {
    for (Word w; count > 0;) {
      if (read(in_, &w, sizeof w) != sizeof w) return false;
      said_.push_back(w);
      if (w.kind == kind) --count;
    }
    return true;
  }
  void Kill() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
    for (Word w; read(in_, &w, sizeof w) == sizeof w;) said_.push_back(w);
  }
  const std::vector<Word>& said() const { return said_; }

 private:
  pid_t pid_ = -1;
  int in_ = -1;
  std::vector<Word> said_;
};

// --- what must hold ---

struct Found {
  std::map<std::string, std::vector<uint64_t>> sequences;  // by the object of the entry
  std::map<std::string, uint64_t> revisions;
};

// Dense, hashed, and the tree as it is when it is worked out anew: its head and every tile.
inline Found CheckLog(const Snapshot& snapshot) {
  Found found;
  TileEdge edge;
  std::vector<Tile> tiles;
  const absl::Status read = ForEach<v1::AuditRecord>(
      snapshot, "audit/", [&](const std::string& key, const Versioned<v1::AuditRecord>& r) {
        v1::AuditEntry entry;
        EXPECT_TRUE(entry.ParseFromString(r.value.entry())) << key;
        EXPECT_EQ(key, AuditKey(edge.size()));
        EXPECT_EQ(entry.sequence(), edge.size());
        EXPECT_EQ(r.value.leaf_hash(), LeafHash(r.value.entry())) << key;
        found.sequences[entry.object()].push_back(edge.size());
        found.revisions.try_emplace(entry.object(), r.revision);
        EXPECT_EQ(found.revisions[entry.object()], r.revision) << key;
        edge.Append(LeafHash(r.value.entry()), tiles);
        return absl::OkStatus();
      });
  EXPECT_EQ(read, absl::OkStatus());
  EXPECT_EQ(snapshot.log_head().size, edge.size());
  EXPECT_EQ(snapshot.log_head().root, edge.Root());
  for (Tile& tile : edge.PartialTiles()) tiles.push_back(std::move(tile));
  for (const Tile& tile : tiles) {
    const auto stored = snapshot.ReadTile(tile.level, tile.index, tile.hashes.size() / kHashBytes);
    EXPECT_TRUE(stored.ok() && *stored == tile.hashes) << tile.level << "/" << tile.index;
  }
  return found;
}

// No action without its entries, no entry without its action, both of one commit; each is found.
inline void CheckActions(const Snapshot& snapshot, const Found& found) {
  size_t actions = 0;
  int counted = 0;
  const auto records = snapshot.Scan("act/", "", SIZE_MAX);
  ASSERT_TRUE(records.ok());
  for (const Record& r : *records) {
    ++actions;
    counted += absl::EndsWith(r.bytes, "+") ? 1 : 0;
    const auto it = found.sequences.find(r.key);
    ASSERT_NE(it, found.sequences.end()) << r.key << " has no entry";
    EXPECT_EQ(it->second.size(), static_cast<size_t>(r.bytes[0] - '0')) << r.key;
    EXPECT_EQ(found.revisions.at(r.key), r.revision) << r.key;
    EXPECT_LE(r.revision, snapshot.revision());
    EXPECT_EQ(*snapshot.FindInLog(LogTerm("object", r.key), 0, 10), it->second) << r.key;
  }
  EXPECT_EQ(actions, found.sequences.size()) << "an entry has no action";
  const auto sum = snapshot.Get(kSumKey);
  ASSERT_TRUE(sum.ok());
  EXPECT_EQ(*sum ? std::stoi((*sum)->bytes) : 0, counted);
}

// What was acknowledged is there as it was said, what was refused is not.
inline void CheckWords(const Snapshot& snapshot, const std::vector<Word>& said) {
  for (const Word& w : said) {
    EXPECT_NE(w.kind, Word::kWrong) << w.Key();
    const auto record = snapshot.Get(w.Key());
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->has_value(), w.kind == Word::kDone) << w.Key();
    if (*record) {
      EXPECT_EQ((*record)->revision, w.revision) << w.Key();
    }
  }
}

}  // namespace muster

// Seeded rounds in which a process that changes the store is killed at any moment, or its disk
// fills up. After each the store is opened and read whole: no acknowledged action without its
// entry, no entry without its action, no gap, and the tree is what its entries make it.
//
// The seed is MUSTER_SEED, else fixed: tests/run.sh sets it from the commit. MUSTER_FAULT_ROUNDS
// is how many rounds, at most 500.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "absl/strings/numbers.h"
#include "tests/store/workload.h"
#include "tests/support/temp_dir.h"

namespace muster {
namespace {

constexpr uint64_t kMostRounds = 500;
constexpr uint64_t kRoundsOfOneStore = 10;
constexpr uint64_t kDiskBytes = 128 << 20;

uint64_t Number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  if (text != nullptr && !absl::SimpleAtoi(text, &otherwise)) ADD_FAILURE() << name << text;
  return otherwise;
}

// A disk of our own in a mount namespace of our own: small, and gone with us.
class StoreRounds : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(geteuid(), 0u) << "this test needs root: it mounts a tmpfs";
    ASSERT_EQ(unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
  void TearDown() override { Unmount(); }

  void NewDisk() {
    Unmount();
    const std::string options = absl::StrCat("size=", kDiskBytes);
    ASSERT_EQ(mount("tmpfs", dir_.path().c_str(), "tmpfs", 0, options.c_str()), 0);
    mounted_ = true;
  }
  void Unmount() {
    if (mounted_) {
      EXPECT_EQ(umount(dir_.path().c_str()), 0);
    }
    mounted_ = false;
  }
  uint64_t Free() const {
    struct statvfs fs = {};
    EXPECT_EQ(statvfs(dir_.path().c_str(), &fs), 0);
    return fs.f_bavail * fs.f_bsize;
  }
  // Leaves so many bytes of the disk.
  void Fill(uint64_t left) {
    const int fd = open(Ballast().c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ASSERT_GE(fd, 0);
    // Others write meanwhile: what does not fit is tried in smaller pieces.
    off_t size = 0;
    for (off_t piece = 1 << 20; piece >= 4'096 && Free() > left;) {
      if (posix_fallocate(fd, size, piece) == 0) {
        size += piece;
      } else {
        piece /= 2;
      }
    }
    close(fd);
  }
  void MakeRoom() { unlink(Ballast().c_str()); }
  std::string Ballast() const { return dir_.File("ballast"); }
  std::string Folder() const { return dir_.File("db"); }

  uint64_t Pick(uint64_t below) { return random_() % below; }

  void KillRound(uint32_t life) {
    Actor actor(Folder(), life, static_cast<uint32_t>(1 + Pick(12)));
    // Some before it said anything, while the store is still being opened.
    if (Pick(8) > 0) {
      ASSERT_TRUE(actor.ReadUntil(Word::kDone, Pick(120)));
    }
    actor.Kill();
    killed_acks_ += actor.said().size();
    Check(actor.said());
  }

  // The same process goes on when there is room again.
  void FullRound(uint32_t life) {
    Actor actor(Folder(), life, static_cast<uint32_t>(1 + Pick(12)));
    ASSERT_TRUE(actor.ReadUntil(Word::kDone, 1 + Pick(60)));
    for (uint64_t times = 1 + Pick(2); times > 0; --times) {
      Fill(Pick(2) == 0 ? 0 : Pick(1 << 20));
      ASSERT_TRUE(actor.ReadUntil(Word::kFailed, 1 + Pick(30)));
      if (times == 1 && Pick(2) == 0) break;  // killed while it is full
      MakeRoom();
      ASSERT_TRUE(actor.ReadUntil(Word::kDone, 20 + Pick(60)));
    }
    actor.Kill();
    MakeRoom();
    for (const Word& w : actor.said()) refused_ += w.kind == Word::kFailed ? 1 : 0;
    Check(actor.said());
  }

  // In a process of its own: RocksDB's threads do not live on in the next actor that is forked.
  void Check(const std::vector<Word>& said) {
    said_.insert(said_.end(), said.begin(), said.end());
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    std::fflush(nullptr);
    const pid_t pid = fork();
    if (pid == 0) {
      const uint64_t entries = Look();
      std::fflush(nullptr);
      const bool told = write(fds[1], &entries, sizeof entries) == sizeof entries;
      _exit(HasFailure() || !told ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(read(fds[0], &entries_, sizeof entries_), static_cast<ssize_t>(sizeof entries_));
    close(fds[0]);
    close(fds[1]);
  }

  uint64_t Look() {
    const auto store = RocksDbStore::Open(Folder());
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return 0;
    const std::unique_ptr<Snapshot> snapshot = (*store)->Read();
    const Found found = CheckLog(*snapshot);
    CheckActions(*snapshot, found);
    CheckWords(*snapshot, said_);
    return snapshot->log_head().size;
  }

  TempDir dir_;
  bool mounted_ = false;
  std::mt19937_64 random_;
  std::vector<Word> said_;  // of every life of this store
  uint64_t killed_acks_ = 0, refused_ = 0, entries_ = 0;
};

TEST_F(StoreRounds, NothingIsLostAndNothingIsThereAlone) {
  const uint64_t seed = Number("MUSTER_SEED", 20'261'128);
  const uint64_t rounds = std::min(Number("MUSTER_FAULT_ROUNDS", 40), kMostRounds);
  random_.seed(seed);
  uint64_t full = 0, entries = 0;
  for (uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("MUSTER_SEED=", seed, ", round ", round));
    if (round % kRoundsOfOneStore == 0) {
      ASSERT_NO_FATAL_FAILURE(NewDisk());
      said_.clear();
      entries += entries_;
    }
    const bool fills = Pick(4) == 0;
    full += fills ? 1 : 0;
    ASSERT_NO_FATAL_FAILURE(fills ? FullRound(static_cast<uint32_t>(2 * round + 1))
                                  : KillRound(static_cast<uint32_t>(2 * round)));
    if (HasFailure()) break;
  }
  // Rounds without an acknowledged action or without a refusal have shown nothing.
  EXPECT_GT(killed_acks_, 0u);
  EXPECT_GT(refused_, 0u);
  std::printf("%d rounds, %d of them with a full disk: %d entries, %d commits refused\n",
              static_cast<int>(rounds), static_cast<int>(full),
              static_cast<int>(entries + entries_), static_cast<int>(refused_));
}

}  // namespace
}  // namespace muster

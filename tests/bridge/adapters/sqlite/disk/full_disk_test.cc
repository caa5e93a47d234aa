// The bridge's file on a disk that is full. Needs root: it mounts a tmpfs that only it sees.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "absl/strings/match.h"
#include "bridge/adapters/sqlite/sqlite_store.h"
#include "tests/support/temp_dir.h"

namespace muster::bridge {
namespace {

// In a process of its own, which ends as `child` says or is killed.
int InChild(const std::function<int()>& child) {
  const pid_t pid = fork();
  if (pid == 0) _exit(child());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// On a filesystem of its own in a mount namespace of its own.
TEST(SqliteDiskTest, AFullDiskChangesNothingAndLosesNothing) {
  TempDir dir;
  const int exit = InChild([&dir] {
    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", "", MS_REC | MS_PRIVATE, nullptr) != 0)
      return 90;
    const std::string disk = dir.File("disk");
    std::filesystem::create_directory(disk);
    if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0) return 91;
    const auto store = *SqliteStore::Open(disk + "/bridge.db");
    if (!store->Write("a", "1").ok() || !store->Commit().ok()) return 1;
    std::ofstream(disk + "/other") << std::string(700 << 10, 'x');
    if (!store->Write("a", "2").ok()) return 2;
    if (!store->Write("large", std::string(500 << 10, 'l')).ok()) return 3;
    for (int i = 0; i < 3; ++i) {
      const absl::Status full = store->Commit();
      if (!absl::IsResourceExhausted(full)) return 4;
      if (!absl::StrContains(full.message(), "make room")) return 5;
    }
    if (store->Read("a")->value_or("") != "2") return 6;  // it waits
    {
      const auto reader = SqliteStore::OpenReader(disk + "/bridge.db");
      if (!reader.ok() || (*reader)->Read("a")->value_or("") != "1") return 7;
    }
    std::filesystem::remove(disk + "/other");
    if (!store->Commit().ok()) return 8;
    const auto reader = SqliteStore::OpenReader(disk + "/bridge.db");
    if (!reader.ok() || (*reader)->Read("large")->value_or("").size() != 500u << 10) return 9;
    return 0;
  });
  EXPECT_EQ(exit, 0);
}

}  // namespace
}  // namespace muster::bridge

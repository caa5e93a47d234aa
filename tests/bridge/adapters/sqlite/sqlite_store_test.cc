// The bridge's file: what a commit says is there after a kill, a full disk changes nothing and
// loses nothing, and a file that is not whole or not ours is refused with words.
#include "bridge/adapters/sqlite/sqlite_store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "tests/support/temp_dir.h"

namespace muster::bridge {
namespace {

using Names = std::vector<std::string>;

class SqliteStoreTest : public testing::Test {
 protected:
  void Open() {
    store_.reset();
    auto opened = SqliteStore::Open(path_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  std::string At(const std::string& name) { return store_->Read(name)->value_or("(none)"); }
  void Put(const std::string& name, absl::string_view bytes) {
    ASSERT_TRUE(store_->Write(name, bytes).ok());
  }
  // Another program's SQL on the closed file.
  void Sql(const std::string& sql) {
    store_.reset();
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
  }

  TempDir dir_;
  const std::string path_ = dir_.File("bridge.db");
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(SqliteStoreTest, KeepsBytesByName) {
  Open();
  const std::string bytes("\0\xff'\n\0", 5);
  Put("agent.json", "{}");
  Put("phone/phn-1/accepted.pb", bytes);
  Put("phone/phn-1/empty", "");
  Put("phone/phn-2/chain.pb", "c");
  Put("phonebook", "not below phone");
  EXPECT_EQ(At("phone/phn-1/accepted.pb"), bytes);  // seen before the commit
  for (const bool committed : {false, true}) {
    SCOPED_TRACE(committed);
    EXPECT_EQ(*store_->List("phone/phn-1"), (Names{"accepted.pb", "empty"}));
    EXPECT_EQ(*store_->List("phone"),
              (Names{"phn-1/accepted.pb", "phn-1/empty", "phn-2/chain.pb"}));
    EXPECT_EQ(*store_->List("operation"), Names{});
    ASSERT_TRUE(store_->Commit().ok());
  }
  Open();
  EXPECT_EQ(At("phone/phn-1/accepted.pb"), bytes);
  EXPECT_EQ(At("phone/phn-1/empty"), "");
  EXPECT_EQ(At("phone/phn-3/accepted.pb"), "(none)");

  ASSERT_TRUE(store_->Remove("phone/phn-1/empty").ok());
  ASSERT_TRUE(store_->Remove("phone/phn-1/never").ok());
  Put("phone/phn-1/new", "n");
  EXPECT_EQ(At("phone/phn-1/empty"), "(none)");
  EXPECT_EQ(*store_->List("phone/phn-1"), (Names{"accepted.pb", "new"}));
  ASSERT_TRUE(store_->Commit().ok());
  Open();
  EXPECT_EQ(*store_->List("phone/phn-1"), (Names{"accepted.pb", "new"}));
}

TEST_F(SqliteStoreTest, NothingIsKeptWithoutItsCommit) {
  Open();
  Put("a", "1");
  ASSERT_TRUE(store_->Commit().ok());
  Put("a", "2");
  Put("b", "2");
  Open();
  EXPECT_EQ(At("a"), "1");
  EXPECT_EQ(At("b"), "(none)");
}

// Killed at any moment: the state is that of a commit, and of no older one than the last that
// answered.
TEST_F(SqliteStoreTest, KilledBetweenWritesAndCommit) {
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    int told[2];
    ASSERT_EQ(pipe(told), 0);
    const pid_t pid = fork();
    if (pid == 0) {
      auto store = SqliteStore::Open(path_);
      if (!store.ok()) _exit(1);
      for (int n = 1; n < 100'000; ++n) {
        const std::string value = absl::StrCat(round * 1'000'000 + n);
        for (const char* name : {"a", "b", "c"}) (void)(*store)->Write(name, value);
        if (!(*store)->Commit().ok() || write(told[1], &n, sizeof n) != sizeof n) _exit(1);
        (void)(*store)->Write("a", "never committed");
      }
      _exit(0);
    }
    close(told[1]);
    int last = 0;
    for (int i = 0; i <= round; ++i) ASSERT_EQ(read(told[0], &last, sizeof last), ssize_t{4});
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    while (read(told[0], &last, sizeof last) > 0) {
    }
    close(told[0]);
    Open();
    const std::string a = At("a");
    EXPECT_EQ(At("b"), a);
    EXPECT_EQ(At("c"), a);
    const int n = std::atoi(a.c_str()) - round * 1'000'000;
    EXPECT_TRUE(n == last || n == last + 1) << a << " after " << last;
    store_.reset();
  }
}

TEST_F(SqliteStoreTest, OneWriterAndAnyReaders) {
  Open();
  Put("a", "1");
  ASSERT_TRUE(store_->Commit().ok());
  Put("a", "2");
  const auto second = SqliteStore::Open(path_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists) << second.status();
  auto reader = SqliteStore::OpenReader(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->Read("a")->value_or(""), "1");
  ASSERT_TRUE(store_->Commit().ok());
  EXPECT_EQ((*reader)->Read("a")->value_or(""), "2");
  EXPECT_TRUE(absl::IsFailedPrecondition((*reader)->Write("a", "3")));
  struct stat st = {};
  for (const char* file : {"bridge.db", "bridge.db-wal", "bridge.db.lock"}) {
    ASSERT_EQ(stat(dir_.File(file).c_str(), &st), 0) << file;
    EXPECT_EQ(st.st_mode & 0777, 0600u) << file;
  }
  reader->reset();
  Open();  // the first has let go
  EXPECT_TRUE(absl::IsNotFound(SqliteStore::OpenReader(dir_.File("none.db")).status()));
}

TEST_F(SqliteStoreTest, FilesThatAreNotOurs) {
  Open();
  for (int i = 0; i < 200; ++i) Put(absl::StrCat("record/", i), std::string(1'000, 'x'));
  ASSERT_TRUE(store_->Commit().ok());
  Sql("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA user_version = 2");
  const auto newer = SqliteStore::Open(path_);
  EXPECT_EQ(newer.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(newer.status().message(), "newer muster-bridge (version 2"))
      << newer.status();
  Sql("PRAGMA user_version = 1; PRAGMA application_id = 7");
  EXPECT_TRUE(absl::IsDataLoss(SqliteStore::Open(path_).status()));
  Sql("PRAGMA application_id = 1297437524");
  Open();  // nothing was changed by any of that
  EXPECT_EQ(At("record/199"), std::string(1'000, 'x'));

  store_.reset();
  Sql("PRAGMA wal_checkpoint(TRUNCATE)");
  const auto size = std::filesystem::file_size(path_);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8192);
  file << std::string(8192, '\x5a');
  file.close();
  const auto damaged = SqliteStore::Open(path_);
  EXPECT_TRUE(absl::IsDataLoss(damaged.status())) << damaged.status();
  EXPECT_TRUE(absl::StrContains(damaged.status().message(), "enrol this bridge again"));
  std::filesystem::resize_file(path_, size / 2);
  EXPECT_TRUE(absl::IsDataLoss(SqliteStore::Open(path_).status()));
  std::ofstream(path_, std::ios::trunc) << "agent.json is what you look for, not this text";
  EXPECT_TRUE(absl::IsDataLoss(SqliteStore::Open(path_).status()));
}

TEST_F(SqliteStoreTest, WhatWaitsIsBounded) {
  Open();
  const std::string part(limits::kMaxPendingStateBytes / 4, 'x');
  for (int i = 0; i < 4; ++i) Put(absl::StrCat(i), part);
  EXPECT_TRUE(absl::IsResourceExhausted(store_->Write("5", "x")));
  Put("0", part);       // in its own place
  Put("1", "shorter");  // makes room
  Put("5", "x");
  ASSERT_TRUE(store_->Remove("2").ok());
  EXPECT_EQ(At("5"), "x");
}

}  // namespace
}  // namespace muster::bridge

#include "bridge/adapters/sqlite/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "common/status_macros.h"

namespace muster::bridge {
namespace {

constexpr int kSchema = 1;
constexpr int kApplicationId = 0x4d555354;  // "MUST": tells our files from other SQLite files
constexpr int kBusyMs = 5'000;              // a reader's checkpoint, at most

constexpr char kCreate[] =
    "CREATE TABLE record (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;"
    "PRAGMA application_id = 1297437524;"
    "PRAGMA user_version = 1;";
static_assert(kApplicationId == 1297437524 && kSchema == 1);

absl::Status SystemError(int error, const char* doing, const std::string& path) {
  const std::string text = absl::StrCat("cannot ", doing, " ", path, ": ", strerror(error));
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

absl::Status NotOurs(const std::string& path, absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat(path, " is damaged (", why,
                   "); stop the bridge, put the file back from a backup, or move the state "
                   "directory away and enrol this bridge again"));
}

// Not on the database itself: closing any descriptor of that would drop SQLite's own locks.
absl::StatusOr<int> LockWriter(const std::string& path) {
  const std::string name = path + ".lock";
  const int fd = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError(errno, "open", name);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return absl::AlreadyExistsError(
        absl::StrCat("another muster-bridge runs with this state (", path, "); stop it first"));
  }
  return fd;
}

// SQLite makes its files with the mode of the database.
absl::Status MakeFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError(errno, "open", path);
  const bool moded = fchmod(fd, 0600) == 0;
  const int error = errno;
  close(fd);
  return moded ? absl::OkStatus() : SystemError(error, "set the mode of", path);
}

std::string ColumnBytes(sqlite3_stmt* statement, int column) {
  const void* data = sqlite3_column_blob(statement, column);
  const int size = sqlite3_column_bytes(statement, column);
  return data == nullptr ? "" : std::string(static_cast<const char*>(data), size);
}

int BindText(sqlite3_stmt* statement, int index, absl::string_view text) {
  return sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()),
                           SQLITE_STATIC);
}

// Ready for the next use, whatever became of this one.
class Use {
 public:
  explicit Use(sqlite3_stmt* statement) : statement_(statement) {}
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

 private:
  sqlite3_stmt* const statement_;
};

}  // namespace

void SqliteStore::Closed::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void SqliteStore::Finalized::operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }

SqliteStore::~SqliteStore() {
  {
    MutexLock lock(&mu_);
    for (Statement* s : {&read_, &list_, &put_, &remove_}) s->reset();
    db_.reset();
  }
  if (lock_fd_ >= 0) close(lock_fd_);
}

absl::Status SqliteStore::Failure(const char* doing) const {
  const int code = db_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(db_.get());
  const char* words = db_ == nullptr ? "no memory" : sqlite3_errmsg(db_.get());
  const std::string text = absl::StrCat("cannot ", doing, " ", path_, ": ", words);
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return NotOurs(path_, words);
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(absl::StrCat(text, "; make room on that disk"));
    default:
      return absl::UnavailableError(text);
  }
}

absl::Status SqliteStore::Run(const char* sql) const {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Failure("write");
}

absl::StatusOr<int> SqliteStore::Number(const char* sql) const {
  sqlite3_stmt* raw = nullptr;
  const int prepared = sqlite3_prepare_v2(db_.get(), sql, -1, &raw, nullptr);
  const Statement statement(raw);
  if (prepared != SQLITE_OK || sqlite3_step(raw) != SQLITE_ROW) return Failure("read");
  return sqlite3_column_int(raw, 0);
}

absl::Status SqliteStore::CheckSchema(bool for_writing) {
  MUSTER_ASSIGN_OR_RETURN(const int tables, Number("SELECT count(*) FROM sqlite_master"));
  if (tables == 0) {
    if (!for_writing) return absl::NotFoundError(absl::StrCat(path_, " holds no state yet"));
    MUSTER_RETURN_IF_ERROR(Run("BEGIN IMMEDIATE"));
    absl::Status made = Run(kCreate);
    if (made.ok()) made = Run("COMMIT");
    if (!made.ok()) Run("ROLLBACK").IgnoreError();
    return made;
  }
  MUSTER_ASSIGN_OR_RETURN(const int id, Number("PRAGMA application_id"));
  if (id != kApplicationId) return NotOurs(path_, "it is no state of a bridge");
  MUSTER_ASSIGN_OR_RETURN(const int schema, Number("PRAGMA user_version"));
  if (schema > kSchema) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " was written by a newer muster-bridge (version ", schema,
                     " of its layout, this one knows ", kSchema, "); install that version again"));
  }
  sqlite3_stmt* raw = nullptr;
  const int prepared = sqlite3_prepare_v2(db_.get(), "PRAGMA quick_check(1)", -1, &raw, nullptr);
  const Statement check(raw);
  if (prepared != SQLITE_OK || sqlite3_step(raw) != SQLITE_ROW) return Failure("check");
  const std::string found = ColumnBytes(raw, 0);
  return found == "ok" ? absl::OkStatus() : NotOurs(path_, found);
}

absl::Status SqliteStore::Prepare() {
  const std::pair<Statement*, const char*> statements[] = {
      {&read_, "SELECT bytes FROM record WHERE name = ?1"},
      {&list_, "SELECT name FROM record WHERE name >= ?1 AND name < ?2"},
      {&put_, "INSERT OR REPLACE INTO record (name, bytes) VALUES (?1, ?2)"},
      {&remove_, "DELETE FROM record WHERE name = ?1"},
  };
  for (const auto& [to, sql] : statements) {
    sqlite3_stmt* raw = nullptr;
    const int code =
        sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    to->reset(raw);
    if (code != SQLITE_OK) return Failure("read");
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::OpenFile(bool for_writing) {
  MutexLock lock(&mu_);
  sqlite3* raw = nullptr;
  const int flags = for_writing ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  const int code = sqlite3_open_v2(path_.c_str(), &raw, flags, nullptr);
  db_.reset(raw);
  if (code != SQLITE_OK) return Failure("open");
  sqlite3_busy_timeout(raw, kBusyMs);
  if (for_writing) {
    // FULL: what Commit() has answered is there after a power cut too.
    MUSTER_RETURN_IF_ERROR(Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"));
  }
  MUSTER_RETURN_IF_ERROR(CheckSchema(for_writing));
  return Prepare();
}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const int fd, LockWriter(path));
  std::unique_ptr<SqliteStore> store(new SqliteStore(path, fd));
  MUSTER_RETURN_IF_ERROR(MakeFile(path));
  MUSTER_RETURN_IF_ERROR(store->OpenFile(true));
  return store;
}

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::OpenReader(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0) {
    return errno == ENOENT ? absl::NotFoundError(absl::StrCat("there is no ", path))
                           : SystemError(errno, "open", path);
  }
  std::unique_ptr<SqliteStore> store(new SqliteStore(path, -1));
  MUSTER_RETURN_IF_ERROR(store->OpenFile(false));
  return store;
}

absl::StatusOr<std::optional<std::string>> SqliteStore::Read(const std::string& name) const {
  MutexLock lock(&mu_);
  if (const auto it = pending_.find(name); it != pending_.end()) return it->second;
  const Use use(read_.get());
  BindText(read_.get(), 1, name);
  switch (sqlite3_step(read_.get())) {
    case SQLITE_ROW:
      return std::optional<std::string>(ColumnBytes(read_.get(), 0));
    case SQLITE_DONE:
      return std::optional<std::string>();
    default:
      return Failure("read");
  }
}

absl::StatusOr<std::vector<std::string>> SqliteStore::List(const std::string& dir) const {
  const std::string from = dir.empty() ? "" : dir + "/";
  const std::string to = dir.empty() ? "\xff" : dir + "0";  // '0' follows '/'
  std::set<std::string> names;
  MutexLock lock(&mu_);
  const Use use(list_.get());
  BindText(list_.get(), 1, from);
  BindText(list_.get(), 2, to);
  int code = SQLITE_DONE;
  while ((code = sqlite3_step(list_.get())) == SQLITE_ROW) {
    names.insert(ColumnBytes(list_.get(), 0).substr(from.size()));
  }
  if (code != SQLITE_DONE) return Failure("read");
  for (auto it = pending_.lower_bound(from); it != pending_.end() && it->first < to; ++it) {
    if (it->second) {
      names.insert(it->first.substr(from.size()));
    } else {
      names.erase(it->first.substr(from.size()));
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

absl::Status SqliteStore::Pend(const std::string& name, std::optional<std::string> bytes) {
  if (lock_fd_ < 0) {
    return absl::FailedPreconditionError(absl::StrCat(path_, " was opened to be read only"));
  }
  const size_t size = bytes ? bytes->size() : 0;
  MutexLock lock(&mu_);
  const auto it = pending_.find(name);
  const size_t before = it != pending_.end() && it->second ? it->second->size() : 0;
  if (size > before && pending_bytes_ - before + size > limits::kMaxPendingStateBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("too much waits to be written to ", path_, "; make room on that disk"));
  }
  pending_bytes_ = pending_bytes_ - before + size;
  pending_[name] = std::move(bytes);
  return absl::OkStatus();
}

absl::Status SqliteStore::Write(const std::string& name, absl::string_view bytes) {
  return Pend(name, std::string(bytes));
}

absl::Status SqliteStore::Remove(const std::string& name) { return Pend(name, std::nullopt); }

absl::Status SqliteStore::PutPending() {
  for (const auto& [name, bytes] : pending_) {
    sqlite3_stmt* const statement = bytes ? put_.get() : remove_.get();
    const Use use(statement);
    BindText(statement, 1, name);
    if (bytes) {
      sqlite3_bind_blob64(statement, 2, bytes->data(), bytes->size(), SQLITE_STATIC);
    }
    if (sqlite3_step(statement) != SQLITE_DONE) return Failure("write");
  }
  return absl::OkStatus();
}

absl::Status SqliteStore::Commit() {
  MutexLock lock(&mu_);
  if (pending_.empty()) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(Run("BEGIN IMMEDIATE"));
  absl::Status status = PutPending();
  if (status.ok()) status = Run("COMMIT");
  if (!status.ok()) {
    // SQLite may have ended the transaction itself; then there is nothing to roll back.
    Run("ROLLBACK").IgnoreError();
    return status;
  }
  pending_.clear();
  pending_bytes_ = 0;
  return absl::OkStatus();
}

}  // namespace muster::bridge

#include "controller/adapters/rocksdb/store_backup.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "common/log_limits.h"
#include "common/log_tiles.h"
#include "common/status_macros.h"
#include "controller/adapters/rocksdb/partial_folder.h"

namespace muster {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr char kMagic[] = "MUSTER BACKUP 1\n";
constexpr char kData[] = "/data", kManifest[] = "/manifest.json", kCheckpoint[] = "/checkpoint";
constexpr size_t kLengthBytes = 4;
constexpr size_t kMaxManifestBytes = 64 << 10;

absl::Status FileError(const std::string& path, absl::string_view what) {
  const std::string text = absl::StrCat(path, ": ", what, ": ", std::strerror(errno));
  return errno == ENOENT ? absl::NotFoundError(text) : absl::UnavailableError(text);
}

absl::Status BackupDamaged(const std::string& path, absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat(path, ": this backup is damaged (", why, "); restore from another one"));
}

std::string LengthOf(size_t n) {
  std::string out(kLengthBytes, '\0');
  for (size_t i = kLengthBytes; i-- > 0; n >>= 8) out[i] = static_cast<char>(n & 0xff);
  return out;
}

class RunningHash {
 public:
  RunningHash() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void Add(absl::string_view bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
  std::string Hex() {
    std::string out(kHashBytes, '\0');
    EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr);
    return absl::BytesToHexString(out);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

struct CloseFile {
  void operator()(FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, CloseFile>;

absl::Status SyncPath(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError(path, "opening");
  const bool ok = fsync(fd) == 0;
  close(fd);
  return ok ? absl::OkStatus() : FileError(path, "writing");
}

std::string ParentOf(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

// A file of its own, from its first byte to its last, with the hash of what was written.
class DataWriter {
 public:
  explicit DataWriter(std::string path)
      : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wbx")) {
    if (file_ != nullptr) fchmod(fileno(file_.get()), 0600);
  }
  absl::Status Add(absl::string_view bytes) {
    if (file_ == nullptr || std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size())
      return FileError(path_, "writing");
    hash_.Add(bytes);
    size_ += bytes.size();
    return absl::OkStatus();
  }
  absl::Status Finish() {
    if (file_ == nullptr || std::fflush(file_.get()) != 0 || fsync(fileno(file_.get())) != 0) {
      return FileError(path_, "writing");
    }
    return absl::OkStatus();
  }
  uint64_t size() const { return size_; }
  std::string Hex() { return hash_.Hex(); }

 private:
  const std::string path_;
  File file_;
  RunningHash hash_;
  uint64_t size_ = 0;
};

absl::Status WriteOne(const std::string& path, absl::string_view bytes) {
  DataWriter file(path);
  MUSTER_RETURN_IF_ERROR(file.Add(bytes));
  return file.Finish();
}

// Reads as it was written, and hashes all that it reads.
class DataReader {
 public:
  explicit DataReader(std::string path)
      : path_(std::move(path)), file_(std::fopen(path_.c_str(), "rb")) {}
  // False at the end of the file.
  absl::StatusOr<bool> Read(size_t n, std::string& out) {
    if (file_ == nullptr) return FileError(path_, "reading");
    out.resize(n);
    const size_t got = std::fread(out.data(), 1, n, file_.get());
    if (std::ferror(file_.get()) != 0) return FileError(path_, "reading");
    hash_.Add(absl::string_view(out).substr(0, got));
    size_ += got;
    if (got == 0 && n > 0) return false;
    if (got != n) return BackupDamaged(path_, "it ends within a record");
    return true;
  }
  absl::StatusOr<std::string> ReadPart(size_t n) {
    std::string out;
    MUSTER_ASSIGN_OR_RETURN(const bool some, Read(n, out));
    if (!some) return BackupDamaged(path_, "it ends within a record");
    return out;
  }
  uint64_t size() const { return size_; }
  std::string Hex() { return hash_.Hex(); }

 private:
  const std::string path_;
  File file_;
  RunningHash hash_;
  uint64_t size_ = 0;
};

size_t LengthFrom(absl::string_view bytes) {
  size_t n = 0;
  for (const char c : bytes) n = n << 8 | static_cast<uint8_t>(c);
  return n;
}

std::string ManifestText(const BackupManifest& m) {
  Json out;
  out["format"] = "muster-backup";
  out["version"] = 1;
  out["at"] = absl::FormatTime(absl::RFC3339_sec, m.at, absl::UTCTimeZone());
  out["revision"] = m.revision;
  out["log_size"] = m.log.size;
  out["log_root"] = absl::BytesToHexString(m.log.root);
  out["data"] = Json{{"keys", m.keys}, {"bytes", m.bytes}, {"sha256", m.sha256}};
  out["not_in_it"] = "keys of the tenant (pki/, keys/): back those up apart";
  return out.dump(2) + "\n";
}

absl::Status WriteData(const StoreReader& reader, const std::string& path, BackupManifest& m) {
  DataWriter file(path);
  MUSTER_RETURN_IF_ERROR(file.Add(kMagic));
  MUSTER_RETURN_IF_ERROR(reader.ForEachRaw([&](absl::string_view key, absl::string_view value) {
    if (key.size() > limits::kMaxBackupKeyBytes || value.size() > limits::kMaxBackupValueBytes) {
      return absl::ResourceExhaustedError("a record of the store is too large for a backup");
    }
    ++m.keys;
    MUSTER_RETURN_IF_ERROR(file.Add(LengthOf(key.size()) + LengthOf(value.size())));
    MUSTER_RETURN_IF_ERROR(file.Add(key));
    return file.Add(value);
  }));
  MUSTER_RETURN_IF_ERROR(file.Finish());
  m.bytes = file.size();
  m.sha256 = file.Hex();
  return absl::OkStatus();
}

bool IsThere(const std::string& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

absl::Status MoveInPlace(const std::string& from, const std::string& to) {
  MUSTER_RETURN_IF_ERROR(SyncPath(from));
  if (std::rename(from.c_str(), to.c_str()) != 0) return FileError(to, "putting it in its place");
  return SyncPath(ParentOf(to));
}

// All of `data` into an empty database. Nothing of it counts before its hash was compared.
absl::Status LoadData(const std::string& backup, const BackupManifest& m, rocksdb::DB* db) {
  const std::string path = backup + kData;
  DataReader file(path);
  std::string magic;
  MUSTER_ASSIGN_OR_RETURN(const bool begun, file.Read(sizeof kMagic - 1, magic));
  if (!begun || magic != kMagic) return BackupDamaged(path, "it does not begin as a backup does");
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  rocksdb::WriteBatch batch;
  const auto write = [&] {
    const rocksdb::Status s = db->Write(options, &batch);
    batch.Clear();
    return s.ok() ? absl::OkStatus()
                  : absl::UnavailableError(absl::StrCat("loading the backup: ", s.ToString()));
  };
  uint64_t keys = 0;
  std::string lengths;
  while (true) {
    MUSTER_ASSIGN_OR_RETURN(const bool more, file.Read(2 * kLengthBytes, lengths));
    if (!more) break;
    const size_t key_size = LengthFrom(absl::string_view(lengths).substr(0, kLengthBytes));
    const size_t size = LengthFrom(absl::string_view(lengths).substr(kLengthBytes));
    if (key_size == 0 || key_size > limits::kMaxBackupKeyBytes ||
        size > limits::kMaxBackupValueBytes) {
      return BackupDamaged(path, "a length in it is too large");
    }
    MUSTER_ASSIGN_OR_RETURN(const std::string key, file.ReadPart(key_size));
    std::string value;
    if (size > 0) {
      MUSTER_ASSIGN_OR_RETURN(value, file.ReadPart(size));
    }
    batch.Put(key, value);
    ++keys;
    if (batch.GetDataSize() >= limits::kRestoreBatchBytes) MUSTER_RETURN_IF_ERROR(write());
  }
  MUSTER_RETURN_IF_ERROR(write());
  if (keys != m.keys || file.size() != m.bytes || file.Hex() != m.sha256) {
    return BackupDamaged(path, "it is not the file that its manifest tells of");
  }
  const rocksdb::Status s = db->Flush(rocksdb::FlushOptions());
  return s.ok() ? absl::OkStatus()
                : absl::UnavailableError(absl::StrCat("loading the backup: ", s.ToString()));
}

}  // namespace

absl::StatusOr<BackupManifest> WriteBackup(const StoreReader& reader, const std::string& out,
                                           absl::Time now, const HeadText& head_text) {
  if (IsPartialName(fs::path(out).filename().string())) {
    return absl::InvalidArgumentError(absl::StrCat(
        out, ": a name that ends so is that of a backup that is not finished; give it another"));
  }
  if (IsThere(out)) {
    return absl::AlreadyExistsError(
        absl::StrCat(out, " is there already; give each backup a folder of its own"));
  }
  MUSTER_ASSIGN_OR_RETURN(const PartialFolder folder, PartialFolder::New(out));
  const std::string& partial = folder.path();
  const std::unique_ptr<Snapshot> snapshot = reader.Read();
  BackupManifest m;
  m.at = now;
  m.revision = snapshot->revision();
  m.log = snapshot->log_head();
  absl::Status status = WriteData(reader, partial + kData, m);
  if (status.ok()) status = WriteOne(partial + kCheckpoint, head_text(*snapshot));
  if (status.ok()) status = WriteOne(partial + kManifest, ManifestText(m));
  if (status.ok()) status = MoveInPlace(partial, out);
  if (!status.ok()) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
    return status;
  }
  return m;
}

std::vector<std::string> RemoveDeadBackups(const std::string& out) {
  return RemoveDeadPartials(out, {kData + 1, kManifest + 1, kCheckpoint + 1});
}

absl::StatusOr<BackupManifest> ReadBackupManifest(const std::string& backup) {
  const std::string path = backup + kManifest;
  const File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) return FileError(path, "this is no backup");
  std::string text(kMaxManifestBytes, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  const Json in = Json::parse(text, nullptr, false);
  const auto number = [](const Json& from, const char* name, uint64_t& out) {
    const auto it = from.is_object() ? from.find(name) : from.end();
    if (!from.is_object() || it == from.end() || !it->is_number_unsigned()) return false;
    out = it->get<uint64_t>();
    return true;
  };
  const auto string = [](const Json& from, const char* name, std::string& out) {
    const auto it = from.is_object() ? from.find(name) : from.end();
    if (!from.is_object() || it == from.end() || !it->is_string()) return false;
    out = it->get<std::string>();
    return true;
  };
  BackupManifest m;
  uint64_t version = 0;
  std::string format, at, root, error;
  const Json data = in.is_object() ? in.value("data", Json()) : Json();
  const bool whole = string(in, "format", format) && number(in, "version", version) &&
                     string(in, "at", at) && number(in, "revision", m.revision) &&
                     number(in, "log_size", m.log.size) && string(in, "log_root", root) &&
                     number(data, "keys", m.keys) && number(data, "bytes", m.bytes) &&
                     string(data, "sha256", m.sha256) &&
                     absl::ParseTime(absl::RFC3339_full, at, &m.at, &error);
  if (!whole || format != "muster-backup" || root.size() != 2 * kHashBytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": this is no manifest of a backup"));
  }
  if (version != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": a backup of version ", version, "; this musterd reads version 1"));
  }
  m.log.root = absl::HexStringToBytes(root);
  return m;
}

absl::StatusOr<std::unique_ptr<LoadedBackup>> LoadedBackup::Load(const std::string& backup,
                                                                 const std::string& db) {
  MUSTER_ASSIGN_OR_RETURN(BackupManifest manifest, ReadBackupManifest(backup));
  if (IsThere(db)) {
    return absl::AlreadyExistsError(absl::StrCat(
        db,
        " is there already, and nothing of it was changed; move it away first (keep it for the "
        "auditors)"));
  }
  std::string loading = db + ".loading-XXXXXX";
  if (mkdtemp(loading.data()) == nullptr) return FileError(db, "making the folder");
  std::unique_ptr<LoadedBackup> out(new LoadedBackup(std::move(manifest), loading, db));
  {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.info_log_level = rocksdb::WARN_LEVEL;
    rocksdb::DB* raw = nullptr;
    const rocksdb::Status s = rocksdb::DB::Open(options, loading, &raw);
    const std::unique_ptr<rocksdb::DB> loaded(raw);
    if (!s.ok()) return absl::UnavailableError(absl::StrCat(loading, ": ", s.ToString()));
    MUSTER_RETURN_IF_ERROR(LoadData(backup, out->manifest_, loaded.get()));
  }
  MUSTER_ASSIGN_OR_RETURN(out->reader_, StoreReader::Open(loading));
  const std::unique_ptr<Snapshot> snapshot = out->reader_->Read();
  const LogHead head = snapshot->log_head();
  const BackupManifest& m = out->manifest_;
  if (snapshot->revision() != m.revision || head.size != m.log.size || head.root != m.log.root) {
    return BackupDamaged(backup + kManifest, "it tells of another store than the data");
  }
  return out;
}

LoadedBackup::~LoadedBackup() {
  reader_.reset();
  std::error_code ignored;
  fs::remove_all(loading_, ignored);
}

absl::Status LoadedBackup::Keep() {
  reader_.reset();
  if (IsThere(db_)) return absl::AlreadyExistsError(absl::StrCat(db_, " is there already"));
  return MoveInPlace(loading_, db_);
}

}  // namespace muster

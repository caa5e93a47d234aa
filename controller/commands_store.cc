#include "controller/commands_store.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/checkpoint.h"
#include "common/clock.h"
#include "common/log_limits.h"
#include "common/status_macros.h"
#include "controller/adapters/openssl/tenant_files.h"
#include "controller/adapters/rocksdb/store_backup.h"
#include "controller/adapters/rocksdb/store_reader.h"
#include "controller/adapters/yaml/server_config.h"
#include "controller/flow/records.h"
#include "controller/flow/restore_proof.h"
#include "controller/flow/signer.h"
#include "controller/flow/store_check.h"
#include "muster/v1/policy.pb.h"

namespace muster {
namespace {

constexpr char kStore[] = "/db";
constexpr absl::Duration kTellEvery = absl::Seconds(2);

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

StoreProgress ToStderr() {
  return [next = SystemClock().Now() + kTellEvery](absl::string_view what, uint64_t done) mutable {
    if (SystemClock().Now() < next) return;
    next = SystemClock().Now() + kTellEvery;
    std::fprintf(stderr, "musterd: %llu %s checked\n", static_cast<unsigned long long>(done),
                 std::string(what).c_str());
  };
}

// The tenant that a root in the store is of; empty without one.
std::optional<Trust> TrustOf(const Snapshot& snapshot) {
  const auto doc = Find<v1::SignedDoc>(snapshot, DocumentKey(kRootName));
  v1::Root root;
  if (!doc.ok() || !*doc || !root.ParseFromString((*doc)->value.payload())) return std::nullopt;
  absl::StatusOr<Trust> trust = Trust::FromRoot(root);
  if (!trust.ok()) return std::nullopt;
  return *std::move(trust);
}

// Signed where the key of the log lies in the tenant's folder.
std::string HeadOf(const Snapshot& snapshot, const std::string& dir) {
  const std::optional<Trust> trust = TrustOf(snapshot);
  const LogHead log = snapshot.log_head();
  const Checkpoint head = {trust ? LogOrigin(trust->tenant()) : "unknown/audit", log.size,
                           log.root};
  if (trust) {
    Signer signer([&] { return LoadOnlineKeys(dir); });
    if (signer.Follow(*trust).ok()) {
      absl::StatusOr<std::string> note = signer.SignLogHead(head);
      if (note.ok()) return *std::move(note);
    }
  }
  return CheckpointText(head);
}

// A note, or all of a folder: an export of the log, or its "witness".
absl::StatusOr<std::vector<WitnessNote>> ReadWitnesses(const std::vector<std::string>& paths) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
      const std::string name = entry.path().filename().string();
      if (name == "checkpoint" || absl::EndsWith(name, ".checkpoint")) {
        files.push_back(entry.path().string());
      }
      if (files.size() > limits::kMaxWitnessNotes) break;
    }
    if (error) return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
  }
  if (files.size() > limits::kMaxWitnessNotes) {
    return absl::InvalidArgumentError("too many notes of witnesses were given");
  }
  std::sort(files.begin(), files.end());
  std::vector<WitnessNote> out;
  for (const std::string& file : files) {
    MUSTER_ASSIGN_OR_RETURN(std::string note, ReadFile(file));
    out.push_back({file, std::move(note)});
  }
  if (out.empty() && !paths.empty()) {
    return absl::NotFoundError("no note of a witness was found in what --witness names");
  }
  return out;
}

absl::StatusOr<std::vector<NoteVerifier>> KeysFor(const Snapshot& snapshot,
                                                  const std::vector<std::string>& files) {
  MUSTER_ASSIGN_OR_RETURN(std::vector<NoteVerifier> keys, LogKeysOfStore(snapshot));
  for (const std::string& file : files) {
    MUSTER_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
    absl::StatusOr<NoteVerifier> key =
        NoteVerifier::FromText(absl::StripTrailingAsciiWhitespace(text));
    if (!key.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(file, ": ", key.status().message()));
    }
    keys.push_back(*std::move(key));
  }
  return keys;
}

// Says what the notes prove. FAILED_PRECONDITION: entries are missing, and that is not accepted.
absl::Status JudgeLoss(const RestoreProof& proof, bool accept_loss) {
  if (proof.seen_size == 0) {
    Print("no witness was named: that nothing is missing is not proven (--witness)\n");
    return absl::OkStatus();
  }
  if (!proof.lacks()) {
    Print(absl::StrFormat("nothing is missing up to the %d entries that %s has seen\n",
                          proof.seen_size, proof.seen_from));
    return absl::OkStatus();
  }
  const std::string missing =
      absl::StrFormat("entries %d to %d of the audit log are missing: %s has seen %d of them",
                      proof.size, proof.seen_size - 1, proof.seen_from, proof.seen_size);
  if (!accept_loss) {
    return absl::FailedPreconditionError(
        absl::StrCat(missing,
                     "; nothing was restored. Look for a newer backup, or restore this one with "
                     "--accept-loss"));
  }
  Print(absl::StrCat(
      missing,
      "; restored all the same. Agents that saw more will refuse this log, and say so, until two "
      "holders begin a new epoch: `musterctl trust rotate log --compromised`\n"));
  return absl::OkStatus();
}

}  // namespace

StoreCommands::StoreCommands(CLI::App& app) {
  fsck_ = app.add_subcommand(
      "fsck", "check the whole store, beside a running musterd too; changes nothing");
  AddPlace(fsck_);
  fsck_->add_option("-o", format_, "text or json")->check(CLI::IsMember({"text", "json"}));

  backup_ = app.add_subcommand(
      "backup", "write the store into a folder, beside a running musterd too; without any keys");
  AddPlace(backup_);
  backup_->add_option("--out", out_, "the backup's folder; must not exist")->required();

  restore_ = app.add_subcommand("restore", "bring a store back from a backup, and prove it whole");
  AddPlace(restore_);
  restore_->add_option("--from", from_, "the backup's folder")->required();
  restore_->add_option("--witness", witnesses_,
                       "what a device or an export has seen of the audit log: a note, or a folder "
                       "of them (repeatable)");
  restore_->add_option("--key", keys_,
                       "file with a further key of the log, NAME+HASH+KEY, beside those of the "
                       "restored root (repeatable)");
  restore_->add_flag("--accept-loss", accept_loss_,
                     "restore although a witness has seen entries that the backup lacks");
}

void StoreCommands::AddPlace(CLI::App* command) {
  command->add_option("--dir", dir_, "the tenant's folder");
  command->add_option("--config", config_, "or: the configuration that names it");
}

std::optional<absl::Status> StoreCommands::Run() {
  if (fsck_->parsed()) return Fsck();
  if (backup_->parsed()) return Backup();
  if (restore_->parsed()) return Restore();
  return std::nullopt;
}

absl::StatusOr<std::string> StoreCommands::TenantFolder() const {
  if (dir_.empty() == config_.empty()) {
    return absl::InvalidArgumentError("say where: either --dir DIR or --config FILE");
  }
  if (!dir_.empty()) return dir_;
  MUSTER_ASSIGN_OR_RETURN(const std::string text, ReadFile(config_));
  MUSTER_ASSIGN_OR_RETURN(const ServerConfig config, ParseServerConfig(config_, text));
  return config.data_dir;
}

absl::Status StoreCommands::Fsck() const {
  MUSTER_ASSIGN_OR_RETURN(const std::string dir, TenantFolder());
  MUSTER_ASSIGN_OR_RETURN(const auto reader, StoreReader::Open(dir + kStore));
  MUSTER_ASSIGN_OR_RETURN(const StoreCheck check,
                          CheckStore(*reader->Read(), reader->internals(), ToStderr()));
  Print(format_ == "json" ? StoreCheckJson(check) : StoreCheckText(check));
  if (check.found == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the store in ", dir, kStore, " has ", check.found, " findings"));
}

absl::Status StoreCommands::Backup() const {
  MUSTER_ASSIGN_OR_RETURN(const std::string dir, TenantFolder());
  MUSTER_ASSIGN_OR_RETURN(const auto reader, StoreReader::Open(dir + kStore));
  for (const std::string& folder : RemoveDeadBackups(out_)) {
    Print(absl::StrCat("removed ", folder, ", which a backup that was killed had left\n"));
  }
  MUSTER_ASSIGN_OR_RETURN(const BackupManifest m, WriteBackup(*reader, out_, SystemClock().Now(),
                                                              [&](const Snapshot& snapshot) {
                                                                return HeadOf(snapshot, dir);
                                                              }));
  Print(
      absl::StrFormat("%s: the store at revision %d, %d keys, %d bytes\n"
                      "  audit log   %d entries, root %s\n"
                      "  sha256      %s\n"
                      "the keys of the tenant are not in it: back up %s/pki and %s/keys apart\n",
                      out_, m.revision, m.keys, m.bytes, m.log.size,
                      absl::BytesToHexString(m.log.root), m.sha256, dir, dir));
  return absl::OkStatus();
}

absl::Status StoreCommands::Restore() const {
  MUSTER_ASSIGN_OR_RETURN(const std::string dir, TenantFolder());
  MUSTER_ASSIGN_OR_RETURN(const std::vector<WitnessNote> notes, ReadWitnesses(witnesses_));
  MUSTER_ASSIGN_OR_RETURN(const auto loaded, LoadedBackup::Load(from_, dir + kStore));
  {
    const std::unique_ptr<Snapshot> snapshot = loaded->reader().Read();
    MUSTER_ASSIGN_OR_RETURN(const StoreCheck check,
                            CheckStore(*snapshot, loaded->reader().internals(), ToStderr()));
    if (check.found > 0) {
      Print(StoreCheckText(check));
      return absl::FailedPreconditionError(
          absl::StrCat("the store in ", from_, " has ", check.found,
                       " findings; nothing was restored, take another backup"));
    }
    MUSTER_ASSIGN_OR_RETURN(const std::vector<NoteVerifier> keys, KeysFor(*snapshot, keys_));
    MUSTER_ASSIGN_OR_RETURN(const RestoreProof proof, ProveRestored(*snapshot, keys, notes));
    MUSTER_RETURN_IF_ERROR(JudgeLoss(proof, accept_loss_));
  }
  const BackupManifest m = loaded->manifest();
  MUSTER_RETURN_IF_ERROR(loaded->Keep());
  Print(
      absl::StrFormat("%s%s: the store of %s at revision %d, checked\n"
                      "  audit log   %d entries, root %s\n"
                      "next: `musterd run`\n",
                      dir, kStore, absl::FormatTime(absl::RFC3339_sec, m.at, absl::UTCTimeZone()),
                      m.revision, m.log.size, absl::BytesToHexString(m.log.root)));
  return absl::OkStatus();
}

}  // namespace muster

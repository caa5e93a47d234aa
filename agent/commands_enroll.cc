#include <cstdio>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/files/file_state_store.h"
#include "agent/adapters/files/identity_files.h"
#include "agent/adapters/grpc/controller_link.h"
#include "agent/commands.h"
#include "agent/flow/enrollment.h"
#include "common/clock.h"
#include "common/exit_code.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

absl::StatusOr<std::string> ReadGiven(const std::string& path, size_t max, absl::string_view flag) {
  absl::StatusOr<std::string> text = ReadFile(path, max);
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": ", text.status().message()));
  }
  return text;
}

// What an older identity left behind.
absl::Status RemoveOld(FileStateStore& store) {
  MUSTER_RETURN_IF_ERROR(store.Remove(kIdentityFile));
  for (const char* old :
       {kCohortFile, kAssignmentFile, kBeaconFile, kEmergencyDenyFile, kChainFile, kLearnedFile}) {
    MUSTER_RETURN_IF_ERROR(store.Remove(old));
  }
  for (const char* dir : {kSpoolDir, kChunkDir}) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, store.List(dir));
    for (const std::string& name : names) {
      MUSTER_RETURN_IF_ERROR(store.Remove(absl::StrCat(dir, "/", name)));
    }
  }
  return absl::OkStatus();
}

absl::Status Enroll(const EnrollOptions& options) {
  FileStateStore store(options.state_dir);
  MUSTER_RETURN_IF_ERROR(store.Create());
  // A running agent would go on with the old identity and write over the new one's files.
  MUSTER_ASSIGN_OR_RETURN(Fd lock, LockPidFile(store));
  MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> existing, store.Read(kIdentityFile));
  if (existing && !options.force) {
    return absl::AlreadyExistsError(
        absl::StrCat(options.state_dir,
                     " already holds an enrolled device; start it with `muster-agent run`, "
                     "or pass --force to give the old identity up"));
  }
  MUSTER_ASSIGN_OR_RETURN(std::string ca, ReadGiven(options.ca_file, limits::kMaxPemBytes, "--ca"));
  MUSTER_ASSIGN_OR_RETURN(
      std::string token, ReadGiven(options.token_file, limits::kMaxTokenFileBytes, "--token-file"));
  if (!SpkiOfCertificate(ca).ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--ca: ", options.ca_file, " holds no PEM certificate"));
  }
  LocalMachine machine(options.machine);
  MUSTER_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::Generate(kEcdsaP256Sha256));
  v1::EnrollRequest request;
  request.set_token(std::string(absl::StripAsciiWhitespace(token)));
  if (request.token().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--token-file: ", options.token_file, " is empty"));
  }
  request.set_platform(v1::Platform::LINUX);
  request.set_hostname(options.hostname.empty() ? machine.hostname() : options.hostname);
  MUSTER_ASSIGN_OR_RETURN(*request.mutable_csr(), MakeCsr(key, request.hostname()));
  for (std::string& name : LocalAccounts(machine.Accounts({}), limits::kMaxLocalAccounts)) {
    request.add_local_accounts(std::move(name));
  }
  MUSTER_ASSIGN_OR_RETURN(v1::EnrollResponse response, CallEnroll(options.controller, ca, request));
  MUSTER_ASSIGN_OR_RETURN(const NewIdentity identity,
                          CheckEnrollment(response, key, options.controller, SystemClock().Now()));
  MUSTER_RETURN_IF_ERROR(RemoveOld(store));
  MUSTER_RETURN_IF_ERROR(SaveEnrollment(store, identity, key, ca));
  std::printf("Enrolled as device %s of tenant %s.\nStart it: muster-agent run --state %s\n",
              response.device_id().c_str(), response.tenant().c_str(), options.state_dir.c_str());
  return absl::OkStatus();
}

}  // namespace

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "muster-agent: %s\n", std::string(status.message()).c_str());
  return ExitCode(status);
}

int RunEnroll(const EnrollOptions& options) {
  const absl::Status status = Enroll(options);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace muster::agent

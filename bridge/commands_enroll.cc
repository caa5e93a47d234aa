#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/grpc/controller_link.h"
#include "agent/domain/certificate.h"
#include "agent/flow/enrollment.h"
#include "bridge/adapters/sqlite/sqlite_store.h"
#include "bridge/commands.h"
#include "common/clock.h"
#include "common/exit_code.h"
#include "common/limits.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"

namespace muster::bridge {
namespace {

absl::StatusOr<std::string> ReadGiven(const std::string& path, size_t max, absl::string_view flag) {
  absl::StatusOr<std::string> text = agent::ReadFile(path, max);
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(flag, ": ", text.status().message()));
  }
  return text;
}

absl::Status MakeStateDir(const std::string& dir) {
  if (mkdir(dir.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot make ", dir, ": ", strerror(errno)));
}

// With --force everything of the old identity goes, its phones too: their ids come from it.
absl::Status RemoveAll(SqliteStore& store) {
  for (const char* dir : {"", "phone", "record", "operation", "blob", agent::kSpoolDir}) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, store.List(dir));
    for (const std::string& name : names) {
      MUSTER_RETURN_IF_ERROR(store.Remove(*dir == 0 ? name : absl::StrCat(dir, "/", name)));
    }
  }
  return absl::OkStatus();
}

absl::Status Enroll(const EnrollOptions& options) {
  MUSTER_RETURN_IF_ERROR(MakeStateDir(options.state_dir));
  // Refused while a bridge runs on it: that one would go on with the old identity.
  MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteStore> store,
                          SqliteStore::Open(absl::StrCat(options.state_dir, "/", kDatabaseFile)));
  MUSTER_ASSIGN_OR_RETURN(const std::optional<std::string> existing,
                          store->Read(agent::kIdentityFile));
  if (existing && !options.force) {
    return absl::AlreadyExistsError(
        absl::StrCat(options.state_dir,
                     " already holds an enrolled bridge; start it with `muster-bridge run`, "
                     "or pass --force to give the old identity up"));
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string ca,
                          ReadGiven(options.ca_file, limits::kMaxPemBytes, "--ca"));
  MUSTER_ASSIGN_OR_RETURN(
      const std::string token,
      ReadGiven(options.token_file, limits::kMaxTokenFileBytes, "--token-file"));
  if (!agent::SpkiOfCertificate(ca).ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--ca: ", options.ca_file, " holds no PEM certificate"));
  }
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate(kEcdsaP256Sha256));
  v1::EnrollRequest request;
  request.set_bridge(true);
  request.set_token(std::string(absl::StripAsciiWhitespace(token)));
  if (request.token().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--token-file: ", options.token_file, " is empty"));
  }
  request.set_hostname(options.name.empty() ? HostName() : options.name);
  MUSTER_ASSIGN_OR_RETURN(*request.mutable_csr(), agent::MakeCsr(key, request.hostname()));
  MUSTER_ASSIGN_OR_RETURN(const v1::EnrollResponse response,
                          agent::CallEnroll(options.controller, ca, request));
  MUSTER_ASSIGN_OR_RETURN(
      const agent::NewIdentity identity,
      agent::CheckEnrollment(response, key, options.controller, SystemClock().Now()));
  MUSTER_RETURN_IF_ERROR(RemoveAll(*store));
  MUSTER_RETURN_IF_ERROR(agent::SaveEnrollment(*store, identity, key, ca));
  MUSTER_RETURN_IF_ERROR(store->Commit());
  std::printf("Enrolled as bridge %s of tenant %s.\nStart it: muster-bridge run --state %s\n",
              response.device_id().c_str(), response.tenant().c_str(), options.state_dir.c_str());
  return absl::OkStatus();
}

}  // namespace

std::string HostName() {
  char name[limits::kMaxHostnameBytes + 1] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "muster-bridge: %s\n", std::string(status.message()).c_str());
  return ExitCode(status);
}

int RunEnroll(const EnrollOptions& options) {
  const absl::Status status = Enroll(options);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace muster::bridge

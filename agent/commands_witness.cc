// What an auditor takes along from a device: the audit log's checkpoint, as the device has seen it.
#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "agent/commands.h"
#include "agent/domain/seen_log.h"
#include "agent/witness_view.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

absl::StatusOr<v1::SeenLog> SignedSeenLog(const std::string& state_dir) {
  MUSTER_ASSIGN_OR_RETURN(std::optional<v1::SeenLog> seen, ReadSeenLog(state_dir));
  if (!seen) {
    return absl::NotFoundError(
        absl::StrCat("this device has seen no audit log yet (", state_dir,
                     "): it has to have been connected to its controller once"));
  }
  if (seen->checkpoint().empty() && seen->refused_checkpoint().empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the tenant's root names no key of the audit log, so nothing signed can be taken along; "
        "this device saw ",
        seen->size(), " entries with the root ", absl::BytesToHexString(seen->root())));
  }
  return *std::move(seen);
}

absl::Status WriteNote(const std::string& path, const std::string& note) {
  if (note.empty()) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(WriteFileAtomically(path, note, 0644));
  std::fprintf(stderr, "muster-agent: wrote %s\n", path.c_str());
  return absl::OkStatus();
}

}  // namespace

int RunWitness(const WitnessOptions& options) {
  const absl::StatusOr<v1::SeenLog> seen = SignedSeenLog(options.state_dir);
  if (!seen.ok()) return Fail(seen.status());
  const std::string text = RefusedText(*seen);
  if (!text.empty()) {
    std::fprintf(stderr, "muster-agent: %s (%s)\n", text.c_str(), seen->refused_detail().c_str());
  }
  if (options.out.empty()) {
    // A note ends in a newline; an empty line stands before the next one.
    const bool both = !seen->checkpoint().empty() && !seen->refused_checkpoint().empty();
    std::printf("%s%s%s", seen->checkpoint().c_str(), both ? "\n" : "",
                seen->refused_checkpoint().c_str());
    return 0;
  }
  const char* const beside = seen->refused_code() == kBeganAnew ? ".before" : ".refused";
  absl::Status written = WriteNote(options.out, seen->checkpoint());
  if (written.ok()) {
    written = WriteNote(absl::StrCat(options.out, beside), seen->refused_checkpoint());
  }
  return written.ok() ? 0 : Fail(written);
}

}  // namespace muster::agent

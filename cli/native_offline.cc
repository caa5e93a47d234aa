#include "cli/native_offline.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/policy_files.h"
#include "common/crypto.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "controller/adapters/yaml/policy_loader.h"
#include "controller/domain/native_rulings.h"
#include "controller/domain/policy_set.h"

namespace muster::cli {
namespace {

void PrintIssues(const std::vector<PolicyIssue>& issues, std::ostream& err) {
  for (const PolicyIssue& issue : issues) {
    const bool warning = issue.severity == PolicyIssue::Severity::kWarning;
    err << (warning ? "warning: " : "error: ") << IssueText(issue) << "\n";
  }
}

// What `musterctl apply` of this folder would make of a controller that has no policy yet.
absl::StatusOr<PolicySet> LoadFolder(const OfflineExport& what, std::ostream& err) {
  MUSTER_ASSIGN_OR_RETURN(const PolicyFiles read, ReadPolicyFolder(what.folder));
  for (const std::string& path : read.ignored) {
    err << "note: " << path << " is not a policy file and is ignored\n";
  }
  std::vector<PolicyFileText> texts;
  for (const v1::PolicyFile& file : read.files) texts.push_back({file.path(), file.text()});
  const LoadResult loaded = LoadPolicies(texts);
  PrintIssues(loaded.issues, err);
  if (!HasErrors(loaded.issues)) {
    PolicyChange change = PlanApply({}, loaded.policies, false, what.generated_at);
    PrintIssues(change.issues, err);
    if (!HasErrors(change.issues)) return std::move(change.result);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the policy files of ", what.folder,
                   " have errors; nothing was exported: correct them first"));
}

}  // namespace

absl::StatusOr<v1::ExportPolicyResponse> ExportOffline(const OfflineExport& what,
                                                       std::ostream& err) {
  MUSTER_ASSIGN_OR_RETURN(const PolicySet set, LoadFolder(what, err));
  native::NativeInput input;
  input.tenant = what.tenant;
  input.sha256 = PolicySha256(set);
  input.generated_at = what.generated_at;
  input.rulings = MakeRulings(set, {}, {}, what.generated_at);
  MUSTER_ASSIGN_OR_RETURN(native::NativeFile file, MakeNativeFile(what.format, input));
  v1::ExportPolicyResponse out;
  out.set_sha256(Sha256Hex(file.bytes));
  out.set_file(std::move(file.bytes));
  out.set_media_type(file.media_type);
  *out.mutable_generated_at() = ToProto(what.generated_at);
  out.mutable_notes()->Assign(file.notes.begin(), file.notes.end());
  out.add_notes(
      "Made from files, without a controller: it has no policy version, and knows no emergency "
      "deny and nobody's grants.");
  return out;
}

std::string NativeFormats() {
  std::string out;
  for (const v1::NativePolicy::Format format : kNativeFormats) {
    absl::StrAppend(&out, out.empty() ? "" : ", ", NativeFormatName(format));
  }
  return out;
}

v1::NativePolicy::Format FindNativeFormat(const std::string& name) {
  for (const v1::NativePolicy::Format format : kNativeFormats) {
    if (NativeFormatName(format) == name) return format;
  }
  return v1::NativePolicy::UNSPECIFIED;
}

}  // namespace muster::cli

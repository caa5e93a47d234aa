#include "agent/witness_view.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_state_store.h"
#include "agent/domain/seen_log.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {

absl::StatusOr<std::optional<v1::SeenLog>> ReadSeenLog(const std::string& state_dir) {
  MUSTER_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                          FileStateStore(state_dir).Read(kSeenLogFile));
  v1::SeenLog seen;
  if (!bytes) return std::optional<v1::SeenLog>();
  if (!seen.ParseFromString(*bytes)) {
    return absl::DataLossError(absl::StrCat(state_dir, "/", kSeenLogFile,
                                            " is damaged; the agent writes it anew at its start"));
  }
  if (seen.root().empty()) return std::optional<v1::SeenLog>();
  return std::optional<v1::SeenLog>(std::move(seen));
}

nlohmann::ordered_json SeenLogJson(const std::optional<v1::SeenLog>& seen) {
  if (!seen) return nullptr;
  nlohmann::ordered_json out;
  out["size"] = seen->size();
  out["root"] = absl::BytesToHexString(seen->root());
  out["since"] = TimeText(FromProto(seen->at()));
  out["epoch"] = seen->epoch();
  out["signed"] = !seen->checkpoint().empty();
  out["refused"] = nullptr;
  if (!seen->refused_code().empty()) {
    out["refused"] = {{"code", seen->refused_code()},
                      {"detail", seen->refused_detail()},
                      {"at", TimeText(FromProto(seen->refused_at()))}};
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> SeenLogRows(
    const std::optional<v1::SeenLog>& seen) {
  if (!seen) return {{"audit log", "none seen yet: no beacon has been accepted"}};
  std::vector<std::pair<std::string, std::string>> out;
  out.emplace_back("audit log", absl::StrCat(seen->size(), " entries, root ",
                                             absl::BytesToHexString(seen->root()).substr(0, 12),
                                             ", since ", TimeText(FromProto(seen->at())),
                                             seen->checkpoint().empty() ? ", not signed" : ""));
  if (!seen->refused_code().empty()) {
    out.emplace_back(seen->refused_code() == kBeganAnew ? "AUDIT LOG NEW" : "AUDIT LOG REFUSED",
                     absl::StrCat(RefusedText(*seen), " (", seen->refused_detail(), ")"));
  }
  return out;
}

}  // namespace muster::agent

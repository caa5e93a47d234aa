// What the check of a store says to people and to programs.
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/flow/store_check.h"

namespace muster {
namespace {

constexpr char kRestore[] =
    "keep this folder for the auditors, and restore the store from its newest backup "
    "(`musterd restore`)";
constexpr char kRead[] =
    "keep a copy of the folder, and send this line to whoever looks after Muster: a flow has left "
    "the record behind, or the file was edited";
constexpr char kProve[] =
    "compare with what the devices saw (`musterctl audit export`, `musterctl audit verify`): "
    "somebody rewrote the log, or an old copy was put in its place";

struct Said {
  absl::string_view name, next_step;
};

Said SayProblem(StoreProblem problem) {
  switch (problem) {
    case StoreProblem::kUnknownKind:
      return {"UNKNOWN_KIND", "check that this musterd is not older than the one that ran last"};
    case StoreProblem::kForeignKey:
      return {"FOREIGN_KEY", "check that this musterd is not older than the one that ran last"};
    case StoreProblem::kDamaged:
      return {"DAMAGED", kRestore};
    case StoreProblem::kMisplaced:
      return {"MISPLACED", kRestore};
    case StoreProblem::kRevision:
      return {"REVISION", kRestore};
    case StoreProblem::kMissingIndex:
      return {"MISSING_INDEX", kRead};
    case StoreProblem::kWrongIndex:
      return {"WRONG_INDEX", kRead};
    case StoreProblem::kStaleIndex:
      return {"STALE_INDEX", kRead};
    case StoreProblem::kConflict:
      return {"CONFLICT", kRead};
    case StoreProblem::kCounterBehind:
      return {"COUNTER_BEHIND", kRestore};
    case StoreProblem::kLogGap:
      return {"LOG_GAP", kRestore};
    case StoreProblem::kLogBeyondEnd:
      return {"LOG_BEYOND_END", kRestore};
    case StoreProblem::kLogEntry:
      return {"LOG_ENTRY", kRestore};
    case StoreProblem::kLogSequence:
      return {"LOG_SEQUENCE", kRestore};
    case StoreProblem::kLogSubject:
      return {"LOG_SUBJECT", kRead};
    case StoreProblem::kLogTile:
      return {"LOG_TILE", kRestore};
    case StoreProblem::kLogRoot:
      return {"LOG_ROOT", kRestore};
    case StoreProblem::kLogTermMissing:
      return {"LOG_TERM_MISSING", kRead};
    case StoreProblem::kLogTermExtra:
      return {"LOG_TERM_EXTRA", kRead};
    case StoreProblem::kHeadNotOnLog:
      return {"HEAD_NOT_ON_LOG", kProve};
    case StoreProblem::kHeadAheadOfLog:
      return {"HEAD_AHEAD_OF_LOG", kProve};
  }
  return {"", ""};
}

}  // namespace

absl::string_view ProblemName(StoreProblem problem) { return SayProblem(problem).name; }

absl::string_view ProblemNextStep(StoreProblem problem) { return SayProblem(problem).next_step; }

std::string StoreCheckJson(const StoreCheck& check) {
  nlohmann::ordered_json out;
  out["clean"] = check.found == 0;
  out["revision"] = check.revision;
  out["records"] = check.records;
  out["log_size"] = check.log.size;
  out["log_root"] = absl::BytesToHexString(check.log.root);
  out["log_pruned_below"] = check.pruned_below;
  out["found"] = check.found;
  out["findings"] = nlohmann::ordered_json::array();
  for (const StoreFinding& finding : check.findings) {
    nlohmann::ordered_json item;
    item["code"] = std::string(ProblemName(finding.problem));
    item["key"] = finding.key;
    item["detail"] = finding.detail;
    item["next_step"] = std::string(ProblemNextStep(finding.problem));
    out["findings"].push_back(std::move(item));
  }
  return out.dump(2) + "\n";
}

std::string StoreCheckText(const StoreCheck& check) {
  std::string out;
  for (const StoreFinding& finding : check.findings) {
    absl::StrAppend(&out, ProblemName(finding.problem), "  ", finding.key, ": ", finding.detail,
                    "\n    next: ", ProblemNextStep(finding.problem), "\n");
  }
  if (check.found > check.findings.size()) {
    absl::StrAppend(&out, check.found - check.findings.size(), " more findings are not shown\n");
  }
  absl::StrAppendFormat(&out, "%d records at revision %d; audit log of %d entries, root %s\n",
                        check.records, check.revision, check.log.size,
                        absl::BytesToHexString(check.log.root));
  absl::StrAppend(&out, check.found == 0 ? "clean\n" : absl::StrCat(check.found, " findings\n"));
  return out;
}

}  // namespace muster

// `musterctl audit checkpoint, witnesses, prove, export, verify`: the log for those who do not
// have to trust the controller. `verify` asks nobody.
#include <filesystem>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/log_export.h"
#include "cli/log_verify.h"
#include "cli/profile.h"
#include "cli/write_file.h"
#include "common/log_limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

AdminCall CallOf(Session& s) {
  return [&s](const std::string& method, const google::protobuf::Message& request,
              google::protobuf::Message* response) { return s.Call(method, request, response); };
}

// Each is a key's text, or a file that has it.
absl::StatusOr<std::vector<NoteVerifier>> ReadKeys(const std::vector<std::string>& texts) {
  std::vector<NoteVerifier> out;
  for (const std::string& text : texts) {
    std::string key = text;
    std::error_code ignored;
    if (!NoteVerifier::FromText(text).ok()) {
      if (!std::filesystem::exists(text, ignored)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "'", text, "' is neither a log key of the form NAME+HASH+KEY nor a file that has one"));
      }
      MUSTER_ASSIGN_OR_RETURN(key, ReadSmallFile(text, "log key", limits::kMaxNoteBytes));
    }
    absl::StatusOr<NoteVerifier> verifier = NoteVerifier::FromText(key);
    if (!verifier.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(text, ": ", verifier.status().message()));
    }
    if (out.size() == limits::kMaxNoteKeys) {
      return absl::InvalidArgumentError(
          absl::StrCat("at most ", limits::kMaxNoteKeys, " keys of one log"));
    }
    out.push_back(*std::move(verifier));
  }
  return out;
}

Json HeadJson(const Checkpoint& head) {
  return {{"log", head.origin}, {"size", head.size}, {"root", absl::Base64Escape(head.root)}};
}

struct CheckpointArgs {
  std::string out, key_out;
};

absl::StatusOr<int> ShowCheckpoint(Session& s, const CheckpointArgs& args) {
  MUSTER_ASSIGN_OR_RETURN(const FetchedHead fetched, FetchHead(CallOf(s), {}));
  if (!args.out.empty()) MUSTER_RETURN_IF_ERROR(ReplaceFile(args.out, fetched.note));
  if (!args.key_out.empty()) MUSTER_RETURN_IF_ERROR(ReplaceFile(args.key_out, fetched.key + "\n"));
  if (s.format == Format::kTable && args.out.empty()) {
    s.out << fetched.note;  // nothing else, so that it can be sent on
    s.err << "key: " << CellText(fetched.key, true) << "\n";
    return kExitOk;
  }
  Json json = HeadJson(fetched.head);
  json["pruned_below"] = fetched.pruned_below;
  json["key"] = fetched.key;
  json["checkpoint"] = fetched.note;
  return s.Print(json);
}

struct ProveArgs {
  std::optional<uint64_t> sequence;
  std::string object, verb, out;
  std::vector<std::string> keys;
};

// The newest entry about the object that is no refusal: else a call that somebody had no right to
// would stand in for the decision.
absl::StatusOr<uint64_t> FindSequence(Session& s, const ProveArgs& args) {
  if (args.sequence) {
    if (args.object.empty() && args.verb.empty()) return *args.sequence;
    return absl::InvalidArgumentError("name the entry's number, or --object and --verb; not both");
  }
  if (args.object.empty()) {
    return absl::InvalidArgumentError(
        "which entry? its number as `musterctl audit list` shows it, or --object");
  }
  v1::ListAuditRequest request;
  request.set_object(args.object);
  request.set_verb(args.verb);
  request.set_newest_first(true);
  request.set_no_reads(true);
  for (size_t page = 0; page < limits::kMaxSearchedEntries; ++page) {
    v1::ListAuditResponse response;
    MUSTER_RETURN_IF_ERROR(s.Call("ListAudit", request, &response));
    for (const v1::AuditEntry& entry : response.items()) {
      if (entry.outcome() == "ok") return entry.sequence();
    }
    if (response.next_cursor().empty()) break;
    request.set_cursor(response.next_cursor());
  }
  return absl::NotFoundError(
      absl::StrCat("the audit log has no entry about ", args.object,
                   args.verb.empty() ? std::string() : absl::StrCat(" with verb ", args.verb),
                   " that is no refusal; what was refused is proven by its number"));
}

absl::StatusOr<int> Prove(Session& s, const ProveArgs& args) {
  MUSTER_RETURN_IF_ERROR(CheckIsNew(args.out));
  MUSTER_ASSIGN_OR_RETURN(std::vector<NoteVerifier> keys, ReadKeys(args.keys));
  MUSTER_ASSIGN_OR_RETURN(const uint64_t sequence, FindSequence(s, args));
  MUSTER_ASSIGN_OR_RETURN(const FetchedHead head, FetchHead(CallOf(s), std::move(keys)));
  MUSTER_ASSIGN_OR_RETURN(const LogProofFile proof, FetchProof(CallOf(s), sequence, head.keys));
  MUSTER_RETURN_IF_ERROR(WriteNewFile(args.out, proof.text, 0640));
  Json json = {{"sequence", sequence}, {"file", args.out}, {"key", head.key}};
  json.update(HeadJson(proof.head));
  return s.Print(json);
}

struct ExportArgs {
  std::string dir, proofs;
  std::vector<std::string> keys;
};

absl::StatusOr<int> DoExport(Session& s, const ExportArgs& args) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<NoteVerifier> keys, ReadKeys(args.keys));
  MUSTER_ASSIGN_OR_RETURN(const LogExportOutcome done,
                          ExportLog({args.dir, CallOf(s), keys, args.proofs}));
  Json json = {{"folder", args.dir},
               {"continued_at", done.continued_at},
               {"entries", done.entries},
               {"pruned_below", done.pruned_below},
               {"witnesses", done.witnesses},
               {"proofs", done.proofs},
               {"key", done.key}};
  json.update(HeadJson(done.head));
  if (args.keys.empty()) {
    s.err << "the key is the controller's own word: let one of those who signed the root of trust "
             "confirm it\n";
  }
  return s.Print(json);
}

Json FindingsJson(const std::vector<LogFinding>& findings) {
  Json out = Json::array();
  for (const LogFinding& f : findings) {
    out.push_back({{"code", f.code}, {"place", f.place}, {"detail", f.detail}});
  }
  return out;
}

std::string TimeOrNone(absl::Time at) { return at == absl::InfinitePast() ? "" : TimeText(at); }

int PrintReport(Session& s, const LogReport& report) {
  Json json = {{"result", report.good() ? "OK" : "REFUSED"}};
  if (!report.head.origin.empty()) json.update(HeadJson(report.head));
  json.update({{"first_at", TimeOrNone(report.first_at)},
               {"last_at", TimeOrNone(report.last_at)},
               {"entries_read", report.texts},
               {"hash_only", report.hash_only},
               {"tiles", report.tiles},
               {"witnesses", report.witnesses},
               {"proofs", report.proofs},
               {"findings", FindingsJson(report.findings)},
               {"more_findings", report.more_findings},
               {"warnings", FindingsJson(report.warnings)},
               {"more_warnings", report.more_warnings}});
  s.Print(json);
  if (s.format == Format::kTable && report.head.origin.empty()) {
    s.err << "the signed head is not one of this key: nothing else was looked at\n";
  }
  return report.good() ? kExitOk : kExitRejected;
}

struct LogVerifyArgs {
  std::string path;
  std::vector<std::string> keys, witnesses;
};

absl::StatusOr<int> VerifyProof(Session& s, const LogVerifyArgs& args,
                                const std::vector<NoteVerifier>& keys) {
  if (!args.witnesses.empty()) {
    return absl::InvalidArgumentError(
        "a witness can be held against a whole export, not against one proof");
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string text,
                          ReadSmallFile(args.path, "proof", limits::kMaxProofFileBytes));
  MUSTER_ASSIGN_OR_RETURN(const ProvenEntry proven, VerifyProofText(text, keys));
  Json json = {{"result", "OK"}};
  json.update(HeadJson(proven.head));
  json["entry"] = MessageJson(proven.entry);
  return s.Print(json);
}

absl::StatusOr<int> VerifyLogPath(Session& s, const LogVerifyArgs& args) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<NoteVerifier> keys, ReadKeys(args.keys));
  std::error_code ignored;
  if (std::filesystem::is_regular_file(args.path, ignored)) return VerifyProof(s, args, keys);
  MUSTER_ASSIGN_OR_RETURN(const LogReport report,
                          VerifyLogExport({args.path, keys, args.witnesses}));
  return PrintReport(s, report);
}

void AddKeys(CLI::App* verb, std::vector<std::string>* keys, bool required) {
  verb->add_option("--key", *keys,
                   required ? "The log's key, NAME+HASH+KEY, or a file with it; an older one too, "
                              "where it was replaced"
                            : "The log's key as you have it another way, or a file with it "
                              "(default: as the controller says)")
      ->required(required);
}

void AddProve(CLI::App* noun, Session* session) {
  auto args = std::make_shared<ProveArgs>();
  CLI::App* verb = AddVerb(noun, session, "prove",
                           "One entry with the proof that it is in the log, to attach to a letter",
                           [args](Session& s) { return Prove(s, *args); });
  verb->add_option("sequence", args->sequence, "The entry's number");
  AddOptional(verb, "--object",
              "The newest entry about this instead that is no refusal, e.g. request/REQ-7",
              [args](const std::string& v) { args->object = v; });
  AddOptional(verb, "--verb", "Only one that says this was done, e.g. request.approve",
              [args](const std::string& v) { args->verb = v; });
  AddRequired(verb, "--out", "File to write; it must not exist",
              [args](const std::string& v) { args->out = v; });
  AddKeys(verb, &args->keys, false);
}

void AddVerify(CLI::App* noun, Session* session) {
  auto args = std::make_shared<LogVerifyArgs>();
  CLI::App* verb = AddVerb(noun, session, "verify",
                           "Check an export, or the proof of one entry; asks no controller",
                           [args](Session& s) { return VerifyLogPath(s, *args); });
  AddName(verb, "path", "Folder of an export, or a proof's file",
          [args](const std::string& v) { args->path = v; });
  AddKeys(verb, &args->keys, true);
  verb->add_option("--witness", args->witnesses,
                   "A head that somebody kept (checkpoint), or a folder of them");
}

}  // namespace

void AddAuditExportCommands(CLI::App* audit, Session* session) {
  auto head = std::make_shared<CheckpointArgs>();
  CLI::App* verb = AddVerb(audit, session, "checkpoint", "The log's signed head, to keep elsewhere",
                           [head](Session& s) { return ShowCheckpoint(s, *head); });
  AddOptional(verb, "--out", "File for it", [head](const std::string& v) { head->out = v; });
  AddOptional(verb, "--key-out", "File for the log's key",
              [head](const std::string& v) { head->key_out = v; });
  AddListVerb(audit, session, "witnesses", "What each device has seen of the log",
              "ListAuditWitnesses", std::make_shared<v1::ListAuditWitnessesRequest>(),
              std::make_shared<v1::ListAuditWitnessesResponse>(),
              {{"DEVICE", "device_id"},
               {"REPORTED", "at"},
               {"REFUSED", "refused_code"},
               {"REFUSED AT", "refused_at"},
               {"DETAIL", "refused_detail"}});
  AddProve(audit, session);
  auto args = std::make_shared<ExportArgs>();
  verb = AddVerb(audit, session, "export",
                 "The whole log as files that prove what they say, or what came since",
                 [args](Session& s) { return DoExport(s, *args); });
  AddName(verb, "dir", "A new folder, or one with an older export of this log",
          [args](const std::string& v) { args->dir = v; });
  AddOptional(verb, "--proofs", "Also a proof of each entry about this, e.g. request/REQ-7",
              [args](const std::string& v) { args->proofs = v; });
  AddKeys(verb, &args->keys, false);
  AddVerify(audit, session);
}

}  // namespace muster::cli

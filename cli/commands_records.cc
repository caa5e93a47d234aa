// `musterctl records`: the records office's own tool. Its key and its folders are its own; the
// controller only hears of receipts.
#include "absl/strings/str_cat.h"
#include "archive/files/export_file.h"
#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/records_receive.h"
#include "cli/records_verify.h"
#include "cli/signing_key.h"
#include "cli/trust_documents.h"
#include "common/clock.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

struct ReceiveArgs {
  std::string dir, key, pin_file, repository_id, trust;
  bool offline = false, dry_run = false;
};

// What is wrong with a folder is not the controller's fault, as the exit code would have it.
absl::Status OurFolder(const absl::Status& status) {
  if (!absl::IsUnavailable(status) && !absl::IsResourceExhausted(status) &&
      !absl::IsDataLoss(status)) {
    return status;
  }
  return absl::InvalidArgumentError(status.message());
}

absl::StatusOr<Trust> TrustInForce(Session& s, const std::string& file) {
  if (!file.empty()) {
    MUSTER_ASSIGN_OR_RETURN(const v1::Root root, ReadRoot(file));
    return Trust::FromRoot(root);
  }
  v1::TrustView view;
  MUSTER_RETURN_IF_ERROR(s.Call("GetTrust", v1::GetTrustRequest(), &view));
  if (!view.has_root()) return absl::NotFoundError("the controller has no root of trust");
  MUSTER_ASSIGN_OR_RETURN(const v1::Root root, RootOf(view.root()));
  return Trust::FromRoot(root);
}

// As the policy names the repository, unless the command line does; empty: neither.
absl::StatusOr<std::string> RepositoryId(Session& s, const ReceiveArgs& args) {
  if (!args.repository_id.empty() || args.offline) return args.repository_id;
  v1::RetentionPolicy policy;
  const absl::Status status = s.Call("GetRetention", v1::GetRetentionRequest(), &policy);
  if (!absl::IsNotFound(status)) MUSTER_RETURN_IF_ERROR(status);
  return policy.repository_id();
}

int PrintRows(Session& s, const std::vector<RecordsRow>& rows) {
  Json list = {{"items", Json::array()}};
  bool refused = false;
  for (const RecordsRow& row : rows) {
    list["items"].push_back({{"bag_id", row.bag_id},
                             {"result", row.result},
                             {"detail", row.detail},
                             {"filed_as", row.filed_as}});
    refused = refused || !row.good();
  }
  s.out << RenderList(
      s.format, list,
      {{"BAG", "bag_id"}, {"RESULT", "result"}, {"FILED AS", "filed_as"}, {"DETAIL", "detail"}});
  return refused ? kExitRejected : kExitOk;
}

std::function<void(const RecordsRow&)> Progress(Session& s) {
  return [&s](const RecordsRow& row) {
    s.err << CellText(row.bag_id, true) << ": " << CellText(row.result, true) << "\n";
  };
}

absl::StatusOr<int> Receive(Session& s, const ReceiveArgs& args) {
  if (args.offline && args.trust.empty()) {
    return absl::InvalidArgumentError(
        "without the controller the root in force is not known: name its file, --trust");
  }
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, LoadSigningKey(args.key, args.pin_file));
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, TrustInForce(s, args.trust));
  MUSTER_ASSIGN_OR_RETURN(const std::string repository_id, RepositoryId(s, args));
  const SystemClock clock;
  ReceiveInputs in = {
      .dir = args.dir,
      .repository_id = repository_id,
      .key = key,
      .trust = trust,
      .clock = clock,
      .read_export =
          [](int fd, const std::string& name, archive::DateOrder order) {
            return archive::ReadExportFile(fd, name, order);
          },
      .submit = nullptr,
      .progress = Progress(s),
      .dry_run = args.dry_run,
  };
  if (!args.offline) {
    in.submit = [&s](const v1::SubmitReceiptsRequest& request)
        -> absl::StatusOr<v1::SubmitReceiptsResponse> {
      v1::SubmitReceiptsResponse response;
      MUSTER_RETURN_IF_ERROR(s.Call("SubmitReceipts", request, &response));
      return response;
    };
  }
  const absl::StatusOr<ReceiveOutcome> outcome = ReceiveBags(in);
  if (!outcome.ok()) return OurFolder(outcome.status());
  const int code = PrintRows(s, outcome->rows);
  if (outcome->sent.ok()) return code;
  s.err << ErrorText(outcome->sent)
        << "  the receipts are signed and kept; the next run sends those that were not\n";
  return code == kExitOk ? ExitCode(outcome->sent) : code;
}

struct VerifyArgs {
  std::string path, trust;
};

absl::StatusOr<int> Verify(Session& s, const VerifyArgs& args) {
  MUSTER_ASSIGN_OR_RETURN(const v1::Root root, ReadRoot(args.trust));
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, Trust::FromRoot(root));
  const absl::StatusOr<std::vector<RecordsRow>> rows = VerifyRecords(args.path, trust, Progress(s));
  if (!rows.ok()) return OurFolder(rows.status());
  return PrintRows(s, *rows);
}

void AddReceive(CLI::App* noun, Session* session) {
  auto args = std::make_shared<ReceiveArgs>();
  CLI::App* verb = AddVerb(noun, session, "receive",
                           "Check the bags that have come, file them, sign a receipt for each",
                           [args](Session& s) { return Receive(s, *args); });
  AddName(verb, "dir", "The record repository, or one bag",
          [args](const std::string& v) { args->dir = v; });
  AddRequired(verb, "--key", "Records key: a PEM file (0600) or pkcs11:URI of a token",
              [args](const std::string& v) { args->key = v; });
  AddOptional(verb, "--pin-file", "File (0600) with the token's PIN",
              [args](const std::string& v) { args->pin_file = v; });
  AddOptional(verb, "--repository-id",
              "The repository's id (default: as retention.yaml has it, else the folder's name)",
              [args](const std::string& v) { args->repository_id = v; });
  AddOptional(verb, "--trust", "File with the root in force (default: the controller's)",
              [args](const std::string& v) { args->trust = v; });
  verb->add_flag("--offline", args->offline, "Send no receipt now; a later run does");
  AddDryRun(verb, [args](bool v) { args->dry_run = v; });
}

}  // namespace

void AddRecordsCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "records", "The record repository: bags and receipts");
  AddReceive(noun, session);
  auto args = std::make_shared<VerifyArgs>();
  CLI::App* verb = AddVerb(noun, session, "verify",
                           "Check what was filed against its receipts; asks no controller",
                           [args](Session& s) { return Verify(s, *args); });
  AddName(verb, "path", "The record repository, or one receipt",
          [args](const std::string& v) { args->path = v; });
  AddRequired(verb, "--trust", "File with the root of the receipts' time",
              [args](const std::string& v) { args->trust = v; });
}

}  // namespace muster::cli

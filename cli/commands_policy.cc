#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/policy_files.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

struct ApplyArgs {
  std::string from;
  v1::ApplyPoliciesRequest request;
};

std::string IssueLine(const v1::Issue& issue) {
  std::string where = issue.file();
  if (issue.line() > 0) absl::StrAppend(&where, ":", issue.line(), ":", issue.column());
  const char* severity = issue.severity() == v1::Issue::WARNING ? "warning" : "error";
  return absl::StrCat(where, ": ", severity, ": ", issue.message(), "\n");
}

std::string Plural(uint32_t n, absl::string_view word) {
  return absl::StrCat(n, " ", word, n == 1 ? "" : "s");
}

std::string ApplyTable(const v1::ApplyPoliciesResponse& response, bool dry_run) {
  std::string out;
  for (const std::string& drift : response.impact().drift()) {
    absl::StrAppend(&out, "drift: ", drift, "\n");
  }
  for (const v1::Deletion& deletion : response.deletions()) {
    absl::StrAppend(&out, "deletes ", deletion.what(), ": ", Plural(deletion.devices(), "device"),
                    " with the app, ", Plural(deletion.persons(), "person"), " with a grant\n");
  }
  for (const std::string& change : response.impact().changes()) {
    absl::StrAppend(&out, change, "\n");
  }
  const bool nothing = response.impact().changes().empty();
  const absl::string_view verdict = dry_run   ? "dry run, nothing was written"
                                    : nothing ? "nothing to change"
                                              : "applied";
  absl::StrAppend(&out, Plural(static_cast<uint32_t>(response.impact().changes_size()), "change"),
                  ", touches ", Plural(response.impact().devices(), "device"), " and ",
                  Plural(response.impact().persons(), "person"), ": ", verdict, "\n");
  return out;
}

absl::StatusOr<int> SendPolicies(Session& s, const v1::ApplyPoliciesRequest& request) {
  v1::ApplyPoliciesResponse response;
  MUSTER_RETURN_IF_ERROR(s.Call("ApplyPolicies", request, &response));
  int errors = 0;
  for (const v1::Issue& issue : response.issues()) {
    s.err << IssueLine(issue);
    if (issue.severity() != v1::Issue::WARNING) ++errors;
  }
  if (s.format != Format::kTable) {
    s.Print(MessageJson(response));
  } else if (errors == 0) {
    s.out << ApplyTable(response, request.dry_run());
  }
  if (errors == 0) return kExitOk;
  s.err << "musterctl: " << Plural(static_cast<uint32_t>(errors), "error")
        << ", nothing was applied\n  next: correct the files and apply again\n";
  return kExitUsage;
}

absl::Status ReadFolder(Session& s, ApplyArgs& args) {
  MUSTER_ASSIGN_OR_RETURN(PolicyFiles read, ReadPolicyFolder(args.from));
  for (const std::string& path : read.ignored) {
    s.err << "note: " << path << " is not a policy file and is ignored\n";
  }
  args.request.mutable_files()->Assign(read.files.begin(), read.files.end());
  return absl::OkStatus();
}

absl::StatusOr<int> ApplyFolder(Session& s, ApplyArgs& args) {
  MUSTER_RETURN_IF_ERROR(ReadFolder(s, args));
  return SendPolicies(s, args.request);
}

int PrintErrors(Session& s, const google::protobuf::RepeatedPtrField<v1::Issue>& issues) {
  int errors = 0;
  for (const v1::Issue& issue : issues) {
    s.err << IssueLine(issue);
    if (issue.severity() != v1::Issue::WARNING) ++errors;
  }
  return errors;
}

absl::StatusOr<int> SimulateFolder(Session& s, ApplyArgs& args) {
  MUSTER_RETURN_IF_ERROR(ReadFolder(s, args));
  v1::SimulatePoliciesResponse response;
  MUSTER_RETURN_IF_ERROR(s.Call("SimulatePolicies", args.request, &response));
  const int errors = PrintErrors(s, response.issues());
  s.out << RenderList(s.format, MessageJson(response),
                      {{"APP", "app_id"},
                       {"WHO", "person_upn"},
                       {"CHANGE", "change"},
                       {"BEFORE", "before"},
                       {"AFTER", "after"},
                       {"REASON", "reason"},
                       {"DEVICES", "devices"}});
  return errors == 0 ? kExitOk : kExitUsage;
}

CLI::App* AddFolderVerb(CLI::App* root, Session* session, const std::string& name,
                        const std::string& help, const std::shared_ptr<ApplyArgs>& args,
                        absl::StatusOr<int> (*run)(Session&, ApplyArgs&)) {
  CLI::App* verb =
      AddVerb(root, session, name, help, [args, run](Session& s) { return run(s, *args); });
  AddRequired(verb, "-f,--from",
              "Folder with catalogue/, trm.yaml, blocklist.yaml, cohorts.yaml, guidance/",
              [args](const std::string& v) { args->from = v; });
  verb->add_flag_function(
      "--prune", [args](int64_t) { args->request.set_prune(true); },
      "Also remove apps that the folder no longer names");
  return verb;
}

void AddSimulate(CLI::App* root, Session* session) {
  AddFolderVerb(root, session, "simulate", "Who would gain and who would lose what",
                std::make_shared<ApplyArgs>(), &SimulateFolder);
}

void AddBlocklist(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "blocklist", "The apps that are blocked");
  AddListVerb(noun, session, "show", "The blocklist", "GetBlocklist",
              std::make_shared<v1::GetBlocklistRequest>(),
              std::make_shared<v1::GetBlocklistResponse>(),
              {{"APP", "app_id"}, {"NAME", "name"}, {"TRM", "trm"}});
  auto args = std::make_shared<ApplyArgs>();
  CLI::App* apply = AddVerb(noun, session, "apply", "Replace the blocklist by a file",
                            [args](Session& s) -> absl::StatusOr<int> {
                              MUSTER_ASSIGN_OR_RETURN(*args->request.add_files(),
                                                      ReadPolicyFile(args->from, "blocklist.yaml"));
                              return SendPolicies(s, args->request);
                            });
  AddRequired(apply, "-f,--from", "The file, `apps:` and a list of ids",
              [args](const std::string& v) { args->from = v; });
  AddDryRun(apply, [args](bool v) { args->request.set_dry_run(v); });
}

}  // namespace

void AddPolicyCommands(CLI::App* root, Session* session) {
  AddBlocklist(root, session);

  auto apply = std::make_shared<ApplyArgs>();
  CLI::App* verb = AddFolderVerb(root, session, "apply", "Apply the policy files of a folder",
                                 apply, &ApplyFolder);
  AddOptional(verb, "--commit", "Id of the commit the files are of; kept, see `policy show`",
              [apply](const std::string& v) { apply->request.set_commit(v); });
  AddDryRun(verb, [apply](bool v) { apply->request.set_dry_run(v); });

  AddSimulate(root, session);

  CLI::App* guidance = AddNoun(root, "guidance", "What people are told");
  AddVerb(guidance, session, "show", "The training text in force, and the other texts",
          [](Session& s) -> absl::StatusOr<int> {
            v1::Guidance texts;
            MUSTER_RETURN_IF_ERROR(s.Call("GetGuidance", v1::GetGuidanceRequest(), &texts));
            return s.Print(MessageJson(texts));
          });

  CLI::App* policy = AddNoun(root, "policy", "The signed policy in force");
  AddVerb(policy, session, "show", "The documents in force, with hashes and signers",
          [](Session& s) -> absl::StatusOr<int> {
            v1::PolicyView view;
            MUSTER_RETURN_IF_ERROR(s.Call("GetPolicy", v1::GetPolicyRequest(), &view));
            return s.Print(MessageJson(view));
          });
  AddPolicyExportCommand(policy, session);
}

}  // namespace muster::cli

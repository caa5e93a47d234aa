#include "cli/run.h"

#include <algorithm>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/duration.h"
#include "cli/errors.h"
#include "common/version.h"

namespace muster::cli {
namespace {

void AddGlobals(CLI::App* root, Session* session) {
  root->set_version_flag("--version", absl::StrCat("musterctl ", kVersion));
  root->add_option_function<std::string>(
          "-o,--output", [session](const std::string& v) { session->format = *ParseFormat(v); },
          "table, json, csv or yaml")
      ->check([](const std::string& v) -> std::string {
        if (ParseFormat(v).has_value()) return "";
        return absl::StrCat("'", v, "' is none of table, json, csv, yaml");
      });
  root->add_option("--profile", session->profile,
                   "Profile file: server, ca, certificate, key (default: $MUSTER_PROFILE)");
  AddDuration(root, "--timeout", "Give up after this long (default 10s)",
              [session](absl::Duration d) { session->timeout = d; });
}

void AddCommands(CLI::App* root, Session* session) {
  // Inherited by every subcommand: -o and --profile may stand after the verb too.
  root->fallthrough();
  root->require_subcommand(1);
  AddGlobals(root, session);
  AddAppCommands(root, session);
  AddTrmCommands(root, session);
  AddPolicyCommands(root, session);
  AddRequestCommands(root, session);
  AddGrantCommands(root, session);
  AddPersonCommands(root, session);
  AddReportCommands(root, session);
  AddArchiveReportCommands(root, session);
  AddGuidanceCommands(root, session);
  AddRoleCommands(root, session);
  AddDirectoryCommands(root, session);
  AddDeviceCommands(root, session);
  AddRolloutCommands(root, session);
  AddTrustCommands(root, session);
  AddRecordsCommands(root, session);
  AddExplainCommand(root, session);
  AddAuditCommands(root, session);
}

// The command as far as it was understood, so that the hint names the right --help.
std::string CommandPath(const CLI::App& root) {
  std::string path = "musterctl";
  const CLI::App* at = &root;
  for (auto subs = at->get_subcommands(); !subs.empty(); subs = at->get_subcommands()) {
    at = subs.front();
    absl::StrAppend(&path, " ", at->get_name());
  }
  return path;
}

// CLI11 speaks in exceptions; they end here. Returns -1 when there is an action to run.
int Parse(CLI::App* root, std::vector<std::string> args, Session* session) {
  std::reverse(args.begin(), args.end());  // CLI11 takes them from the back
  try {
    root->parse(args);
    return -1;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {  // --help, --version
      root->exit(e, session->out, session->err);
      return kExitOk;
    }
    session->err << "musterctl: " << e.what() << "\n  next: " << CommandPath(*root)
                 << " --help shows the usage\n";
    return kExitUsage;
  }
}

}  // namespace

int RunMusterctl(const std::vector<std::string>& args, const std::string& default_profile,
                 Session::Connector connector, std::ostream& out, std::ostream& err) {
  Session session(out, err, std::move(connector), default_profile);
  CLI::App root("Muster: who may use which messaging app, and why", "musterctl");
  AddCommands(&root, &session);
  if (const int code = Parse(&root, args, &session); code >= 0) return code;
  const absl::StatusOr<int> result = session.action(session);
  if (result.ok()) return *result;
  err << ErrorText(result.status());
  return ExitCode(result.status());
}

}  // namespace muster::cli

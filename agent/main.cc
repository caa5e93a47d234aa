// muster-agent: the command line. What each command builds is in commands_*.cc.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "agent/commands.h"
#include "agent/main_archive.h"
#include "common/limits.h"
#include "common/version.h"

namespace muster::agent {
namespace {

constexpr char kDefaultState[] = "/var/lib/muster-agent";

void AddMachine(CLI::App& command, MachinePaths& paths) {
  // For tests: an empty group keeps them out of --help.
  command.add_option("--dpkg-admindir", paths.dpkg_admindir)->group("");
  command.add_option("--rpm-db", paths.rpm_db)->group("");
  command.add_option("--flatpak-dir", paths.flatpak_dir)->group("");
  command.add_option("--snap-dir", paths.snap_dir)->group("");
  command.add_option("--opt-dir", paths.opt_dir)->group("");
  command.add_option("--application-dirs", paths.application_dirs)->delimiter(',')->group("");
  command.add_option("--helper-dir", paths.helper_dir)->group("");
  command.add_option("--home-dir", paths.home_dir)->group("");
  command.add_option("--passwd", paths.passwd)->group("");
}

void AddState(CLI::App& command, std::string& state) {
  state = kDefaultState;
  command.add_option("--state", state, "State directory")->capture_default_str();
}

void AddEnroll(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<EnrollOptions>();
  CLI::App* c = app.add_subcommand("enroll", "Make this machine a device of the tenant");
  c->add_option("--controller", options->controller, "HOST:PORT of the controller")->required();
  c->add_option("--ca", options->ca_file, "PEM file of the controller's CA")->required();
  c->add_option("--token-file", options->token_file, "File with the single-use token")->required();
  AddState(*c, options->state_dir);
  c->add_option("--hostname", options->hostname, "Name to enrol under (default: this host's)");
  c->add_flag("--force", options->force, "Replace the identity that the state directory holds");
  AddMachine(*c, options->machine);
  c->callback([options, &exit_code] { exit_code = RunEnroll(*options); });
}

// `run` and `worker` take the same options; each looks at those that are its own.
void AddRunOptions(CLI::App& command, WorkerOptions& options) {
  AddState(command, options.state_dir);
  command.add_flag_function(
      "--monitor", [](int64_t) {}, "Only report; never block");
  command
      .add_option_function<std::vector<std::string>>(
          "--filesystems", [](const std::vector<std::string>&) {},
          "Only the filesystems of these paths (default: all that can hold programs)")
      ->delimiter(',');
  command.add_flag_function("--and-new-filesystems", [](int64_t) {})->group("");
  command.add_option("--browser-root", options.browser_root)->group("");
  command.add_option("--run-user-dir", options.run_user_dir)->group("");
  AddMachine(command, options.machine);
}

void AddRun(CLI::App& app, int argc, char** argv, int& exit_code) {
  auto options = std::make_shared<WorkerOptions>();
  CLI::App* run = app.add_subcommand("run", "Enforce and report until stopped");
  AddRunOptions(*run, *options);
  std::vector<std::string> arguments;
  for (int i = 2; i < argc; ++i) arguments.emplace_back(argv[i]);
  run->callback([options, arguments, &exit_code] {
    exit_code = RunAgent({options->state_dir, arguments});
  });

  CLI::App* worker = app.add_subcommand("worker", "Started by the supervisor only");
  worker->group("");
  AddRunOptions(*worker, *options);
  worker->callback([options, &exit_code] { exit_code = RunWorker(*options); });
}

void AddOutput(CLI::App& command, std::string& output) {
  output = "table";
  command.add_option("-o,--output", output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
}

void AddQuestions(CLI::App& app, int& exit_code) {
  auto status_options = std::make_shared<AskOptions>();
  CLI::App* status = app.add_subcommand("status", "What the running agent does");
  AddState(*status, status_options->state_dir);
  AddOutput(*status, status_options->output);
  status->callback([=, &exit_code] { exit_code = RunStatus(*status_options); });

  auto explain_options = std::make_shared<AskOptions>();
  auto app_id = std::make_shared<std::string>();
  auto user = std::make_shared<std::string>();
  CLI::App* explain = app.add_subcommand("explain", "Why an app may or may not run here");
  explain->add_option("APP", *app_id, "App id, for example whatsapp")->required();
  explain->add_option("--user", *user, "For this account (root only)");
  AddState(*explain, explain_options->state_dir);
  AddOutput(*explain, explain_options->output);
  explain->callback([=, &exit_code] { exit_code = RunExplain(*explain_options, *app_id, *user); });
}

void AddWitness(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<WitnessOptions>();
  CLI::App* c = app.add_subcommand(
      "witness", "The audit log's checkpoint as this device has seen it, for an auditor");
  c->add_option("--out", options->out,
                "Write it to this file; one that was refused goes beside it (default: print)");
  AddState(*c, options->state_dir);
  c->callback([=, &exit_code] { exit_code = RunWitness(*options); });
}

void AddDisarm(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<DisarmOptions>();
  auto duration = std::make_shared<std::string>();
  CLI::App* c = app.add_subcommand(
      "disarm", "Stop blocking for a while: the way back from a wrong block (root only)");
  c->add_option("--reason", options->reason, "Why; goes on record")->required();
  c->add_option("--for", *duration, "How long, for example 30m; at most 8h")->default_str("30m");
  c->add_flag("--rearm", options->rearm, "Block again now");
  AddState(*c, options->state_dir);
  AddOutput(*c, options->output);
  c->callback([=, &exit_code] {
    options->duration = limits::kDefaultDisarm;
    if (!duration->empty() && !absl::ParseDuration(*duration, &options->duration)) {
      exit_code = Fail(absl::InvalidArgumentError("--for " + *duration +
                                                  " is not a duration; write 30m, 2h or 90s"));
      return;
    }
    exit_code = RunDisarm(*options);
  });
}

void AddVerify(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* c = app.add_subcommand("verify", "Check signed documents, offline");
  c->add_option("--trust", options->trust_file, "The root document to trust")->required();
  c->add_option("--state", options->state_dir,
                "State directory whose device and accepted versions count");
  c->add_option("--device", options->device_id, "Device id that assignments must name");
  c->add_option("--at", options->at, "Moment to check for, RFC 3339 (default: now)");
  c->add_option("DOC", options->files, "Files, one serialised SignedDoc each")->required();
  c->callback([=, &exit_code] { exit_code = RunVerify(*options); });
}

int Main(int argc, char** argv) {
#ifdef NDEBUG
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  CLI::App app("Muster's agent: enforces the agency's signed policy on this machine");
  app.set_version_flag("--version", std::string("muster-agent ") + kVersion);
  app.require_subcommand(1);
  int exit_code = 0;
  AddEnroll(app, exit_code);
  AddRun(app, argc, argv, exit_code);
  AddQuestions(app, exit_code);
  AddWitness(app, exit_code);
  AddDisarm(app, exit_code);
  AddVerify(app, exit_code);
  AddArchive(app, exit_code);
  try {  // CLI11 reports usage by exceptions; they end here
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return exit_code;
}

}  // namespace
}  // namespace muster::agent

int main(int argc, char** argv) { return muster::agent::Main(argc, argv); }

// muster-bridge: the command line. What each command builds is in commands_*.cc.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "bridge/commands.h"
#include "common/version.h"

namespace muster::bridge {
namespace {

constexpr char kDefaultState[] = "/var/lib/muster-bridge";
constexpr char kDefaultConfig[] = "/etc/muster/bridge.yaml";

void AddState(CLI::App& command, std::string& state) {
  state = kDefaultState;
  command.add_option("--state", state, "State directory")->capture_default_str();
}

void AddEnroll(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<EnrollOptions>();
  CLI::App* c = app.add_subcommand("enroll", "Make this a bridge of the tenant");
  c->add_option("--controller", options->controller, "HOST:PORT of the controller")->required();
  c->add_option("--ca", options->ca_file, "PEM file of the controller's CA")->required();
  c->add_option("--token-file", options->token_file,
                "File with the single-use token (`musterctl device token --bridge`)")
      ->required();
  AddState(*c, options->state_dir);
  c->add_option("--name", options->name, "Name to enrol under (default: this host's)");
  c->add_flag("--force", options->force, "Replace the identity that the state directory holds");
  c->callback([options, &exit_code] { exit_code = RunEnroll(*options); });
}

void AddRun(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<RunOptions>();
  options->config_file = kDefaultConfig;
  CLI::App* c = app.add_subcommand("run", "Speak for the phones of the UEM until stopped");
  AddState(*c, options->state_dir);
  c->add_option("--config", options->config_file, "Which UEM, and what is set up there")
      ->capture_default_str();
  c->callback([options, &exit_code] { exit_code = RunBridge(*options); });
}

void AddStatus(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* c = app.add_subcommand("status", "What the bridge knows and what is still to be done");
  AddState(*c, options->state_dir);
  c->add_option("-o,--output", options->output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
  c->callback([options, &exit_code] { exit_code = RunStatus(*options); });
}

int Main(int argc, char** argv) {
#ifdef NDEBUG
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  CLI::App app("Muster's bridge: speaks for the phones that the agency's UEM manages");
  app.set_version_flag("--version", std::string("muster-bridge ") + kVersion);
  app.require_subcommand(1);
  int exit_code = 0;
  AddEnroll(app, exit_code);
  AddRun(app, exit_code);
  AddStatus(app, exit_code);
  try {  // CLI11 reports usage by exceptions; they end here
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return exit_code;
}

}  // namespace
}  // namespace muster::bridge

int main(int argc, char** argv) { return muster::bridge::Main(argc, argv); }

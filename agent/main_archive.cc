#include "agent/main_archive.h"

#include <memory>
#include <string>

#include "agent/commands.h"
#include "agent/commands_archive.h"
#include "agent/commands_archive_ask.h"

namespace muster::agent {
namespace {

void AddInspect(CLI::App& archive, int& exit_code) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* c = archive.add_subcommand("inspect", "What an exported chat proves (offline)");
  c->add_option("FILE", options->file, "A .txt or .zip that WhatsApp exported")->required();
  c->add_option("-o,--output", options->output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
  c->add_option("--tz", options->time_zone,
                "Time zone of the phone that exported, for example America/New_York")
      ->capture_default_str();
  c->add_flag("--entries", options->entries, "Each entry as well (-o json only)");
  c->add_option("--date-order", options->date_order, "When you know it: dmy, mdy or ymd")
      ->check(CLI::IsMember({"dmy", "mdy", "ymd"}));
  c->callback([options, &exit_code] { exit_code = RunArchiveInspect(*options); });
}

constexpr char kDefaultState[] = "/var/lib/muster-agent";

void AddAsk(CLI::App& command, AskOptions& options) {
  options.state_dir = kDefaultState;
  command.add_option("--state", options.state_dir, "State directory")->capture_default_str();
  command.add_option("-o,--output", options.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
}

void AddOpenAndStatus(CLI::App& archive, int& exit_code) {
  auto ask = std::make_shared<AskOptions>();
  auto app_id = std::make_shared<std::string>();
  CLI::App* open = archive.add_subcommand(
      "open", "Let an app that is open for exports only run for 30 minutes, to export");
  open->add_option("APP", *app_id, "App id, for example whatsapp")->required();
  AddAsk(*open, *ask);
  open->callback([=, &exit_code] { exit_code = RunArchiveOpen(*ask, *app_id); });

  CLI::App* status = archive.add_subcommand("status", "Which chats are kept, and what is due");
  AddAsk(*status, *ask);
  status->callback([=, &exit_code] { exit_code = RunArchiveStatus(*ask); });
}

void AddSubmit(CLI::App& archive, int& exit_code) {
  auto ask = std::make_shared<AskOptions>();
  auto file = std::make_shared<std::string>();
  auto app_id = std::make_shared<std::string>();
  CLI::App* c = archive.add_subcommand("submit", "Hand an export to the agent");
  c->add_option("FILE", *file, "A .txt or .zip that the app exported")->required();
  c->add_option("--app", *app_id, "App id, when you use several");
  AddAsk(*c, *ask);
  c->callback([=, &exit_code] { exit_code = RunArchiveSubmit(*ask, *file, *app_id); });
}

void AddDeclare(CLI::App& archive, int& exit_code) {
  auto ask = std::make_shared<AskOptions>();
  auto options = std::make_shared<DeclareOptions>();
  CLI::App* c = archive.add_subcommand("declare", "Say yourself what became of chats");
  c->add_option("APP", options->app_id, "App id, for example whatsapp")->required();
  CLI::Option_group* kind = c->add_option_group("what");
  kind->add_flag("--exported-elsewhere", options->exported_elsewhere, "Saved in another way");
  kind->add_flag("--blocked", options->blocked, "The app refuses to export it");
  kind->add_flag("--no-messages", options->no_messages, "Nothing was written");
  kind->require_option(1);
  c->add_option("--chat", options->chat, "The chat's name (default: all chats)");
  c->add_option("--through", options->through, "Up to when, RFC 3339 (default: now)");
  AddAsk(*c, *ask);
  c->callback([=, &exit_code] { exit_code = RunArchiveDeclare(*ask, *options); });
}

void AddGuide(CLI::App& archive, int& exit_code) {
  auto ask = std::make_shared<AskOptions>();
  auto attest = std::make_shared<bool>(false);
  CLI::App* c = archive.add_subcommand("guide", "How to export and archive chats");
  c->add_flag("--attest", *attest, "Say on record that you have read it");
  AddAsk(*c, *ask);
  c->callback([=, &exit_code] { exit_code = RunArchiveGuide(*ask, *attest); });
}

}  // namespace

void AddArchive(CLI::App& app, int& exit_code) {
  CLI::App* archive = app.add_subcommand("archive", "Exports of chats, and what they prove");
  archive->require_subcommand(1);
  AddInspect(*archive, exit_code);
  AddOpenAndStatus(*archive, exit_code);
  AddSubmit(*archive, exit_code);
  AddDeclare(*archive, exit_code);
  AddGuide(*archive, exit_code);
}

}  // namespace muster::agent

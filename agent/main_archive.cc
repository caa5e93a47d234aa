#include "agent/main_archive.h"

#include <memory>
#include <string>

#include "agent/commands_archive.h"

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

}  // namespace

void AddArchive(CLI::App& app, int& exit_code) {
  CLI::App* archive = app.add_subcommand("archive", "Exports of chats, and what they prove");
  archive->require_subcommand(1);
  AddInspect(*archive, exit_code);
}

}  // namespace muster::agent

#include "cli/commands.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

// All texts to read, one below the other; programs get the list.
absl::StatusOr<int> ShowGuidance(Session& s) {
  v1::ArchiveGuidanceView view;
  MUSTER_RETURN_IF_ERROR(s.Call("GetArchiveGuidance", v1::ListArchiveGuidanceRequest(), &view));
  const Json json = MessageJson(view);
  if (s.format != Format::kTable) {
    s.out << RenderList(s.format, json,
                        {{"PLATFORM", "platform"},
                         {"VERSION", "version"},
                         {"SHA-256", "sha256"},
                         {"TEXT", "text"}});
    return 0;
  }
  if (view.items().empty()) {
    s.out << "none\n";
    return 0;
  }
  const auto& first = view.items(0);
  s.out << "version: " << (first.version().empty() ? "none: nobody has to attest" : first.version())
        << "\nsha256:  " << first.sha256() << "\n";
  for (const auto& item : view.items()) s.out << "\n" << item.platform() << "\n" << item.text();
  return 0;
}

absl::StatusOr<int> Attest(Session& s, const v1::RecordAttestationRequest& request) {
  v1::RecordAttestationResponse response;
  MUSTER_RETURN_IF_ERROR(s.Call("RecordAttestation", request, &response));
  return s.Print(MessageJson(response));
}

}  // namespace

void AddGuidanceCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "archive", "What was kept, and what is owed");
  AddArchiveCommands(noun, session);
  AddVerb(noun, session, "guidance", "How people are told to archive, its version and hash",
          &ShowGuidance);
  auto request = std::make_shared<v1::RecordAttestationRequest>();
  CLI::App* attest = AddVerb(noun, session, "attest", "Record that a person read how to archive",
                             [request](Session& s) { return Attest(s, *request); });
  AddRequired(attest, "--person", "Who read it (UPN)",
              [request](const std::string& v) { request->set_person_upn(v); });
  AddRequired(attest, "--app", "For which app",
              [request](const std::string& v) { request->set_app_id(v); });
  AddRequired(attest, "--version", "Which version, as `archive guidance` shows it",
              [request](const std::string& v) { request->set_version(v); });
  AddDryRun(attest, [request](bool v) { request->set_dry_run(v); });
}

}  // namespace muster::cli

#include "cli/commands.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

void AddRunDecision(CLI::App* noun, Session* session, const std::string& name,
                    const std::string& help, const std::string& method) {
  auto request = std::make_shared<v1::DecideSyncRunRequest>();
  CLI::App* verb =
      AddVerb(noun, session, name, help, [request, method](Session& s) -> absl::StatusOr<int> {
        v1::SyncRun run;
        MUSTER_RETURN_IF_ERROR(s.Call(method, *request, &run));
        return s.Print(MessageJson(run));
      });
  AddName(verb, "run", "Run id", [request](const std::string& v) { request->set_run_id(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

void AddStatusAndSync(CLI::App* noun, Session* session) {
  AddVerb(noun, session, "status", "Where the directory is read from and how that went",
          [](Session& s) -> absl::StatusOr<int> {
            v1::DirectoryStatus status;
            MUSTER_RETURN_IF_ERROR(
                s.Call("GetDirectoryStatus", v1::GetDirectoryStatusRequest(), &status));
            return s.Print(MessageJson(status));
          });
  auto request = std::make_shared<v1::SyncDirectoryRequest>();
  CLI::App* sync = AddVerb(noun, session, "sync", "Read the directory now",
                           [request](Session& s) -> absl::StatusOr<int> {
                             v1::SyncRun run;
                             MUSTER_RETURN_IF_ERROR(s.Call("SyncDirectory", *request, &run));
                             return s.Print(MessageJson(run));
                           });
  AddDryRun(sync, [request](bool v) { request->set_dry_run(v); });
}

}  // namespace

void AddDirectoryCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "directory", "The directory and its approval groups");
  AddStatusAndSync(noun, session);

  auto filter = std::make_shared<v1::ListMembersRequest>();
  CLI::App* members =
      AddListVerb(noun, session, "members", "Members of an app's approval group", "ListMembers",
                  filter, std::make_shared<v1::ListMembersResponse>(),
                  {{"PERSON", "person.upn"},
                   {"NAME", "person.display_name"},
                   {"GRANT", "grant_id"},
                   {"STATE", "grant_state"},
                   {"SEEN", "membership.seen_at"},
                   {"VIA", "membership.via"}});
  AddName(members, "app", "App id", [filter](const std::string& v) { filter->set_app_id(v); });

  AddListVerb(noun, session, "runs", "Reads of the directory", "ListSyncRuns",
              std::make_shared<v1::ListSyncRunsRequest>(),
              std::make_shared<v1::ListSyncRunsResponse>(),
              {{"RUN", "run_id"},
               {"STATE", "state"},
               {"STARTED", "started_at"},
               {"PERSONS", "persons_read"},
               {"MEMBERS", "members_read"},
               {"DETAIL", "detail"}});
  AddRunDecision(noun, session, "release", "Apply a held run's removals (two people must)",
                 "ReleaseSyncRun");
  AddRunDecision(noun, session, "discard", "Drop a held run's removals", "DiscardSyncRun");
}

}  // namespace muster::cli

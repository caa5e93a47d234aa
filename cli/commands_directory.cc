#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

int PrintRun(Session& s, const v1::SyncRun& run) {
  s.out << RenderSyncRun(s.format, MessageJson(run));
  return 0;
}

void AddRunDecision(CLI::App* noun, Session* session, const std::string& name,
                    const std::string& help, const std::string& method) {
  auto request = std::make_shared<v1::DecideSyncRunRequest>();
  CLI::App* verb =
      AddVerb(noun, session, name, help, [request, method](Session& s) -> absl::StatusOr<int> {
        v1::SyncRun run;
        MUSTER_RETURN_IF_ERROR(s.Call(method, *request, &run));
        return PrintRun(s, run);
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
                             return PrintRun(s, run);
                           });
  AddDryRun(sync, [request](bool v) { request->set_dry_run(v); });
}

// "WA-Approved > Field", for one cell.
Json MemberView(const Json& item) {
  Json out = item;
  std::string path;
  for (const Json& group : item["membership"]["via"]) {
    std::string name = group.get<std::string>();
    if (absl::StartsWithIgnoreCase(name, "cn=")) name = name.substr(3, name.find(',') - 3);
    absl::StrAppend(&path, path.empty() ? "" : " > ", name);
  }
  out["path"] = path;
  return out;
}

void AddMembers(CLI::App* noun, Session* session) {
  auto filter = std::make_shared<v1::ListMembersRequest>();
  CLI::App* members =
      AddListVerb(noun, session, "members", "Who is in an app's approval group, and why",
                  "ListMembers", filter, std::make_shared<v1::ListMembersResponse>(),
                  {{"PERSON", "person.upn"},
                   {"NAME", "person.display_name"},
                   {"EFFECTIVE", "effective"},
                   {"BUT", "membership.inactive_because"},
                   {"PATH", "path"},
                   {"SINCE", "membership.seen_at"},
                   {"REQUEST", "request_id"},
                   {"GRANT", "grant_id"},
                   {"STATE", "grant_state"},
                   {"BY MUSTER", "membership.written_by_muster"}},
                  MemberView);
  AddName(members, "app", "App id", [filter](const std::string& v) { filter->set_app_id(v); });

  auto request = std::make_shared<v1::ExplainMemberRequest>();
  CLI::App* explain =
      AddVerb(noun, session, "explain-member", "Why a person counts in the approval groups, or not",
              [request](Session& s) -> absl::StatusOr<int> {
                v1::ExplainMemberResponse response;
                MUSTER_RETURN_IF_ERROR(s.Call("ExplainMember", *request, &response));
                s.out << RenderMemberExplanations(s.format, MessageJson(response));
                return 0;
              });
  AddName(explain, "upn", "The person's UPN",
          [request](const std::string& v) { request->set_person_upn(v); });
  AddOptional(explain, "--app", "Only this app",
              [request](const std::string& v) { request->set_app_id(v); });
}

void AddRuns(CLI::App* noun, Session* session) {
  CLI::App* runs = AddListVerb(noun, session, "runs",
                               "Reads of the directory; with a run's id, what it changes and why",
                               "ListSyncRuns", std::make_shared<v1::ListSyncRunsRequest>(),
                               std::make_shared<v1::ListSyncRunsResponse>(),
                               {{"RUN", "run_id"},
                                {"STATE", "state"},
                                {"STARTED", "started_at"},
                                {"PERSONS", "persons_read"},
                                {"MEMBERS", "members_read"},
                                {"ADDED", "added_count"},
                                {"REMOVED", "removed_count"},
                                {"DETAIL", "detail"}});
  auto get = std::make_shared<v1::GetSyncRunRequest>();
  AddAlternative(
      runs, session, "run", "Run id", [get](const std::string& v) { get->set_run_id(v); },
      [get](Session& s) -> absl::StatusOr<int> {
        v1::SyncRun run;
        MUSTER_RETURN_IF_ERROR(s.Call("GetSyncRun", *get, &run));
        return PrintRun(s, run);
      });
}

}  // namespace

void AddDirectoryCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "directory", "The directory and its approval groups");
  AddStatusAndSync(noun, session);
  AddMembers(noun, session);
  AddRuns(noun, session);
  AddRunDecision(noun, session, "release", "Apply a held run's removals (two people must)",
                 "ReleaseSyncRun");
  AddRunDecision(noun, session, "discard", "Drop a held run's removals", "DiscardSyncRun");
}

}  // namespace muster::cli

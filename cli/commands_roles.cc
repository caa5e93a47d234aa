#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/profile.h"
#include "cli/write_file.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

constexpr size_t kAllRoles = 7;

struct LoginArgs {
  v1::LoginRequest request;
  std::string password_file;
};

// From a file, or one line of standard input: never an argument, which every process can read.
absl::StatusOr<std::string> ReadPassword(Session& s, const std::string& file) {
  std::string line;
  if (!file.empty()) {
    MUSTER_ASSIGN_OR_RETURN(line, ReadSmallFile(file, "password file", limits::kMaxPasswordBytes));
  } else {
    if (isatty(STDIN_FILENO) == 1) s.err << "Password: ";
    const char* shown = isatty(STDIN_FILENO) == 1 ? ::getpass("") : nullptr;
    if (shown != nullptr) {
      line = shown;
    } else {
      std::getline(std::cin, line);
    }
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return line;
}

absl::StatusOr<int> Login(Session& s, LoginArgs& args) {
  MUSTER_ASSIGN_OR_RETURN(const Profile profile, LoadProfile(s.profile));
  if (profile.token.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        s.profile,
        " signs in with a certificate; a profile for `login` has `token: FILE` instead "
        "of certificate and key"));
  }
  MUSTER_ASSIGN_OR_RETURN(std::string password, ReadPassword(s, args.password_file));
  args.request.set_password(std::move(password));
  v1::LoginResponse response;
  const absl::Status status = s.Call("Login", args.request, &response);
  args.request.clear_password();
  MUSTER_RETURN_IF_ERROR(status);
  MUSTER_RETURN_IF_ERROR(ReplaceFile(profile.token, response.token() + "\n", 0600));
  response.clear_token();
  return s.Print(MessageJson(response));
}

absl::StatusOr<int> Logout(Session& s) {
  MUSTER_ASSIGN_OR_RETURN(const Profile profile, LoadProfile(s.profile));
  v1::LogoutResponse response;
  MUSTER_RETURN_IF_ERROR(s.Call("Logout", v1::LogoutRequest(), &response));
  std::error_code error;
  std::filesystem::remove(profile.token, error);
  s.err << "signed out\n";
  return kExitOk;
}

std::string JoinNames(const Json& list) {
  std::string out;
  for (const Json& name : list)
    absl::StrAppend(&out, out.empty() ? "" : ", ", name.get<std::string>());
  return out;
}

absl::StatusOr<int> ShowRoles(Session& s, const v1::GetRolesRequest& request) {
  v1::RolesView view;
  MUSTER_RETURN_IF_ERROR(s.Call("GetRoles", request, &view));
  Json json = MessageJson(view);
  if (s.format != Format::kTable) return s.Print(json);
  for (Json& verb : json["items"]) {
    if (verb["roles"].size() == kAllRoles) verb["roles"] = "everybody with a role";
  }
  s.out << RenderList(s.format, json, {{"VERB", "verb"}, {"ROLES", "roles"}});
  Json holders = {{"items", json["holders"]}};
  s.out << "\n"
        << RenderList(s.format, holders,
                      {{"PERSON", "upn"}, {"ROLES", "roles"}, {"MUST BE APART", "conflicts"}});
  s.out << "\nyou are " << view.you().upn() << ", by " << view.you().signed_in_by() << ": "
        << (view.you().roles().empty() ? "no role" : JoinNames(json["you"]["roles"])) << "\n";
  return kExitOk;
}

}  // namespace

void AddRoleCommands(CLI::App* root, Session* session) {
  auto login = std::make_shared<LoginArgs>();
  CLI::App* sign_in = AddVerb(root, session, "login", "Sign in with your directory password",
                              [login](Session& s) { return Login(s, *login); });
  AddRequired(sign_in, "--user", "Your UPN",
              [login](const std::string& v) { login->request.set_upn(v); });
  AddOptional(sign_in, "--password-file",
              "File with the password (default: asked for, or one line "
              "of standard input)",
              [login](const std::string& v) { login->password_file = v; });
  AddVerb(root, session, "logout", "End the sign-in", &Logout);

  CLI::App* noun = AddNoun(root, "roles", "Who may do what");
  auto request = std::make_shared<v1::GetRolesRequest>();
  CLI::App* show =
      AddVerb(noun, session, "show", "Verbs, roles, who holds them, what must be apart",
              [request](Session& s) { return ShowRoles(s, *request); });
  AddOptional(show, "--person", "Only this person (UPN)",
              [request](const std::string& v) { request->set_person_upn(v); });
}

}  // namespace muster::cli

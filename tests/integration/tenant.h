// A whole tenant for one test: folder, directory, keys, operators, controller. Everything it
// starts or makes is gone after its destructor, and nothing but files in the temporary folder is
// left when the test is killed. Failures are GoogleTest failures. Thread-compatible.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/integration/process.h"
#include "tests/integration/test_directory.h"

namespace muster {

using Json = nlohmann::json;

// Where this build put musterd, muster-agent and musterctl.
std::string ProgramPath(const std::string& name);

// A folder of the test's own, removed with everything in it.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What musterctl answered.
struct Answer {
  CommandResult command;
  Json json;  // of its standard output; discarded (null) when that is none
  int code() const { return command.exit_code; }
};
std::ostream& operator<<(std::ostream& os, const Answer& a);

// The operators' roles are also the names of their profiles; their UPNs are people of the
// directory.
inline constexpr char kServiceDesk[] = "service-desk";  // tsd@mdm.test
inline constexpr char kApprover[] = "soc-approver";     // soc@mdm.test
inline constexpr char kSecond[] = "soc-second";         // soc2@mdm.test
inline constexpr char kAdmin[] = "admin";               // admin@mdm.test
inline constexpr char kRecords[] = "records-officer";   // rim@mdm.test
// The two people of the stories, and a crew without accounts here: crew1@mdm.test ... crew8.
inline constexpr char kAlice[] = "alice@mdm.test";
inline constexpr char kBob[] = "bob@mdm.test";
inline constexpr int kCrew = 8;
std::string CrewUpn(int n);      // n from 1
std::string CrewAccount(int n);  // uid in the directory

class TestTenant {
 public:
  // `alice` and `bob` are their account names. Makes everything and starts the controller.
  TestTenant(DirectoryKind kind, const std::string& alice, const std::string& bob);
  TestTenant(const TestTenant&) = delete;
  TestTenant& operator=(const TestTenant&) = delete;

  void StartController();  // returns when it answers and has read the directory once
  void KillController() { controller_->Kill(); }
  void StopController();  // expects that it ends well
  // Stops it and starts it again with these further lines in its configuration.
  void RestartController(const std::string& configuration);
  bool ControllerRuns() { return controller_ != nullptr && controller_->Running(); }

  // musterctl -o json as `role`.
  Answer Ask(const std::string& role, std::vector<std::string> args);
  // The same where anything but exit code 0 is a failure.
  Json Get(const std::string& role, std::vector<std::string> args);
  Json Items(std::vector<std::string> args) { return Get(kAdmin, std::move(args))["items"]; }

  // Request id of a new request for the app it-chat (or `app`), filed by the service desk.
  std::string Submit(const std::string& upn, const std::string& app = "it-chat");
  // Submits, approves and waits until it is ACTIVE; the grant id.
  std::string Grant(const std::string& upn, const std::string& app = "it-chat");
  std::string RequestState(const std::string& id);
  std::string GrantState(const std::string& id);
  std::string Explain(const std::string& upn, const std::string& device,
                      const std::string& app = "it-chat");  // "VERDICT reason"

  // True as soon as the device enforces and every document is VERIFIED on it; false when that
  // takes longer than a minute and a half.
  bool WaitForVerifiedPolicy(const std::string& device);

  // A file with a new token for a Linux device of `owner`.
  std::string NewToken(const std::string& owner, const std::string& ttl = "10m",
                       const std::string& platform = "linux");
  // Applies a folder of policy files; a failure unless it is taken.
  void Apply(const std::string& folder);
  // Puts an app it-chat, RESTRICTED, known by `paths`, beside the repository's own policies.
  void ApplyPolicies(const std::string& paths);

  // All that may not change when something is refused: requests, grants, devices, TRM,
  // blocklist, apps, and how many changes the audit log tells of.
  Json Everything();
  // Entries of the audit log that are neither reads nor refusals.
  size_t AuditedChanges();

  const std::string& folder() const { return folder_.path(); }
  std::string data() const { return folder() + "/tenant"; }
  std::string ca() const { return data() + "/pki/server-ca.pem"; }
  std::string server() const;  // host:port
  int port() const { return port_; }
  std::string Profile(const std::string& role) const;
  std::string log() const { return folder() + "/musterd.log"; }
  TestDirectory& directory() { return *directory_; }

 private:
  void WriteConfig(const std::string& more);
  void IssueOperators();

  TestFolder folder_;
  std::unique_ptr<TestDirectory> directory_;
  int port_ = 0;
  int tokens_ = 0, tickets_ = 0;
  std::unique_ptr<Program> controller_;
};

}  // namespace muster

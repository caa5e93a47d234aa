// What the commands share: options, output, the connection, and the few shapes a verb can have.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/admin_client.h"
#include "cli/output.h"
#include "muster/v1/admin_service.pb.h"

namespace muster::cli {

// One run of musterctl. Not thread-safe. The parser's callbacks fill it; RunMusterctl() then
// calls `action`.
struct Session {
  using Connector = std::function<absl::StatusOr<std::unique_ptr<AdminClient>>(
      const std::string& profile, absl::Duration timeout)>;
  // An exit code, or the status it failed with.
  using Action = std::function<absl::StatusOr<int>(Session&)>;

  Session(std::ostream& out, std::ostream& err, Connector connector, std::string default_profile)
      : out(out), err(err), connector(std::move(connector)), profile(std::move(default_profile)) {}

  std::ostream& out;
  std::ostream& err;
  Connector connector;
  std::string profile;
  Format format = Format::kTable;
  absl::Duration timeout = absl::Seconds(10);
  Action action;
  Action instead;  // set by an argument that makes its verb do something else

  // Connects on the first call.
  absl::Status Call(const std::string& method, const google::protobuf::Message& request,
                    google::protobuf::Message* response);
  // Prints one object and returns 0.
  int Print(const Json& object);

  std::unique_ptr<AdminClient> client;
};

// A noun: `musterctl request`. It needs a verb. The one there is, when it was added before.
CLI::App* AddNoun(CLI::App* root, const std::string& name, const std::string& help);

// A verb that runs `action`.
CLI::App* AddVerb(CLI::App* noun, Session* session, const std::string& name,
                  const std::string& help, Session::Action action);

// A positional of a list verb that may be left out: with it `action` runs instead of the list.
void AddAlternative(CLI::App* verb, Session* session, const std::string& name,
                    const std::string& help, const std::function<void(const std::string&)>& set,
                    Session::Action action);

// A verb that lists. `request` and `response` must have page_size, cursor, items and
// next_cursor as all lists do. With --limit or --cursor it fetches that page; else all pages.
CLI::App* AddListVerb(CLI::App* noun, Session* session, const std::string& name,
                      const std::string& help, const std::string& method,
                      std::shared_ptr<google::protobuf::Message> request,
                      std::shared_ptr<google::protobuf::Message> response,
                      std::vector<Column> columns,
                      std::function<Json(const Json&)> item_view = nullptr);

// A required positional, and a required option, that must not be empty.
CLI::Option* AddName(CLI::App* verb, const std::string& name, const std::string& help,
                     const std::function<void(const std::string&)>& set);
CLI::Option* AddRequired(CLI::App* verb, const std::string& option, const std::string& help,
                         const std::function<void(const std::string&)>& set);
CLI::Option* AddOptional(CLI::App* verb, const std::string& option, const std::string& help,
                         const std::function<void(const std::string&)>& set);
CLI::Option* AddDuration(CLI::App* verb, const std::string& option, const std::string& help,
                         std::function<void(absl::Duration)> set);
// Accepts the enum's value names in any case, except UNSPECIFIED.
CLI::Option* AddEnum(CLI::App* verb, const std::string& option, const std::string& help,
                     const google::protobuf::EnumDescriptor* values, std::function<void(int)> set);
// --revision N: only when the record is still the one that was looked at.
void AddRevision(CLI::App* verb, std::function<void(uint64_t)> set);
void AddDryRun(CLI::App* verb, std::function<void(bool)> set);

}  // namespace muster::cli

// What the bridge last wrote down, read beside it: works whether it runs or not.
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "bridge/adapters/sqlite/sqlite_store.h"
#include "bridge/commands.h"
#include "bridge/flow/engine.h"
#include "bridge/setup.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "muster/v1/bridge.pb.h"

namespace muster::bridge {
namespace {

using Json = nlohmann::ordered_json;

struct Known {
  std::string bridge_id, tenant;
  v1::BridgeReport report;
  std::map<std::string, int> phones;  // by platform
  std::map<std::string, int> states;  // of apps on phones
  std::vector<v1::BridgeOperation> operations;
};

template <typename Message>
absl::StatusOr<std::vector<Message>> ReadAll(const SqliteStore& store, const std::string& dir) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, store.List(dir));
  std::vector<Message> out;
  for (const std::string& name : names) {
    MUSTER_ASSIGN_OR_RETURN(const auto bytes, store.Read(absl::StrCat(dir, "/", name)));
    Message message;
    if (bytes && message.ParseFromString(*bytes)) out.push_back(std::move(message));
  }
  return out;
}

absl::StatusOr<Known> ReadKnown(const SqliteStore& store) {
  MUSTER_ASSIGN_OR_RETURN(const agent::EnrolledDevice device, LoadBridge(store));
  Known out{device.identity.device_id, device.identity.tenant, {}, {}, {}, {}};
  MUSTER_ASSIGN_OR_RETURN(const auto report, store.Read(kBridgeReportFile));
  if (report) out.report.ParseFromString(*report);
  MUSTER_ASSIGN_OR_RETURN(const auto records, ReadAll<v1::PhoneRecord>(store, "record"));
  for (const v1::PhoneRecord& record : records) {
    ++out.phones[absl::AsciiStrToLower(v1::Platform::Id_Name(record.identity().platform()))];
    for (const v1::PhoneApp& app : record.reported().apps()) {
      ++out.states[v1::PhoneApp::State_Name(app.state())];
    }
  }
  MUSTER_ASSIGN_OR_RETURN(out.operations, ReadAll<v1::BridgeOperation>(store, "operation"));
  std::erase_if(out.operations, [](const v1::BridgeOperation& operation) {
    return operation.state() == v1::BridgeOperation::DONE;
  });
  return out;
}

Json OperationJson(const v1::BridgeOperation& operation) {
  return {{"kind", v1::BridgeOperation::Kind_Name(operation.kind())},
          {"state", v1::BridgeOperation::State_Name(operation.state())},
          {"device_id", operation.device_id()},
          {"app_id", operation.app_id()},
          {"target", operation.target()},
          {"attempts", operation.attempts()},
          {"created_at", TimeText(FromProto(operation.created_at()))},
          {"last_error", operation.last_error()}};
}

Json StatusJson(const Known& known) {
  const v1::BridgeReport& report = known.report;
  Json out = {{"bridge_id", known.bridge_id},
              {"tenant", known.tenant},
              {"uem", report.uem()},
              {"simulator", report.simulator()},
              {"last_answer_at", nullptr},
              {"last_error", report.last_error()},
              {"limit_per_window", report.limit_per_window()},
              {"limit_remaining", report.limit_remaining()},
              {"swept_at", nullptr},
              {"phones", known.phones},
              {"app_states", known.states},
              {"group_problems", Json::array()},
              {"operations", Json::array()}};
  if (report.has_last_answer_at()) {
    out["last_answer_at"] = TimeText(FromProto(report.last_answer_at()));
  }
  if (report.has_swept_at()) out["swept_at"] = TimeText(FromProto(report.swept_at()));
  for (const std::string& problem : report.group_problems()) {
    out["group_problems"].push_back(problem);
  }
  for (const auto& operation : known.operations) {
    out["operations"].push_back(OperationJson(operation));
  }
  return out;
}

std::string Counted(const std::map<std::string, int>& counts) {
  std::string out;
  for (const auto& [name, count] : counts) {
    absl::StrAppend(&out, out.empty() ? "" : ", ", count, " ", name);
  }
  return out.empty() ? "none yet" : out;
}

void PrintTable(const Known& known) {
  const v1::BridgeReport& report = known.report;
  std::string out = absl::StrCat("bridge        ", known.bridge_id, " of tenant ", known.tenant);
  absl::StrAppend(&out, "\nUEM           ", report.uem().empty() ? "not asked yet" : report.uem(),
                  report.simulator() ? "  (a SIMULATOR, not the real service)" : "");
  absl::StrAppend(
      &out, "\nlast answer   ",
      report.has_last_answer_at() ? TimeText(FromProto(report.last_answer_at())) : "none yet");
  if (!report.last_error().empty()) absl::StrAppend(&out, "\nlast error    ", report.last_error());
  if (report.limit_per_window() > 0) {
    absl::StrAppend(&out, "\nUEM's limit   ", report.limit_remaining(), " of ",
                    report.limit_per_window(), " calls left");
  }
  absl::StrAppend(&out, "\nphones        ", Counted(known.phones));
  absl::StrAppend(&out, "\nread in full  ",
                  report.has_swept_at() ? TimeText(FromProto(report.swept_at())) : "not yet");
  absl::StrAppend(&out, "\napps          ", Counted(known.states));
  for (const std::string& problem : report.group_problems()) {
    absl::StrAppend(&out, "\ngroup         ", problem);
  }
  absl::StrAppend(&out, "\nopen          ", known.operations.size(), " changes\n");
  for (const auto& operation : known.operations) {
    absl::StrAppend(&out, "  ", v1::BridgeOperation::State_Name(operation.state()), " ",
                    v1::BridgeOperation::Kind_Name(operation.kind()), " ", operation.device_id(),
                    " ", operation.app_id(), operation.target(), " ", operation.last_error(), "\n");
  }
  std::fputs(out.c_str(), stdout);
}

absl::Status Status(const StatusOptions& options) {
  MUSTER_ASSIGN_OR_RETURN(
      const std::unique_ptr<SqliteStore> store,
      SqliteStore::OpenReader(absl::StrCat(options.state_dir, "/", kDatabaseFile)));
  MUSTER_ASSIGN_OR_RETURN(const Known known, ReadKnown(*store));
  if (options.output == "json") {
    // What a UEM says need not be UTF-8.
    std::printf("%s\n",
                StatusJson(known).dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    PrintTable(known);
  }
  return absl::OkStatus();
}

}  // namespace

int RunStatus(const StatusOptions& options) {
  const absl::Status status = Status(options);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace muster::bridge

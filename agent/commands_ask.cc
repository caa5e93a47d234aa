// Questions to the running agent: status, explain, disarm.
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_state_store.h"
#include "agent/adapters/linux/control_socket.h"
#include "agent/commands.h"
#include "agent/domain/plain_text.h"
#include "agent/flow/agent.h"
#include "agent/flow/disarm.h"
#include "agent/witness_view.h"
#include "common/agent_limits.h"
#include "common/clock.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

using Json = nlohmann::ordered_json;

constexpr absl::Duration kAnswerTime = absl::Seconds(2);

std::string SocketOf(const std::string& state_dir) {
  return absl::StrCat(state_dir, "/", kSocketFile);
}

template <typename Strings>
Json Array(const Strings& strings) {
  Json out = Json::array();
  for (const std::string& s : strings) out.push_back(s);
  return out;
}

// null where there is no time.
Json TimeOrNull(bool has, const google::protobuf::Timestamp& t) {
  return has ? Json(TimeText(FromProto(t))) : Json(nullptr);
}

// Invalid UTF-8 in a package name must not end the program.
void Print(const Json& json) {
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

// What enforcement looks like from inside: the probes, the kernel, and who touched it.
void AddProof(const v1::AgentStatus& s, Json& out) {
  out["canaries"] = Json::array();
  for (const v1::Canary& c : s.canaries()) {
    out["canaries"].push_back({{"filesystem", c.filesystem()},
                               {"result", v1::Canary::Result_Name(c.result())},
                               {"detail", c.detail()},
                               {"at", TimeOrNull(c.has_at(), c.at())}});
  }
  out["capabilities"] = Array(s.capabilities());
  out["tampering"] = Json::array();
  for (const v1::Tampering& t : s.tampering()) {
    out["tampering"].push_back({{"at", TimeOrNull(t.has_at(), t.at())}, {"what", t.what()}});
  }
  out["monitor_until"] = TimeOrNull(s.has_monitor_until(), s.monitor_until());
  out["monitor_reason"] = s.monitor_reason();
  out["worker_restarts"] = s.worker_restarts();
}

Json StatusJson(const v1::AgentStatus& s, const std::optional<v1::SeenLog>& seen) {
  Json out;
  out["device_id"] = s.device_id();
  out["tenant"] = s.tenant();
  out["mode"] = v1::StatusReport::Mode_Name(s.mode());
  out["cannot_enforce"] = Array(s.cannot_enforce());
  out["warnings"] = Array(s.warnings());
  out["browser_files"] = Array(s.browser_files());
  out["marked_filesystems"] = Array(s.marked_filesystems());
  out["controller"] = s.controller();
  out["connected"] = s.connected();
  out["last_contact_at"] = TimeOrNull(s.has_last_contact_at(), s.last_contact_at());
  out["last_link_error"] = s.last_link_error();
  out["documents"] = Json::array();
  for (const v1::PolicyReport::InForce& f : s.documents()) {
    out["documents"].push_back(
        {{"name", f.name()}, {"version", f.version()}, {"sha256", f.sha256()}});
  }
  out["policy_not_after"] = TimeOrNull(s.has_policy_not_after(), s.policy_not_after());
  out["policy_stale"] = s.policy_stale();
  out["fresh_until"] = TimeOrNull(s.has_fresh_until(), s.fresh_until());
  out["stale_because"] = Array(s.stale_because());
  out["emergency_denied"] = Array(s.emergency_denied());
  out["alarms"] = Array(s.alarms());
  out["audit_log"] = SeenLogJson(seen);
  out["certificate_not_after"] =
      TimeOrNull(s.has_certificate_not_after(), s.certificate_not_after());
  out["disarmed_until"] = TimeOrNull(s.has_disarmed_until(), s.disarmed_until());
  out["disarm_reason"] = s.disarm_reason();
  out["reports_waiting"] = s.reports_waiting();
  out["execs_decided"] = s.execs_decided();
  out["execs_blocked"] = s.execs_blocked();
  out["catalogued_installed"] = Json::array();
  for (const v1::InventoryItem& i : s.catalogued_installed()) {
    out["catalogued_installed"].push_back({{"origin", v1::Origin::Kind_Name(i.origin())},
                                           {"package_id", i.package_id()},
                                           {"version", i.version()},
                                           {"app_id", i.app_id()}});
  }
  out["last_refused"] = s.last_refused();
  AddProof(s, out);
  return out;
}

void Row(const char* label, const std::string& value) {
  std::printf("%-22s %s\n", label, value.c_str());
}

void PrintProof(const v1::AgentStatus& s) {
  for (const v1::Canary& c : s.canaries()) {
    Row(c.result() == v1::Canary::RAN ? "NOT ENFORCED" : "probe",
        absl::StrCat(c.filesystem(), " ", v1::Canary::Result_Name(c.result()),
                     c.has_at() ? " at " + TimeText(FromProto(c.at())) : "",
                     c.detail().empty() ? "" : ": ", c.detail()));
  }
  for (const v1::Tampering& t : s.tampering()) {
    Row("TAMPERING", absl::StrCat(TimeText(FromProto(t.at())), " ", t.what()));
  }
  for (const std::string& text : s.capabilities()) Row("this kernel", text);
  if (s.worker_restarts() != 0) Row("worker restarts", absl::StrCat(s.worker_restarts()));
}

void PrintStatusTable(const v1::AgentStatus& s, const std::optional<v1::SeenLog>& seen) {
  Row("device", s.device_id());
  Row("tenant", s.tenant());
  Row("mode", v1::StatusReport::Mode_Name(s.mode()));
  if (s.has_disarmed_until()) {
    Row("disarmed until",
        absl::StrCat(TimeText(FromProto(s.disarmed_until())), " (", s.disarm_reason(), ")"));
  }
  if (s.has_monitor_until()) {
    Row("only monitors until",
        absl::StrCat(TimeText(FromProto(s.monitor_until())), " (", s.monitor_reason(), ")"));
  }
  Row("controller", absl::StrCat(s.controller(), s.connected() ? " (connected)" : " (offline)"));
  if (s.has_last_contact_at()) Row("last contact", TimeText(FromProto(s.last_contact_at())));
  if (!s.last_link_error().empty()) Row("not connected because", s.last_link_error());
  for (const v1::PolicyReport::InForce& f : s.documents()) {
    Row("document",
        absl::StrCat(f.name(), " version ", f.version(), " ", f.sha256().substr(0, 12)));
  }
  if (s.has_policy_not_after()) {
    Row(s.policy_stale() ? "policy ENDED" : "policy until",
        TimeText(FromProto(s.policy_not_after())));
  } else {
    Row("policy", "none yet: nothing is blocked until the controller has sent one");
  }
  if (s.has_fresh_until() && s.stale_because().empty()) {
    Row("proven current until", TimeText(FromProto(s.fresh_until())));
  }
  for (const std::string& why : s.stale_because()) Row("may be STALE", why);
  for (const std::string& id : s.emergency_denied()) Row("EMERGENCY DENY", id);
  for (const std::string& text : s.alarms()) Row("ALARM", text);
  for (const auto& [label, text] : SeenLogRows(seen)) Row(label.c_str(), text);
  if (s.has_certificate_not_after()) {
    Row("certificate until", TimeText(FromProto(s.certificate_not_after())));
  }
  if (!s.last_refused().empty()) Row("last refused", s.last_refused());
  Row("reports waiting", absl::StrCat(s.reports_waiting()));
  Row("starts decided", absl::StrCat(s.execs_decided(), ", blocked ", s.execs_blocked()));
  for (const v1::InventoryItem& i : s.catalogued_installed()) {
    Row("installed", absl::StrCat(i.app_id(), " (", v1::Origin::Kind_Name(i.origin()), " ",
                                  i.package_id(), " ", i.version(), ")"));
  }
  for (const std::string& path : s.marked_filesystems()) Row("watched filesystem", path);
  PrintProof(s);
  for (const std::string& file : s.browser_files()) Row("browser policy", file);
  for (const std::string& why : s.cannot_enforce()) Row("cannot enforce", why);
}

int PrintExplanation(const v1::Explanation& e, const std::string& output) {
  if (output == "json") {
    Json out;
    out["verdict"] = v1::Verdict::Kind_Name(e.verdict());
    out["reason"] = e.reason();
    out["chain"] = Json::array();
    for (const v1::Explanation::Link& l : e.chain()) {
      out["chain"].push_back(
          {{"condition", l.condition()}, {"holds", l.holds()}, {"detail", l.detail()}});
    }
    out["next_step"] = e.next_step();
    Print(out);
    return 0;
  }
  const auto plain = [](const std::string& text) {
    return PlainText(text, limits::kMaxExplainLineBytes);
  };
  std::printf("%s  %s\n", v1::Verdict::Kind_Name(e.verdict()).c_str(), plain(e.reason()).c_str());
  for (const v1::Explanation::Link& l : e.chain()) {
    std::printf("  %-3s  %s: %s\n", l.holds() ? "yes" : "no", plain(l.condition()).c_str(),
                plain(l.detail()).c_str());
  }
  std::printf("%s\n", plain(e.next_step()).c_str());
  return 0;
}

int PrintDisarm(const v1::DisarmReport& report, const std::string& output, bool offline) {
  const std::string until = TimeText(FromProto(report.until()));
  if (output == "json") {
    Json out;
    out["rearmed"] = report.rearmed();
    out["until"] = until;
    out["reason"] = report.reason();
    out["agent_answered"] = !offline;
    Print(out);
    return 0;
  }
  if (report.rearmed()) {
    std::printf("Armed again%s.\n", offline ? " from the agent's next start on" : "");
    return 0;
  }
  std::printf(
      "Disarmed until %s: nothing is blocked%s. Block again sooner with `muster-agent "
      "disarm --rearm --reason TEXT`.\n",
      until.c_str(), offline ? " (the agent did not answer; it starts disarmed)" : "");
  return 0;
}

// The agent does not answer: write what it will read at its next start, and end a process that
// hangs, so that whatever waits for it runs.
absl::StatusOr<v1::DisarmReport> DisarmOffline(const DisarmOptions& options) {
  FileStateStore store(options.state_dir);
  DisarmRequest request;
  request.reason = options.reason;
  request.duration = options.duration;
  request.rearm = options.rearm;
  request.by_uid = geteuid();
  request.by_account = "root";
  absl::StatusOr<v1::DisarmReport> report = MakeDisarm(request, SystemClock().Now());
  if (!report.ok()) return report.status();
  if (absl::Status saved = SaveDisarm(store, *report, false); !saved.ok()) return saved;
  if (const int pid = KillHolder(store); pid != 0) {
    std::fprintf(stderr, "muster-agent: ended process %d, which did not answer\n", pid);
  }
  return report;
}

}  // namespace

int RunStatus(const AskOptions& options) {
  v1::ControlRequest request;
  request.mutable_status();
  absl::StatusOr<v1::ControlReply> reply =
      AskAgent(SocketOf(options.state_dir), request, kAnswerTime);
  if (!reply.ok()) return Fail(reply.status());
  const absl::StatusOr<std::optional<v1::SeenLog>> read = ReadSeenLog(options.state_dir);
  // The rest is shown all the same.
  if (!read.ok()) std::fprintf(stderr, "muster-agent: %s\n", read.status().ToString().c_str());
  const std::optional<v1::SeenLog> seen = read.ok() ? *read : std::nullopt;
  if (options.output == "json") {
    Print(StatusJson(reply->status(), seen));
  } else {
    PrintStatusTable(reply->status(), seen);
  }
  return 0;
}

int RunExplain(const AskOptions& options, const std::string& app, const std::string& user) {
  v1::ControlRequest request;
  request.mutable_explain()->set_app_id(app);
  request.mutable_explain()->set_user(user);
  absl::StatusOr<v1::ControlReply> reply =
      AskAgent(SocketOf(options.state_dir), request, kAnswerTime);
  if (!reply.ok()) return Fail(reply.status());
  if (!reply->error().empty()) {
    std::fprintf(stderr, "muster-agent: %s\n", reply->error().c_str());
    return static_cast<int>(reply->exit_code());
  }
  return PrintExplanation(reply->explanation(), options.output);
}

int RunDisarm(const DisarmOptions& options) {
  v1::ControlRequest request;
  v1::ControlRequest::Disarm* disarm = request.mutable_disarm();
  disarm->set_reason(options.reason);
  disarm->set_rearm(options.rearm);
  *disarm->mutable_duration() = ToProto(options.duration);
  absl::StatusOr<v1::ControlReply> reply =
      AskAgent(SocketOf(options.state_dir), request, kAnswerTime);
  if (reply.ok()) {
    if (reply->error().empty()) return PrintDisarm(reply->disarm(), options.output, false);
    std::fprintf(stderr, "muster-agent: %s\n", reply->error().c_str());
    return static_cast<int>(reply->exit_code());
  }
  absl::StatusOr<v1::DisarmReport> report = DisarmOffline(options);
  if (!report.ok()) return Fail(report.status());
  return PrintDisarm(*report, options.output, true);
}

}  // namespace muster::agent

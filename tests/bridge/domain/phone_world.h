// One phone with one app, `chat`, for tables: what is not said is well.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bridge/domain/phone_state.h"
#include "common/time_proto.h"

namespace muster::bridge {

inline constexpr v1::Platform::Id kIos = v1::Platform::IOS, kAndroid = v1::Platform::ANDROID;
inline const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

inline absl::Time Ago(absl::Duration d) { return kNow - d; }

struct PhoneWorld {
  using App = v1::PhoneApp;
  using Op = v1::BridgeOperation;

  PhonePolicy policy;
  v1::PhoneRecord record;
  std::vector<std::pair<std::string, AppSetup>> setup;
  std::vector<Op> operations;

  // Supervised or fully managed, seen 2 h ago and read 1 h ago, with the app absent.
  explicit PhoneWorld(v1::Platform::Id platform = v1::Platform::IOS) {
    policy.platform = platform;
    AppRuling chat;
    chat.app_id = "chat";
    chat.name = "Chat";
    chat.verdict = v1::Verdict::BLOCK;
    chat.reason = "NO_GRANT";
    chat.words = "Ask the service desk.";
    chat.bundle_ids = {"com.chat", "com.chat.mod"};
    policy.apps = {chat};
    policy.by_bundle = {{"com.chat", 0}, {"com.chat.mod", 0}};
    record.set_device_id("phn-1");
    record.mutable_identity()->set_platform(platform);
    v1::PhoneFacts& facts = *record.mutable_facts();
    facts.set_enrolment(v1::PhoneFacts::ENROLLED);
    facts.set_management(platform == v1::Platform::IOS ? v1::PhoneFacts::SUPERVISED
                                                       : v1::PhoneFacts::DEVICE_OWNER);
    facts.set_os("17.4");
    *facts.mutable_last_seen_at() = ToProto(Ago(absl::Hours(2)));
    *facts.mutable_apps_read_at() = ToProto(Ago(absl::Hours(1)));
    *facts.mutable_enrolled_at() = ToProto(Ago(absl::Hours(1000)));
    ManagedApp managed;
    managed.app_id = "chat";
    managed.platform = platform;
    managed.uem_id = "7";
    managed.bundle_id = "com.chat";
    setup = {{"chat", {managed}}};
  }

  AppRuling& chat() { return policy.apps[0]; }
  v1::PhoneFacts& facts() { return *record.mutable_facts(); }

  PhoneWorld& Verdict(v1::Verdict::Kind kind, bool granted = false) {
    chat().verdict = kind;
    chat().granted = granted;
    chat().reason = granted ? "GRANT GRT-1" : v1::Verdict::Kind_Name(kind);
    if (granted) chat().transaction_id = "TXN-1";
    return *this;
  }
  v1::SampledApp& Sample(const std::string& reason, bool installed = true,
                         const std::string& id = "com.chat") {
    v1::SampledApp& app = *record.add_apps();
    app.set_bundle_id(id);
    app.set_version("1.2");
    app.set_installed(installed);
    app.set_assigned(reason == "Managed");
    app.set_reason(reason);
    return app;
  }
  PhoneWorld& Operation(Op::Kind kind, Op::State state, absl::Time sent_at = Ago(absl::Hours(4)),
                        const std::string& error = "") {
    Op& op = operations.emplace_back();
    op.set_kind(kind);
    op.set_state(state);
    op.set_device_id("phn-1");
    if (kind != Op::INSTALL_PROFILE) op.set_app_id("chat");
    if (kind == Op::INSTALL_PROFILE) op.set_payload_sha256(HiddenHash());
    if (state != Op::QUEUED) *op.mutable_sent_at() = ToProto(sent_at);
    op.set_last_error(error);
    return *this;
  }
  std::string HiddenHash() const {
    return policy.apps[0].verdict == v1::Verdict::BLOCK && !policy.apps[0].only_reports
               ? HiddenSha256(policy.apps[0].bundle_ids, policy.apps[0].web_hosts)
               : "";
  }
  // The UEM took the profile that hides the app.
  PhoneWorld& Profile(absl::Time at = Ago(absl::Hours(5))) {
    record.set_profile_sha256(HiddenSha256(chat().bundle_ids, chat().web_hosts));
    *record.mutable_profile_at() = ToProto(at);
    return *this;
  }
  App& Was(App::State state, const std::string& verdict) {
    App& app = *record.mutable_reported()->add_apps();
    app.set_app_id("chat");
    app.set_state(state);
    app.set_verdict(verdict);
    *app.mutable_since() = ToProto(Ago(absl::Hours(50)));
    return app;
  }
  PhoneView Judge() const { return JudgePhone(record, policy, setup, operations, kNow); }
};

}  // namespace muster::bridge

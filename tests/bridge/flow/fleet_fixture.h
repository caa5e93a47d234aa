// A bridge's engine over a UEM of one phone, as values.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <utility>

#include "bridge/domain/phone_reports.h"
#include "bridge/flow/fleet.h"
#include "common/phone_id.h"
#include "tests/bridge/memory_bridge_store.h"

namespace muster::bridge {

inline constexpr char kBundle[] = "net.whatsapp.WhatsApp";

// A UEM with one iPhone, on which it has installed WhatsApp.
struct OnePhoneUem {
  using Kind = UemCall::Kind;

  absl::Time seen_at, removed_at = absl::InfinitePast();
  bool installed = true, listed = true, found = true;
  int removals = 0, profiles = 0, lists = 0;
  absl::Status removal = absl::OkStatus();
  std::map<std::string, UemGroup> groups;
  std::string profile;        // on the phone
  bool lose_profile = false;  // the answers to profiles
  bool enrolled = true, sampled = true;
  int queries = 0, looks = 0;             // DeviceQuery; one phone by itself
  absl::Status query = absl::OkStatus();  // the answer to DeviceQuery
  bool gone_when_asked = false;        // the person has removed the app; the next sample shows it
  absl::Duration ahead;                // its clock
  std::optional<absl::Time> check_in;  // the last; unset: it is always connected

  UemPhone Phone() const {
    UemPhone out;
    out.identity.set_uem_id("u-1");
    out.identity.set_platform(v1::Platform::IOS);
    out.identity.set_user_name("jdoe");
    out.facts.set_enrolment(enrolled ? v1::PhoneFacts::ENROLLED : v1::PhoneFacts::UNENROLLED);
    out.facts.set_management(v1::PhoneFacts::SUPERVISED);
    out.facts.mutable_last_seen_at()->set_seconds(absl::ToUnixSeconds(seen_at));
    return out;
  }
  UemAnswer Do(const UemCall& call, absl::Time now) {
    seen_at = check_in.value_or(now) + ahead;
    UemAnswer out;
    out.uem_now = now + ahead;
    if (call.kind == Kind::kListPhones) {
      ++lists;
      if (listed) out.phones = {Phone()};
    } else if (call.kind == Kind::kGetPhone) {
      ++looks;
      if (found) out.phones = {Phone()};
      if (!found) out.status = absl::NotFoundError("5061");
    } else if (call.kind == Kind::kQueryPhone) {
      ++queries;
      out.status = query;
      if (gone_when_asked) installed = false;
    } else if (call.kind == Kind::kListApps && !sampled) {
    } else if (call.kind == Kind::kListApps || call.kind == Kind::kGetApp) {
      UemApp app;
      app.bundle_id = kBundle;
      app.installed = installed;
      app.assigned = true;
      app.reason = installed ? "Managed" : "";
      app.latest_action = removals > 0 ? "RemoveCommandSuccessful" : "";
      app.latest_action_at = removed_at;
      out.apps = {app};
    } else if (call.kind == Kind::kRemoveApp) {
      if (!removal.ok()) {
        out.status = removal;
        return out;
      }
      ++removals;
      installed = false;
      removed_at = now;
    } else if (call.kind == Kind::kInstallProfile) {
      ++profiles;
      profile = call.payload;
      if (lose_profile) {
        out.status = absl::UnavailableError("no answer");
        out.effect_unknown = true;
      }
    } else if (call.kind == Kind::kCreateAppGroup) {
      UemGroup made = call.group;
      made.id = made.name;
      out.group = groups[made.name] = made;
    } else if (call.kind == Kind::kFindAppGroup || call.kind == Kind::kGetAppGroup) {
      const auto it =
          groups.find(call.kind == Kind::kFindAppGroup ? call.group.name : call.group.id);
      if (it != groups.end()) out.group = it->second;
    } else if (call.kind == Kind::kRemoveFromAppGroup) {
      std::vector<std::string>& ids = groups[call.group.id].bundle_ids;
      for (const std::string& id : call.group.bundle_ids) std::erase(ids, id);
    }
    return out;
  }
};

inline PhonePolicyPtr BlockedPolicy() {
  auto out = std::make_shared<PhonePolicy>();
  out->platform = v1::Platform::IOS;
  out->cohort_version = 1;
  AppRuling app;
  app.app_id = "whatsapp";
  app.name = "WhatsApp";
  app.verdict = v1::Verdict::BLOCK;
  app.reason = "NO_GRANT";
  app.bundle_ids = {kBundle};
  out->apps = {app};
  out->by_bundle[kBundle] = 0;
  return out;
}

class FleetTest : public ::testing::Test {
 protected:
  void Start() {
    FleetOptions options;
    options.tenant = "t";
    options.bridge_id = "b";
    AppConfig app;
    app.app_id = "whatsapp";
    app.ios = ManagedApp{"whatsapp", v1::Platform::IOS, ManagedApp::Kind::kPublic, "7", kBundle};
    options.apps = {app};
    if (signs_until_ != absl::InfiniteFuture()) {
      options.sign_profile = [this](const std::string& profile,
                                    absl::Time now) -> absl::StatusOr<std::string> {
        if (now < signs_until_) return "signed " + profile;
        return absl::FailedPreconditionError("the certificate is too old");
      };
    }
    FleetEvents events;
    events.appeared = [this](const v1::PhoneRecord&) { ++appeared_; };
    events.left = [this](const std::string&) { ++left_; };
    events.changed = [this](const PhoneChange& change) {
      report_ = change.report;
      ++reports_;
    };
    fleet_ = std::make_unique<Fleet>(std::move(options), &store_, std::move(events));
    (void)fleet_->Load(now_);
    fleet_->SetPolicy(id_, BlockedPolicy(), now_);
  }
  void Kill() {
    fleet_.reset();
    store_.Crash();
    Start();
  }
  // `lose`: the call that is killed, counted from 0, before or after its effect.
  void Run(absl::Duration time, int lose = -1, bool after_effect = false) {
    for (const absl::Time end = now_ + time; now_ < end; now_ += absl::Seconds(5)) {
      fleet_->SetPolicy(id_, policy_, now_);
      for (int i = 0; i < 50; ++i) {
        const auto call = fleet_->Next(now_);
        if (store_.dead()) Kill();
        if (!call.ok() || !call->has_value()) break;
        const bool lost = lose >= 0 && calls_++ == lose;
        if (lost && !after_effect) {
          Kill();
          break;
        }
        const UemAnswer answer = uem_.Do(**call, now_);
        if (lost) {
          Kill();
          break;
        }
        fleet_->Answer(**call, answer, now_);
      }
    }
  }

  bool ProfileShown() const {
    for (const v1::Canary& canary : fleet_->Canaries(id_, now_)) {
      if (canary.filesystem() == kProfileProbe) return canary.result() == v1::Canary::BLOCKED;
    }
    return false;
  }

  MemoryBridgeStore store_;
  OnePhoneUem uem_;
  PhonePolicyPtr policy_ = BlockedPolicy();
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  const std::string id_ = PhoneDeviceId("t", "b", "u-1");
  std::unique_ptr<Fleet> fleet_;
  v1::PhoneReport report_;
  absl::Time signs_until_ = absl::InfiniteFuture();  // then profiles go unsigned
  int appeared_ = 0, left_ = 0, reports_ = 0, calls_ = 0;
};

}  // namespace muster::bridge

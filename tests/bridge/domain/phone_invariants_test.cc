// What holds in every combination of what can be known of a phone.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "tests/bridge/domain/phone_world.h"

namespace muster::bridge {
namespace {

using App = v1::PhoneApp;
using Facts = v1::PhoneFacts;
using Op = v1::BridgeOperation;

// Digits of a number in mixed radix: each call takes one.
class Digits {
 public:
  explicit Digits(uint64_t n) : n_(n) {}
  int Take(int radix) {
    const int out = static_cast<int>(n_ % radix);
    n_ /= radix;
    return out;
  }
  bool over() const { return n_ != 0; }

 private:
  uint64_t n_;
};

void SetPolicy(Digits& d, PhoneWorld& w) {
  constexpr v1::Verdict::Kind kVerdicts[] = {v1::Verdict::BLOCK, v1::Verdict::ALLOW,
                                             v1::Verdict::ALLOW_EXPORT_ONLY, v1::Verdict::REPORT};
  const v1::Verdict::Kind verdict = kVerdicts[d.Take(4)];
  w.Verdict(verdict, verdict == v1::Verdict::ALLOW);
  w.chat().holds_records = d.Take(2) == 1;
  w.policy.stale = d.Take(2) == 1;
  if (d.Take(2) == 1) w.setup.clear();
}

void SetFacts(Digits& d, PhoneWorld& w) {
  const int management = d.Take(8);
  if (management < 7) {
    w.facts().set_management(static_cast<Facts::Management>(management));
  } else {
    w.facts().set_enrolment(Facts::UNENROLLED);
  }
  w.facts().set_personal_apps_hidden(d.Take(2) == 1);
  switch (d.Take(4)) {
    case 1:
      w.facts().clear_apps_read_at();
      break;
    case 2:
      *w.facts().mutable_apps_read_at() = ToProto(Ago(absl::Hours(60)));
      break;
    case 3:
      *w.facts().mutable_last_seen_at() = ToProto(Ago(absl::Hours(200)));
      break;
  }
}

void SetSample(Digits& d, PhoneWorld& w) {
  constexpr const char* kReasons[] = {"", "Managed", "UserInstalledApp", "ManagedButUninstalled"};
  const int reason = d.Take(4);
  if (reason > 0) w.Sample(kReasons[reason], /*installed=*/reason < 3);
}

// One operation at most, before or after the facts.
void SetOperation(Digits& d, PhoneWorld& w) {
  constexpr Op::Kind kKinds[] = {Op::INSTALL_APP, Op::REMOVE_APP, Op::INSTALL_PROFILE};
  constexpr Op::State kStates[] = {Op::QUEUED, Op::SENT, Op::ACCEPTED, Op::REFUSED};
  const int which = d.Take(13);
  const absl::Time at = d.Take(2) == 1 ? Ago(absl::Minutes(30)) : Ago(absl::Hours(4));
  if (which > 0) w.Operation(kKinds[(which - 1) / 4], kStates[(which - 1) % 4], at, "no");
}

void SetProfile(Digits& d, PhoneWorld& w) {
  switch (d.Take(4)) {
    case 1:
      w.Profile();
      break;
    case 2:
      w.Profile(Ago(absl::Minutes(90)));  // not seen since
      break;
    case 3:
      w.Profile().record.set_profile_sha256("another");
      break;
  }
}

bool Hides(const PhoneWorld& w) {
  const Facts& f = w.record.facts();
  return w.policy.platform == v1::Platform::IOS && f.enrolment() == Facts::ENROLLED &&
         f.management() == Facts::SUPERVISED;
}

bool HideShown(const PhoneWorld& w) {
  return Hides(w) && w.record.profile_sha256() == w.HiddenHash() &&
         FromProto(w.record.facts().last_seen_at()) > FromProto(w.record.profile_at());
}

void CheckCompliant(const PhoneWorld& w, const App& app) {
  const Facts& f = w.record.facts();
  ASSERT_EQ(f.enrolment(), Facts::ENROLLED);
  ASSERT_TRUE(f.has_apps_read_at() && f.has_last_seen_at());
  ASSERT_LE(kNow - FromProto(f.apps_read_at()), limits::kPhoneFactsLife);
  ASSERT_LE(kNow - FromProto(f.last_seen_at()), limits::kPhoneSeenLife);
  for (const Op& op : w.operations) {
    if (op.state() != Op::SENT && op.state() != Op::ACCEPTED) continue;
    const bool older = FromProto(f.last_seen_at()) <= FromProto(op.sent_at());
    if (op.kind() == Op::REMOVE_APP && app.verdict() == "BLOCK") {
      ASSERT_FALSE(older);
    }
    if (op.kind() == Op::INSTALL_APP && app.wanted() == App::INSTALLED &&
        app.presence() == App::MANAGED) {
      ASSERT_FALSE(older);
    }
  }
  if (app.verdict() != "BLOCK") return;
  ASSERT_EQ(CannotEnforce(w.policy.platform, f), "");
  if (Hides(w)) {
    ASSERT_TRUE(HideShown(w));
  }
  ASSERT_TRUE(app.presence() == App::ABSENT || app.presence() == App::HIDDEN);
  ASSERT_FALSE(app.presence() == App::ABSENT && f.personal_apps_hidden());
}

void CheckWorld(const PhoneWorld& w) {
  const PhoneView view = w.Judge();
  ASSERT_EQ(view.apps.size(), 1u);
  const App& app = view.apps[0];
  ASSERT_NE(app.state(), App::UNSPECIFIED);
  ASSERT_TRUE(app.has_since());
  const bool block = app.verdict() == "BLOCK";
  if (app.state() == App::COMPLIANT) {
    CheckCompliant(w, app);
  } else {
    ASSERT_GT(app.why().size(), 20u);
  }
  const bool cannot = !CannotEnforce(w.policy.platform, w.record.facts()).empty();
  if (block && cannot) {
    ASSERT_EQ(app.state(), App::NOT_ENFORCEABLE);
  }
  for (const WantedAction& action : view.actions) {
    ASSERT_EQ(w.record.facts().enrolment(), Facts::ENROLLED);
    if (action.kind == WantedAction::Kind::kRemove) {
      ASSERT_TRUE(block);
      ASSERT_FALSE(w.policy.apps[0].holds_records);
      ASSERT_EQ(w.record.apps(0).reason(), "Managed");
    } else {
      ASSERT_TRUE(w.policy.apps[0].granted);
    }
  }
  // A block is acted on, or hidden, or its reason is told.
  if (block && app.state() != App::COMPLIANT) {
    ASSERT_TRUE(!view.actions.empty() || view.hides || !app.why().empty());
  }
  ASSERT_EQ(view.hides, Hides(w));
  ASSERT_EQ(!view.hidden_bundle_ids.empty(), block && Hides(w));
  const bool unfit = app.state() == App::VIOLATION || app.state() == App::PENDING;
  ASSERT_EQ(view.distance, unfit ? 1u : 0u);
  const bool left =
      app.verdict() == "ALLOW_EXPORT_ONLY" || (block && w.policy.apps[0].holds_records);
  ASSERT_EQ(app.wanted() == App::LEFT, left);
  if (w.policy.stale && app.verdict() != "REPORT") {
    ASSERT_NE(app.why().find("The signed policy of this phone has ended"), std::string::npos);
  }
}

TEST(PhoneInvariants, HoldInEveryCombination) {
  uint64_t count = 0;
  for (uint64_t n = 0;; ++n) {
    Digits d(n);
    PhoneWorld w(d.Take(2) == 0 ? v1::Platform::IOS : v1::Platform::ANDROID);
    SetPolicy(d, w);
    SetFacts(d, w);
    SetSample(d, w);
    SetProfile(d, w);
    SetOperation(d, w);
    if (d.over()) break;
    CheckWorld(w);
    ++count;
    if (HasFatalFailure()) {
      FAIL() << "combination " << n << ":\n"
             << w.record.ShortDebugString() << "\n"
             << (w.operations.empty() ? "" : w.operations[0].ShortDebugString()) << "\n"
             << w.Judge().apps[0].ShortDebugString();
    }
  }
  EXPECT_EQ(count, uint64_t{2} * (4 * 2 * 2 * 2) * (8 * 2 * 4) * 4 * 4 * (13 * 2));
}

}  // namespace
}  // namespace muster::bridge

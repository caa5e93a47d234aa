// What devices say of the audit log, held against the log there is.
#include "controller/flow/witness.h"

#include "absl/strings/match.h"
#include "common/log_limits.h"
#include "controller/flow/device_alarms.h"
#include "tests/controller/flow/witness_world.h"

namespace muster {
namespace {

TEST_F(WitnessTest, AHelloIsHeldAgainstTheLog) {
  Grow(300);
  const LogHead head = Head(), early = HeadAt(7);
  const LogHead ahead = {head.size + 5, early.root}, other = {7, head.root},
                equal = {head.size, early.root};
  struct Case {
    v1::Hello hello;
    std::string alarm;
  };
  const Case kCases[] = {
      {v1::Hello(), ""},
      {HelloOf(head), ""},
      {HelloOf(early), ""},
      {HelloOf(early, 0), ""},  // of an epoch before, and this log goes on
      {HelloOf(early, 2), ""},
      {HelloOf(ahead, 0), ""},  // the log may have begun anew since
      {HelloOf(other, 0), ""},
      {HelloOf(ahead),
       absl::StrCat("AUDIT_LOG_BEHIND the device has seen ", ahead.size,
                    " entries of the audit log, and there are ", head.size,
                    ": the store was put back to an older copy, or its end was cut off; keep a "
                    "copy of the store for the auditors, and see `musterctl audit verify`")},
      {HelloOf(other),
       "AUDIT_LOG_FORKED the first 7 entries of the audit log are not those that the device has "
       "seen: entries were changed, or the store was put back and went on from there; keep a copy "
       "of the store for the auditors, and see `musterctl audit verify`"},
      {HelloOf(equal),
       absl::StrCat("AUDIT_LOG_FORKED the first ", equal.size,
                    " entries of the audit log are not those that the device has seen: entries "
                    "were changed, or the store was put back and went on from there; keep a copy "
                    "of the store for the auditors, and see `musterctl audit verify`")},
  };
  for (const Case& c : kCases) {
    clock_.Advance(limits::kAlarmInterval);
    const size_t before = DeviceAlarms().size(), audited = Audited("device.alarm").size();
    const absl::Status status = CheckSeenLog(*services_, laptop_.id, c.hello);
    ASSERT_TRUE(status.ok()) << status;
    const auto alarms = DeviceAlarms();
    ASSERT_EQ(alarms.size() - before, c.alarm.empty() ? 0u : 1u);
    ASSERT_EQ(Audited("device.alarm").size() - audited, alarms.size() - before);
    if (c.alarm.empty()) continue;
    EXPECT_TRUE(absl::StartsWith(alarms.back(), c.alarm.substr(0, 17)));
    // Heard again within the hour, it is told once.
    ASSERT_TRUE(CheckSeenLog(*services_, laptop_.id, c.hello).ok());
    EXPECT_EQ(DeviceAlarms().size(), alarms.size());
  }
  EXPECT_EQ(DeviceAlarms().at(0), kCases[7].alarm);
  EXPECT_EQ(DeviceAlarms().at(1), kCases[8].alarm);
  EXPECT_EQ(Audited("device.alarm").at(0).reason_code(), "AUDIT_LOG_BEHIND");
  v1::Hello bad = HelloOf(head);
  bad.set_audit_root("short");
  EXPECT_EQ(CheckSeenLog(*services_, laptop_.id, bad).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(WitnessTest, AReportIsKeptAndARefusalIsAnAlarm) {
  const Checkpoint first = {"agency/audit", 3, HeadAt(3).root},
                   second = {"agency/audit", 4, HeadAt(4).root};
  v1::WitnessReport report;
  report.set_checkpoint(Note(first));
  ASSERT_TRUE(Report(report).ok());
  v1::AuditWitness want;
  want.set_device_id(laptop_.id);
  want.set_checkpoint(Note(first));
  *want.mutable_at() = ToProto(clock_.Now());
  EXPECT_EQ(Witness()->DebugString(), want.DebugString());
  // The same again writes nothing of it.
  clock_.Advance(absl::Hours(24));
  ASSERT_TRUE(Report(report).ok());
  EXPECT_EQ(Witness()->DebugString(), want.DebugString());
  report.set_checkpoint(Note(second));
  ASSERT_TRUE(Report(report).ok());
  want.set_checkpoint(Note(second));
  *want.mutable_at() = ToProto(clock_.Now());
  EXPECT_EQ(Witness()->DebugString(), want.DebugString());
  EXPECT_EQ(DeviceAlarms(), std::vector<std::string>{});

  const std::string forked = Note({"agency/audit", 9, Sha256("rewritten")});
  clock_.Advance(absl::Hours(24));
  report.set_refused_checkpoint(forked);
  report.set_refused_code("INCONSISTENT");
  report.set_refused_detail("it does not go on");
  ASSERT_TRUE(Report(report).ok());
  want.set_refused_checkpoint(forked);
  want.set_refused_code("INCONSISTENT");
  want.set_refused_detail("it does not go on");
  *want.mutable_at() = *want.mutable_refused_at() = ToProto(clock_.Now());
  EXPECT_EQ(Witness()->DebugString(), want.DebugString());
  const std::vector<std::string> alarms = {
      "AUDIT_LOG_FORKED the device refused a head of the audit log, INCONSISTENT: it does not go "
      "on; the log's own key signed it, for 9 entries"};
  EXPECT_EQ(DeviceAlarms(), alarms);
  ASSERT_EQ(Audited("device.alarm").size(), 1u);
  EXPECT_EQ(Audited("device.alarm")[0].reason_code(), "AUDIT_LOG_FORKED");
  // While it stands it is told again, and is no new alarm; nor is it forgotten afterwards.
  clock_.Advance(absl::Hours(24));
  ASSERT_TRUE(Report(report).ok());
  report.clear_refused_checkpoint();
  report.clear_refused_code();
  report.clear_refused_detail();
  ASSERT_TRUE(Report(report).ok());
  EXPECT_EQ(Witness()->DebugString(), want.DebugString());
  EXPECT_EQ(DeviceAlarms(), alarms);
}

TEST_F(WitnessTest, WhatKindOfRefusalAndWhoSigned) {
  const std::string junk = "agency/audit\n1\nAAAA\n\n— nobody AAAA\n";
  const std::string long_detail = std::string(limits::kMaxReasonBytes - 1, 'x') + "\u00e4\u00e4";
  struct Case {
    std::string code, note, detail, want;
  };
  const Case kCases[] = {
      {"ROLLBACK", Note({"agency/audit", 1, HeadAt(1).root}), "fewer",
       "AUDIT_LOG_BEHIND the device refused a head of the audit log, ROLLBACK: fewer; the log's "
       "own key signed it, for 1 entries"},
      {"EQUIVOCATION", Note({"bureau/audit", 1, HeadAt(1).root}), "two",
       "AUDIT_LOG_FORKED the device refused a head of the audit log, EQUIVOCATION: two; no key of "
       "the log that is in force signed it ("},
      {"EPOCH", junk, "anew",
       "AUDIT_LOG_FORKED the device refused a head of the audit log, EPOCH: anew; no key of the "
       "log that is in force signed it ("},
      {"INCONSISTENT", "", long_detail,
       absl::StrCat("AUDIT_LOG_FORKED the device refused a head of the audit log, INCONSISTENT: ",
                    long_detail.substr(0, limits::kMaxReasonBytes - 1), "; no key")},
  };
  for (const Case& c : kCases) {
    clock_.Advance(limits::kAlarmInterval);
    v1::WitnessReport report;
    report.set_refused_code(c.code);
    report.set_refused_checkpoint(c.note);
    report.set_refused_detail(c.detail);
    ASSERT_TRUE(Report(report).ok());
    ASSERT_FALSE(DeviceAlarms().empty());
    EXPECT_TRUE(absl::StartsWith(DeviceAlarms().back(), c.want)) << DeviceAlarms().back();
  }
  // Too long for a note: nothing of it is taken, and the next report still is.
  const uint64_t revision = store_->Read()->revision();
  TestDevice unheard = laptop_;
  for (const bool refused : {false, true}) {
    laptop_ = unheard;
    v1::WitnessReport big;
    (refused ? big.mutable_refused_checkpoint() : big.mutable_checkpoint())
        ->assign(limits::kMaxNoteBytes + 1, 'x');
    EXPECT_EQ(Report(big).code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(store_->Read()->revision(), revision);
  laptop_ = unheard;
  EXPECT_TRUE(Report(v1::WitnessReport()).ok());
}

TEST_F(WitnessTest, WhatNobodySignedIsNoEvidence) {
  const std::string good = Note({"agency/audit", 3, HeadAt(3).root});
  const std::string junk = "agency/audit\n1\nAAAA\n\n\u2014 nobody AAAA\n";
  v1::WitnessReport report;
  report.set_checkpoint(good);
  ASSERT_TRUE(Report(report).ok());
  report.set_checkpoint(junk);
  report.set_refused_checkpoint(junk);
  report.set_refused_code("INCONSISTENT");
  ASSERT_TRUE(Report(report).ok());
  EXPECT_EQ(Witness()->checkpoint(), good);
  EXPECT_EQ(Witness()->refused_checkpoint(), "");
  EXPECT_EQ(Witness()->refused_code(), "INCONSISTENT");
  const auto alarms = DeviceAlarms();
  ASSERT_FALSE(alarms.empty());
  EXPECT_TRUE(absl::StrContains(alarms.front(), "no key of the log ever signed")) << alarms.front();
}

TEST_F(WitnessTest, ARefusedBeaconAlarmsWhenTheLogIsWhy) {
  struct Case {
    std::string name, code, detail;
    std::optional<v1::Alarm::Code> want;
  };
  const Case kCases[] = {
      {"beacon", "INCONSISTENT", "", v1::Alarm::AUDIT_LOG_FORKED},
      {"beacon", "EQUIVOCATION", "the audit log of 5 entries", v1::Alarm::AUDIT_LOG_FORKED},
      {"beacon", "ROLLBACK", "the audit log has 3 entries", v1::Alarm::AUDIT_LOG_BEHIND},
      {"beacon", "EQUIVOCATION", "beacon 7 with other bytes", std::nullopt},
      {"beacon", "ROLLBACK", "beacon 7 after 8", std::nullopt},
      {"beacon", "NOT_NAMED", "no proof that the audit log continues", std::nullopt},
      {"root", "INCONSISTENT", "the audit log", std::nullopt},
  };
  for (const Case& c : kCases) {
    v1::Nack nack;
    nack.set_name(c.name);
    nack.set_code(c.code);
    nack.set_detail(c.detail);
    EXPECT_EQ(LogAlarmOf(nack), c.want) << c.name << " " << c.code << " " << c.detail;
    clock_.Advance(limits::kAlarmInterval);
    const int before = DeviceNow().alarms_size();
    ASSERT_TRUE(RecordNack(*services_, laptop_.id, nack).ok());
    const std::optional<v1::Alarm::Code> want =
        !c.want && c.code == "EQUIVOCATION" ? v1::Alarm::POLICY_FORKED : c.want;
    ASSERT_EQ(DeviceNow().alarms_size() - before, want ? 1 : 0);
    if (want) {
      EXPECT_EQ(DeviceNow().alarms(before).code(), *want);
    }
  }
}

}  // namespace
}  // namespace muster

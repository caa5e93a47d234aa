// Tokens, reports and published documents.
#include <gtest/gtest.h>

#include "controller/flow/device_alarms.h"
#include "tests/controller/flow/world.h"
#include "tests/support/test_device.h"

namespace muster {
namespace {

class DevicesTest : public World {
 protected:
  DevicesTest() {
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
  }
  std::string Token(absl::Duration ttl = absl::Hours(1),
                    v1::Platform::Id platform = v1::Platform::LINUX) {
    return CreateToken(*services_, Who("soc"),
                       {.platform = platform,
                        .owner_upn = "alice@agency.test",
                        .group = "field-office",
                        .ttl = ttl},
                       false)
        ->token;
  }
  absl::StatusOr<EnrolledDevice> EnrolWith(const std::string& token, TestDevice& device) {
    auto out = EnrollDevice(*services_, *ca_,
                            {.token = token,
                             .csr_der = MakeCsr(device.key),
                             .hostname = "laptop",
                             .platform = v1::Platform::LINUX,
                             .local_accounts = {"bob", "root"},
                             .from = "test"});
    if (out.ok()) device.id = out->device.device_id();
    Settle();
    return out;
  }
  TestDevice Enrolled() {
    TestDevice device;
    const auto out = EnrolWith(Token(), device);
    EXPECT_TRUE(out.ok()) << out.status();
    return device;
  }
  v1::Device DeviceNow(const std::string& id) { return LoadDevice(*store_->Read(), id)->value; }
  std::vector<std::string> Verbs() {
    std::vector<std::string> out;
    for (const auto found = store_->Read()->Scan("audit/", "", 1'000);
         const Record& record : *found) {
      v1::AuditRecord stored;
      v1::AuditEntry entry;
      EXPECT_TRUE(stored.ParseFromString(record.bytes) && entry.ParseFromString(stored.entry()));
      out.push_back(entry.verb());
    }
    return out;
  }
  int CountVerb(const std::string& verb) {
    const auto verbs = Verbs();
    return static_cast<int>(std::count(verbs.begin(), verbs.end(), verb));
  }
};

TEST_F(DevicesTest, TokensAreSingleUseAndExpire) {
  TestDevice first, second, late, phone, unknown;
  const std::string token = Token();
  EXPECT_TRUE(EnrolWith(token, first).ok());
  const auto used = EnrolWith(token, second).status();
  EXPECT_EQ(used.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(used.message().find("already used"), std::string::npos);
  const std::string expiring = Token(absl::Minutes(1));
  clock_.Advance(absl::Minutes(1));
  const auto expired = EnrolWith(expiring, late).status();
  EXPECT_EQ(expired.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(expired.message().find("expired"), std::string::npos);
  EXPECT_EQ(EnrolWith(Token(absl::Hours(1), v1::Platform::IOS), phone).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(EnrolWith("mst-nothing", unknown).status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(EnrolledDevices(*store_->Read())->size(), 1u);
}

TEST_F(DevicesTest, TheTokenItselfIsNotStored) {
  const std::string token = Token();
  for (const char* prefix : {"token/", "audit/"}) {
    for (const auto found = store_->Read()->Scan(prefix, "", 1'000); const Record& r : *found) {
      EXPECT_EQ(r.key.find(token), std::string::npos);
      EXPECT_EQ(r.bytes.find(token), std::string::npos);
    }
  }
}

TEST_F(DevicesTest, ABadRequestLeavesTheTokenUnspent) {
  const std::string token = Token();
  EXPECT_EQ(EnrollDevice(*services_, *ca_,
                         {.token = token,
                          .csr_der = "garbage",
                          .hostname = "x",
                          .platform = v1::Platform::LINUX,
                          .local_accounts = {},
                          .from = ""})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  TestDevice device;
  EXPECT_TRUE(EnrolWith(token, device).ok());
}

TEST_F(DevicesTest, PersonsAreTheOwnerAndLocalDirectoryAccounts) {
  const TestDevice laptop = Enrolled();
  std::vector<std::string> names;
  for (const auto found = PersonsOfDevice(*store_->Read(), DeviceNow(laptop.id));
       const auto& p : *found) {
    names.push_back(p.account_name());
  }
  EXPECT_EQ(names, std::vector<std::string>({"alice", "bob"}));
  const auto bob = LoadPersonByUpn(*store_->Read(), "bob@agency.test");
  EXPECT_EQ(*DevicesOfPerson(*store_->Read(), *bob), std::set<std::string>({laptop.id}));
}

v1::Report Inventory(bool full, const std::vector<std::string>& installed,
                     const std::vector<std::string>& removed, const char* account = "") {
  v1::Report report;
  auto* inventory = report.mutable_inventory();
  inventory->set_full(full);
  for (const std::string& id : installed) {
    auto* item = inventory->add_installed();
    item->set_origin(v1::Origin::DPKG);
    item->set_package_id(id);
    item->set_account_name(account);
    if (id == "whatsapp") item->set_app_id("whatsapp");
  }
  for (const std::string& id : removed) {
    auto* item = inventory->add_removed();
    item->set_origin(v1::Origin::DPKG);
    item->set_package_id(id);
    item->set_account_name(account);
  }
  return report;
}

TEST_F(DevicesTest, InventoryIsReplacedByFullAndPatchedByChanges) {
  TestDevice laptop = Enrolled();
  const auto send = [&](const v1::Report& report) {
    const auto outcome = IngestReport(*services_, laptop.id, laptop.Sign(report), {});
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    EXPECT_EQ(outcome->acked_seq, laptop.seq);
  };
  const auto items = [&] {
    std::vector<std::string> out;
    const auto known = Find<v1::DeviceInventory>(*store_->Read(), InventoryKey(laptop.id)).value();
    for (const auto& item : known->value.items()) out.push_back(item.package_id());
    return out;
  };
  const auto installed = [&] {
    return store_->Read()->Get(InstalledKey("whatsapp", laptop.id))->has_value();
  };
  using Ids = std::vector<std::string>;
  send(Inventory(true, {"bash", "vim"}, {}));
  EXPECT_EQ(items(), Ids({"bash", "vim"}));
  send(Inventory(false, {"whatsapp"}, {"vim"}));
  EXPECT_EQ(items(), Ids({"bash", "whatsapp"}));
  EXPECT_TRUE(installed());
  EXPECT_EQ(CountVerb("app.installed"), 1);
  send(Inventory(true, {"bash"}, {}));
  EXPECT_EQ(items(), Ids({"bash"}));
  EXPECT_FALSE(installed());
  EXPECT_EQ(CountVerb("app.removed"), 1);
  send(Inventory(true, {"whatsapp"}, {}, "alice"));
  send(Inventory(false, {"whatsapp"}, {}, "bob"));
  send(Inventory(false, {}, {"whatsapp"}, "alice"));
  EXPECT_EQ(items(), Ids({"whatsapp"}));
  EXPECT_TRUE(installed()) << "gone from one of two homes";
  send(Inventory(false, {}, {"whatsapp"}, "bob"));
  EXPECT_EQ(CountVerb("app.removed"), 2);
  EXPECT_EQ(CountVerb("report.chain-break"), 0);
}

TEST_F(DevicesTest, AReportIsStoredOnceAndAckedAgain) {
  TestDevice laptop = Enrolled();
  const v1::SignedDoc report = laptop.Sign(Inventory(false, {"whatsapp"}, {}));
  EXPECT_EQ(IngestReport(*services_, laptop.id, report, {})->acked_seq, 1u);
  const int before = store_->commits();
  EXPECT_EQ(IngestReport(*services_, laptop.id, report, {})->acked_seq, 1u);
  EXPECT_EQ(store_->commits(), before);
}

TEST_F(DevicesTest, GapsAndForgeriesShow) {
  TestDevice laptop = Enrolled(), other;
  other.id = laptop.id;
  EXPECT_EQ(
      IngestReport(*services_, laptop.id, other.Sign(Inventory(true, {}, {})), {}).status().code(),
      absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(DeviceNow(laptop.id).last_report_seq(), 0u);
  laptop.Sign(Inventory(true, {}, {}));  // Never sent.
  EXPECT_TRUE(IngestReport(*services_, laptop.id, laptop.Sign(Inventory(true, {}, {})), {}).ok());
  EXPECT_EQ(CountVerb("report.chain-break"), 1);
  v1::Report dropped = Inventory(true, {}, {});
  dropped.set_dropped_before(3);
  EXPECT_TRUE(IngestReport(*services_, laptop.id, laptop.Sign(dropped), {}).ok());
  EXPECT_EQ(CountVerb("report.dropped"), 1);
  EXPECT_EQ(DeviceNow(laptop.id).reports_dropped(), 3u);
}

TEST_F(DevicesTest, ARetiredDeviceIsRefused) {
  TestDevice laptop = Enrolled();
  ASSERT_TRUE(RetireDevice(*services_, Who("soc"), laptop.id, "lost", false).ok());
  EXPECT_EQ(
      IngestReport(*services_, laptop.id, laptop.Sign(Inventory(true, {}, {})), {}).status().code(),
      absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(RetireDevice(*services_, Who("soc"), laptop.id, "lost", false).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(*PublishAssignment(*services_, signer_, laptop.id), nullptr);
  const auto alice = LoadPersonByUpn(*store_->Read(), "alice@agency.test");
  EXPECT_TRUE(DevicesOfPerson(*store_->Read(), *alice)->empty());
}

TEST_F(DevicesTest, ADisarmIsAuditedWithItsReason) {
  TestDevice laptop = Enrolled();
  v1::Report report;
  report.mutable_disarm()->set_reason("wrong block of payroll");
  *report.mutable_disarm()->mutable_until() = ToProto(clock_.Now() + absl::Minutes(30));
  ASSERT_TRUE(IngestReport(*services_, laptop.id, laptop.Sign(report), {}).ok());
  EXPECT_EQ(CountVerb("device.disarm"), 1);
  EXPECT_TRUE(DeviceNow(laptop.id).has_disarmed_until());
  report.mutable_disarm()->set_rearmed(true);
  ASSERT_TRUE(IngestReport(*services_, laptop.id, laptop.Sign(report), {}).ok());
  EXPECT_FALSE(DeviceNow(laptop.id).has_disarmed_until());
}

TEST_F(DevicesTest, DocumentsAreReissuedOnlyWhenTheyChangeOrAge) {
  const TestDevice laptop = Enrolled();
  const auto version = [&] {
    return (*PublishAssignment(*services_, signer_, laptop.id))->version;
  };
  EXPECT_EQ(version(), 1u);
  EXPECT_EQ(version(), 1u);
  clock_.Advance(limits::kAssignmentLife / 2);
  EXPECT_EQ(version(), 2u);
  EXPECT_EQ(version(), 2u);
  ASSERT_TRUE(ApproveBy("soc", SubmitFor("bob")->request_id()).ok());
  Settle();
  EXPECT_EQ(version(), 3u);
  EXPECT_EQ(PublishCohort(*services_, signer_, v1::Platform::LINUX)->target->name, "cohort/linux");
  // Nothing there.
  EXPECT_EQ(PublishCohort(*services_, signer_, v1::Platform::IOS)->target, nullptr);
}

TEST_F(DevicesTest, AnEmptyCatalogueIsNeverPublished) {
  TempDir dir;
  FaultyStore empty(*RocksDbStore::Open(dir.File("db")));
  const Services services{empty, clock_, entropy_, work_, settings_};
  EXPECT_EQ(PublishCohort(services, signer_, v1::Platform::LINUX)->target, nullptr);
}

TEST_F(DevicesTest, StatesAreKeptByHashWithTheirTimes) {
  TestDevice laptop = Enrolled();
  const std::string name = AssignmentName(laptop.id);
  const DocumentPtr doc = *FindDocument(*store_->Read(), DocumentKey(name));
  std::map<std::string, Delivery> deliveries;
  const auto state = [&] {
    for (const auto found =
             StatesOf(*store_->Read(), DeviceNow(laptop.id), deliveries, clock_.Now());
         const auto& s : *found) {
      if (s.name() == name) return s;
    }
    return v1::DocumentState();
  };
  const auto nack = [&](const std::string& sha256, const char* code) {
    v1::Nack out;
    out.set_name(name);
    out.set_sha256(sha256);
    out.set_code(code);
    return out;
  };
  EXPECT_EQ(state().state(), v1::DocumentState::QUEUED);
  EXPECT_EQ(FromProto(state().queued_at()), doc->issued_at);
  clock_.Advance(absl::Seconds(1));
  deliveries[name] = {"other bytes", clock_.Now(), clock_.Now()};
  EXPECT_EQ(state().state(), v1::DocumentState::QUEUED);
  deliveries[name] = {doc->sha256, clock_.Now()};
  EXPECT_EQ(state().state(), v1::DocumentState::SENT);
  // A refusal of other bytes, or by a device that should not have it, says nothing.
  ASSERT_TRUE(RecordNack(*services_, laptop.id, nack("other bytes", "EXPIRED")).ok());
  EXPECT_EQ(state().state(), v1::DocumentState::SENT);
  ASSERT_TRUE(RecordNack(*services_, laptop.id, nack(doc->sha256, "EXPIRED")).ok());
  EXPECT_EQ(state().state(), v1::DocumentState::NACKED);
  EXPECT_EQ(state().code(), "EXPIRED");
  clock_.Advance(absl::Seconds(1));
  deliveries[name].applied_at = clock_.Now();
  v1::Report report;
  auto* in_force = report.mutable_policy()->add_documents();
  in_force->set_name(name);
  in_force->set_sha256(doc->sha256);
  AddCanary(report);
  ASSERT_TRUE(IngestReport(*services_, laptop.id, laptop.Sign(report), deliveries).ok());
  v1::DocumentState verified = state();
  EXPECT_EQ(verified.state(), v1::DocumentState::VERIFIED);
  EXPECT_EQ(verified.code(), "");
  EXPECT_EQ(FromProto(verified.applied_at()), clock_.Now());
  EXPECT_EQ(FromProto(verified.sent_at()), clock_.Now() - absl::Seconds(1));
  EXPECT_EQ(FromProto(verified.verified_at()), clock_.Now());
  // The proof outranks a later word, and is kept when the stream is gone.
  deliveries.clear();
  ASSERT_TRUE(RecordNack(*services_, laptop.id, nack(doc->sha256, "EXPIRED")).ok());
  EXPECT_EQ(state().DebugString(), verified.DebugString());
  clock_.Advance(limits::kBeaconLife);
  EXPECT_EQ(state().state(), v1::DocumentState::STALE);
}

TEST_F(DevicesTest, AForkedPolicyRaisesAnAlarmOncePerHour) {
  const TestDevice laptop = Enrolled();
  v1::Nack nack;
  nack.set_name("cohort/linux");
  nack.set_code("EQUIVOCATION");
  nack.set_detail("accepted with other bytes");
  ASSERT_TRUE(RecordNack(*services_, laptop.id, nack).ok());
  ASSERT_TRUE(RecordNack(*services_, laptop.id, nack).ok());
  ASSERT_EQ(DeviceNow(laptop.id).alarms_size(), 1);
  EXPECT_EQ(DeviceNow(laptop.id).alarms(0).code(), v1::Alarm::POLICY_FORKED);
  clock_.Advance(limits::kAlarmInterval);
  ASSERT_TRUE(RecordNack(*services_, laptop.id, nack).ok());
  EXPECT_EQ(DeviceNow(laptop.id).alarms_size(), 2);
  EXPECT_EQ(CountVerb("device.alarm"), 2);
}

TEST_F(DevicesTest, ACopiedOrRestoredAgentRaisesAnAlarm) {
  TestDevice laptop = Enrolled();
  const auto alarms = [&] { return DeviceNow(laptop.id).alarms_size(); };
  v1::Hello hello;
  EXPECT_EQ(RecordHello(*services_, laptop.id, hello)->acked_seq, 0u);
  TestDevice copy = laptop;
  ASSERT_TRUE(IngestReport(*services_, laptop.id, laptop.Sign(Inventory(true, {}, {})), {}).ok());
  hello.set_report_seq(1);
  hello.set_report_sha256(laptop.last_sha256);
  EXPECT_EQ(RecordHello(*services_, laptop.id, hello)->acked_seq, 1u);
  hello.set_report_seq(4);  // more waits to be sent
  EXPECT_EQ(RecordHello(*services_, laptop.id, hello)->acked_seq, 1u);
  EXPECT_EQ(alarms(), 0);
  // The copy writes another report 1.
  ASSERT_TRUE(
      IngestReport(*services_, laptop.id, copy.Sign(Inventory(true, {"vim"}, {})), {}).ok());
  EXPECT_EQ(alarms(), 1);
  EXPECT_EQ(DeviceNow(laptop.id).alarms(0).code(), v1::Alarm::STATE_ROLLED_BACK);
  clock_.Advance(limits::kAlarmInterval);
  hello.set_report_seq(0);
  hello.clear_report_sha256();
  EXPECT_EQ(RecordHello(*services_, laptop.id, hello)->acked_seq, 1u);
  EXPECT_EQ(alarms(), 2);
}

TEST(InstanceWatch, AnInstanceThatComesBackMeansTwo) {
  InstanceWatch watch;
  EXPECT_FALSE(watch.Returned("dev", "x"));
  EXPECT_FALSE(watch.Returned("dev", "x"));  // the same agent again
  EXPECT_FALSE(watch.Returned("dev", "y"));  // restarted
  EXPECT_FALSE(watch.Returned("dev", "z"));
  EXPECT_FALSE(watch.Returned("other", "x"));
  EXPECT_TRUE(watch.Returned("dev", "y"));
  EXPECT_TRUE(watch.Returned("dev", "z"));
}

TEST_F(DevicesTest, ACertificateIsRenewedForTheSameKeyOnly) {
  TestDevice laptop = Enrolled();
  EXPECT_EQ(DeviceNow(laptop.id).group(), "field-office");
  clock_.Advance(absl::Hours(24 * 300));
  const auto renewed = RenewCertificate(*services_, *ca_, laptop.id, MakeCsr(laptop.key), "test");
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(CertificateNotAfter(*CertificateFromPem(*renewed)),
            clock_.Now() + limits::kDeviceCertificateLife);
  EXPECT_EQ(FromProto(DeviceNow(laptop.id).certificate_not_after()),
            clock_.Now() + limits::kDeviceCertificateLife);
  EXPECT_EQ(RenewCertificate(*services_, *ca_, laptop.id, MakeCsr(TestDevice().key), "test")
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(RetireDevice(*services_, Who("soc"), laptop.id, "lost", false).ok());
  EXPECT_EQ(
      RenewCertificate(*services_, *ca_, laptop.id, MakeCsr(laptop.key), "test").status().code(),
      absl::StatusCode::kPermissionDenied);
}

TEST_F(DevicesTest, AGroupHasAPlainName) {
  const auto token = [&](const std::string& group) {
    return CreateToken(*services_, Who("soc"),
                       {.platform = v1::Platform::LINUX,
                        .owner_upn = "alice@agency.test",
                        .group = group,
                        .ttl = absl::Hours(1)},
                       true)
        .status()
        .code();
  };
  for (const char* good : {"", "north-3.lab"}) EXPECT_EQ(token(good), absl::StatusCode::kOk);
  for (const char* bad : {"North", "a b", "a/b", "\xc3\xa9"}) {
    EXPECT_EQ(token(bad), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(token(std::string(65, 'a')), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace muster

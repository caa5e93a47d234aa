// What of a device's reports is kept: what is known, and bounded.
#include "controller/flow/device_reports.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "controller/flow/kept_status.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

constexpr char kMark[] = "nobody knows this field";

void AddUnknown(google::protobuf::Message& message) {
  message.GetReflection()->MutableUnknownFields(&message)->AddLengthDelimited(777, kMark);
}

class DeviceReportsTest : public World {
 protected:
  DeviceReportsTest() {
    EXPECT_TRUE(Sync().ok());
    laptop_.id = EnrolDevice(laptop_.key, "bob").device.device_id();
  }
  void Send(v1::Report report) {
    const auto outcome = IngestReport(*services_, laptop_.id, laptop_.Sign(std::move(report)), {});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
  }
  bool StoreHolds(absl::string_view text) {
    const auto records = store_->Read()->Scan("", "", 10'000);
    EXPECT_TRUE(records.ok() && !records->empty());
    return std::any_of(records->begin(), records->end(),
                       [&](const Record& record) { return absl::StrContains(record.bytes, text); });
  }

  TestDevice laptop_;
};

v1::Report Inventory() {
  v1::Report report;
  report.mutable_inventory()->set_full(true);
  v1::InventoryItem* item = report.mutable_inventory()->add_installed();
  item->set_origin(v1::Origin::DPKG);
  item->set_package_id("vim");
  AddUnknown(*item);
  return report;
}

v1::Report Tampered() {
  v1::Report report;
  v1::Tampering* tampering = report.mutable_status()->add_tampering();
  tampering->set_what("its service was stopped");
  AddUnknown(*tampering);
  return report;
}

v1::Report Executed() {
  v1::Report report;
  v1::ExecReport::Item* item = report.mutable_exec()->add_items();
  item->set_app_id("whatsapp");
  AddUnknown(*item);
  return report;
}

v1::Report Disarmed() {
  v1::Report report;
  report.mutable_disarm()->set_reason("payroll");
  AddUnknown(*report.mutable_disarm()->mutable_until());
  return report;
}

TEST_F(DeviceReportsTest, WhatNobodyKnowsIsNotKept) {
  for (const v1::Report& report : {Inventory(), Tampered(), Executed(), Disarmed()}) {
    ASSERT_TRUE(absl::StrContains(report.SerializeAsString(), kMark));
    Send(report);
    EXPECT_FALSE(StoreHolds(kMark)) << report.body_case();
  }
  EXPECT_TRUE(StoreHolds("its service was stopped"));
}

// Else one that changes with every report would be an alarm each time.
TEST_F(DeviceReportsTest, TamperingIsToldOnceWhateverNobodyKnowsOfIt) {
  v1::Report report = Tampered();
  Send(report);
  v1::Tampering& again = *report.mutable_status()->mutable_tampering(0);
  again.GetReflection()->MutableUnknownFields(&again)->AddVarint(778, 1);
  Send(report);
  EXPECT_EQ(Audited("device.tampering").size(), 1u);
}

TEST_F(DeviceReportsTest, WhatItCannotEnforceIsBounded) {
  v1::Report report;
  for (int i = 0; i < kMaxCannotEnforce + 7; ++i) {
    report.mutable_status()->add_cannot_enforce(std::string(kMaxCannotEnforceBytes + 1, 'x'));
  }
  Send(report);
  const v1::Device device = LoadDevice(*store_->Read(), laptop_.id)->value;
  ASSERT_EQ(device.cannot_enforce_size(), kMaxCannotEnforce + 1);
  EXPECT_EQ(device.cannot_enforce(0), std::string(kMaxCannotEnforceBytes, 'x'));
  EXPECT_EQ(device.cannot_enforce(kMaxCannotEnforce), "and 7 more, which are not kept");
}

}  // namespace
}  // namespace muster

// What operators see of phones.
#include "controller/adapters/grpc/phone_views.h"

#include <gtest/gtest.h>

#include "controller/adapters/grpc/admin_views.h"
#include "tests/controller/flow/phone_world.h"

namespace muster {
namespace {

using Strings = std::vector<std::string>;
using App = v1::PhoneApp;

class PhoneViewsTest : public PhoneWorld {
 protected:
  PhoneViewsTest() {
    Connect();
    alice_ = Phone("u-1", "alice");
    bob_ = Phone("u-2", "bob");
    name_ = {{alice_, "alice"}, {bob_, "bob"}};
    v1::Report report = StateOf("whatsapp", App::NOT_ENFORCEABLE);
    for (const auto& [app, state, transaction] :
         {std::tuple("signal", App::COMPLIANT, ""), std::tuple("viber", App::PENDING, ""),
          std::tuple("line", App::COMPLIANT, "tx-1")}) {
      v1::PhoneApp& line = *report.mutable_phone()->add_apps();
      line.set_app_id(app);
      line.set_state(state);
      line.set_transaction_id(transaction);
    }
    EXPECT_TRUE(Send(alice_, report).ok());
  }

  // "whose app STATE" of every page, sorted; checks that no page is longer than asked for.
  Strings Rows(v1::ReportPhonesRequest in) {
    Strings out;
    for (int pages = 0; pages < 20; ++pages) {
      v1::ReportPhonesResponse page;
      const absl::Status status = ReportPhones(*services_, in, page);
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_LE(page.items_size(), in.page_size() == 0 ? 1'000 : static_cast<int>(in.page_size()));
      for (const auto& item : page.items()) {
        out.push_back(absl::StrCat(name_[item.device_id()], " ", item.app().app_id(), " ",
                                   App::State_Name(item.app().state())));
      }
      in.set_cursor(page.next_cursor());
      if (in.cursor().empty()) break;
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  v1::ReportPhonesRequest Asks(const std::string& app, const std::string& state,
                               const std::string& person = "") {
    v1::ReportPhonesRequest in;
    in.set_app_id(app);
    in.set_state(state);
    in.set_person_upn(person);
    return in;
  }

  std::string alice_, bob_;
  std::map<std::string, std::string> name_;
};

TEST_F(PhoneViewsTest, OneLineForEachAppThatIsNotAsItShouldBeOrGranted) {
  const Strings all = {"alice line COMPLIANT", "alice viber PENDING",
                       "alice whatsapp NOT_ENFORCEABLE", "bob  UNKNOWN"};
  EXPECT_EQ(Rows({}), all);
  for (uint32_t size = 1; size <= 5; ++size) {
    v1::ReportPhonesRequest in;
    in.set_page_size(size);
    EXPECT_EQ(Rows(in), all) << size;
  }
}

TEST_F(PhoneViewsTest, Filters) {
  EXPECT_EQ(Rows(Asks("", "COMPLIANT")),
            Strings({"alice line COMPLIANT", "alice signal COMPLIANT"}));
  EXPECT_EQ(Rows(Asks("", "NOT_ENFORCEABLE")), Strings({"alice whatsapp NOT_ENFORCEABLE"}));
  EXPECT_EQ(Rows(Asks("whatsapp", "")),
            Strings({"alice whatsapp NOT_ENFORCEABLE", "bob whatsapp UNKNOWN"}));
  EXPECT_EQ(Rows(Asks("", "", "bob@agency.test")), Strings({"bob  UNKNOWN"}));
  v1::ReportPhonesResponse out;
  EXPECT_EQ(ReportPhones(*services_, Asks("", "FINE"), out).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReportPhones(*services_, Asks("nothing", ""), out).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReportPhones(*services_, Asks("", "", "nobody"), out).code(),
            absl::StatusCode::kNotFound);
  v1::ReportPhonesRequest in;
  in.set_cursor("grant/x");
  EXPECT_EQ(ReportPhones(*services_, in, out).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PhoneViewsTest, ARetiredPhoneIsNoLine) {
  ASSERT_TRUE(RetireDevice(*services_, Who("soc"), alice_, "old", false).ok());
  EXPECT_EQ(Rows({}), Strings({"bob  UNKNOWN"}));
}

TEST_F(PhoneViewsTest, DevicesAreListedByKindAndByBridge) {
  const std::string laptop =
      EnrolDevice(*PrivateKey::Generate(kEcdsaP256Sha256), "bob").device.device_id();
  const auto list = [&](bool phones, const std::string& bridge) {
    v1::ListDevicesRequest in;
    in.set_phones(phones);
    in.set_bridge_id(bridge);
    v1::ListDevicesResponse out;
    const absl::Status status = ListDevices(*services_, in, out);
    if (!status.ok()) return std::set<std::string>({std::string(status.message())});
    std::set<std::string> ids;
    for (const v1::Device& device : out.items()) ids.insert(device.device_id());
    return ids;
  };
  EXPECT_EQ(list(false, ""), std::set<std::string>({laptop, bridge_.id, alice_, bob_}));
  EXPECT_EQ(list(true, ""), std::set<std::string>({alice_, bob_}));
  EXPECT_EQ(list(false, bridge_.id), std::set<std::string>({alice_, bob_}));
  EXPECT_EQ(list(false, laptop),
            std::set<std::string>(
                {laptop + " is no bridge; see `musterctl device show " + laptop + "`"}));
}

TEST_F(PhoneViewsTest, DeviceShowHasThePhone) {
  v1::GetDeviceRequest in;
  v1::DeviceView view;
  in.set_device_id(alice_);
  ASSERT_TRUE(GetDevice(*services_, *hub_, in, view).ok());
  EXPECT_EQ(view.device().phone().uem_id(), "u-1");
  EXPECT_EQ(view.phone().report().apps_size(), 4);
  EXPECT_EQ(view.persons_size(), 1);
  view.Clear();
  in.set_device_id(bob_);
  ASSERT_TRUE(GetDevice(*services_, *hub_, in, view).ok());
  EXPECT_FALSE(view.has_phone()) << "nothing was reported yet";
  view.Clear();
  in.set_device_id(bridge_.id);
  ASSERT_TRUE(GetDevice(*services_, *hub_, in, view).ok());
  EXPECT_TRUE(view.connected());
  EXPECT_EQ(view.documents_size(), 0);
  EXPECT_EQ(view.persons_size(), 0);
}

}  // namespace
}  // namespace muster

// The policies in force as files, for nobody and for a person, from a real store.
#include "controller/flow/export_policy.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "common/crypto.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

using Json = nlohmann::json;
using Texts = std::vector<std::string>;

class ExportPolicyTest : public World {
 protected:
  ExportPolicyTest() {
    EXPECT_TRUE(Sync().ok());
    Apply({"whatsapp", "signal"});
    Settle();
  }

  // Both RESTRICTED or PROHIBITED and blocklisted; each with a web client, in the order given.
  void Apply(const Texts& blocked) {
    LoadedPolicies loaded;
    loaded.trm.emplace();
    loaded.blocklist.emplace();
    for (const char* id : {"whatsapp", "signal", "slack"}) {
      Located<v1::App> app;
      app.value.set_id(id);
      app.value.set_name(id);
      app.value.add_web_hosts(absl::StrCat(id, ".example"));
      loaded.apps.push_back(app);
    }
    Located<v1::Trm> trm;
    trm.value.set_app_id("whatsapp");
    trm.value.set_status(v1::Trm::RESTRICTED);
    trm.value.set_decision_id("TRM-1");
    loaded.trm->push_back(trm);
    for (const std::string& id : blocked) loaded.blocklist->push_back({id, "blocklist.yaml", 2, 5});
    const auto outcome = ApplyPolicies(*services_, Who("soc"), loaded, {});
    ASSERT_TRUE(outcome.ok() && outcome->applied) << outcome.status();
  }
  v1::ExportPolicyResponse Export(const std::string& upn = "",
                                  v1::NativePolicy::Format format = v1::NativePolicy::CHROMIUM) {
    v1::ExportPolicyRequest in;
    in.set_format(format);
    in.set_person_upn(upn);
    v1::ExportPolicyResponse out;
    const absl::Status status = ExportPolicy(*services_, in, out);
    EXPECT_TRUE(status.ok()) << status;
    return out;
  }
  static Texts Blocked(const v1::ExportPolicyResponse& out) {
    return Json::parse(out.file())["URLBlocklist"].get<Texts>();
  }
  static bool Noted(const v1::ExportPolicyResponse& out, const std::string& text) {
    return std::any_of(out.notes().begin(), out.notes().end(),
                       [&](const std::string& note) { return absl::StrContains(note, text); });
  }
  uint64_t Version() {
    return (*FindDocument(*store_->Read(), DocumentKey("cohort/linux")))->version;
  }
  // The grant, by the same road as an approved request.
  std::string GrantTo(const std::string& name) {
    const auto request = SubmitFor(name);
    EXPECT_TRUE(request.ok()) << request.status();
    EXPECT_TRUE(ApproveBy("soc", request->request_id()).ok());
    Settle();
    EXPECT_TRUE(Sync().ok());
    Settle();
    return RequestNow(request->request_id()).grant_id();
  }
};

TEST_F(ExportPolicyTest, SaysWhatItIsMadeFrom) {
  const v1::ExportPolicyResponse out = Export();
  EXPECT_EQ(Blocked(out), (Texts{"signal.example", "whatsapp.example"}));
  EXPECT_EQ(out.version(), Version());
  EXPECT_EQ(out.sha256(), Sha256Hex(out.file()));
  EXPECT_EQ(out.media_type(), "application/json");
  EXPECT_EQ(FromProto(out.generated_at()), clock_.Now());
  const Json inside = Json::parse(out.file())["3rdparty"]["muster"]["policy"];
  EXPECT_EQ(inside["tenant"], "agency");
  EXPECT_EQ(inside["version"].get<uint64_t>(), Version());
  EXPECT_EQ(Export().SerializeAsString(), out.SerializeAsString());
}

TEST_F(ExportPolicyTest, APersonsGrantOpensAndItsEndCloses) {
  const std::string grant = GrantTo("alice");
  ASSERT_FALSE(grant.empty());
  const v1::ExportPolicyResponse out = Export("Alice@Agency.test");
  EXPECT_EQ(Blocked(out), Texts{"signal.example"});
  EXPECT_EQ(Json::parse(out.file())["3rdparty"]["muster"]["policy"]["person"], "alice@agency.test");
  EXPECT_TRUE(Noted(out, absl::StrCat("whatsapp is open for alice@agency.test by ", grant)));
  EXPECT_EQ(Blocked(Export()), (Texts{"signal.example", "whatsapp.example"}));
  EXPECT_EQ(Blocked(Export("bob@agency.test")), (Texts{"signal.example", "whatsapp.example"}));
  ASSERT_TRUE(Revoke(grant, "over").ok());
  EXPECT_EQ(Blocked(Export("alice@agency.test")), (Texts{"signal.example", "whatsapp.example"}));
}

TEST_F(ExportPolicyTest, AnExpiredGrantOpensNothing) {
  ASSERT_FALSE(GrantTo("alice").empty());
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(Blocked(Export("alice@agency.test")), (Texts{"signal.example", "whatsapp.example"}));
}

TEST_F(ExportPolicyTest, WhatDevicesDoNotRunYetIsNoted) {
  const uint64_t before = Version();
  EXPECT_FALSE(Noted(Export(), "version"));
  Apply({"whatsapp"});
  const v1::ExportPolicyResponse changed = Export();
  EXPECT_EQ(Blocked(changed), Texts{"whatsapp.example"});
  EXPECT_EQ(changed.version(), before);
  EXPECT_TRUE(Noted(changed, absl::StrCat("The policies changed after cohort/linux version ",
                                          before, ", the last one published.")));
  Settle();
  EXPECT_EQ(Export().version(), before + 1);
}

TEST_F(ExportPolicyTest, RefusesWhatItCannotMake) {
  const struct {
    v1::NativePolicy::Format format;
    std::string upn;
    absl::StatusCode want;
  } kCases[] = {
      {v1::NativePolicy::UNSPECIFIED, "", absl::StatusCode::kInvalidArgument},
      {v1::NativePolicy::CHROMIUM, "nobody@agency.test", absl::StatusCode::kNotFound},
      // No app of this catalogue is one of Android's, but web clients are.
      {v1::NativePolicy::WS1_APPGROUP, "", absl::StatusCode::kInvalidArgument},
  };
  for (const auto& c : kCases) {
    v1::ExportPolicyRequest in;
    in.set_format(c.format);
    in.set_person_upn(c.upn);
    v1::ExportPolicyResponse out;
    EXPECT_EQ(ExportPolicy(*services_, in, out).code(), c.want) << c.format << c.upn;
    EXPECT_EQ(out.ByteSizeLong(), 0u);
  }
}

}  // namespace
}  // namespace muster

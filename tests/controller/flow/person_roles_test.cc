// What a person is in the organisation keeps its dates; what that means for grants.
#include <gtest/gtest.h>

#include "controller/flow/explain_member.h"
#include "controller/flow/person_writes.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

using Lines = std::vector<std::string>;

class PersonRolesTest : public World {
 protected:
  PersonRolesTest() {
    LoadCatalogue();
    directory_->edit = [this](DirectorySnapshot& read) {
      v1::Person& alice = read.persons.at(IdOf(kAlice));
      alice.set_office(office_);
      alice.set_capstone(capstone_);
    };
    Run();
  }

  // "office capstone until", newest first; the time in hours from the start.
  Lines Past() {
    Lines out;
    for (const auto roles = PastRoles(*store_->Read(), IdOf(kAlice));
         const v1::PersonRole& role : *roles) {
      const absl::Duration until = FromProto(role.until()) - absl::FromUnixSeconds(1'800'000'000);
      out.push_back(absl::StrCat(role.office(), role.capstone() ? " capstone" : "", " ",
                                 absl::FormatDuration(until)));
    }
    return out;
  }
  // "condition: yes|no", and the next step.
  Lines Why(const std::string& upn) {
    Lines out;
    const auto items = ExplainMember(*services_, upn, "whatsapp");
    EXPECT_TRUE(items.ok()) << items.status();
    for (const auto& link : items->at(0).chain()) {
      if (!link.holds()) out.push_back(absl::StrCat(link.condition(), ": ", link.detail()));
    }
    out.push_back(items->at(0).effective() ? "effective" : items->at(0).next_step());
    return out;
  }

  std::string office_ = "HQ";
  bool capstone_ = false;
};

TEST_F(PersonRolesTest, EachRoleIsKeptWithItsDates) {
  EXPECT_EQ(Past(), Lines());
  clock_.Advance(absl::Hours(1));
  capstone_ = true;
  Run();
  clock_.Advance(absl::Hours(1));
  Run();  // Nothing changed.
  office_ = "Field";
  Run();
  EXPECT_EQ(Past(), Lines({"HQ capstone 2h", "HQ 1h"}));
  EXPECT_EQ(Audited("person.role-change").size(), 2u);
}

TEST_F(PersonRolesTest, AnOfficeChangeAsksForRecertificationAndRevokesNothing) {
  const std::string id = SubmitFor("alice")->request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  Settle();
  const std::string grant = RequestNow(id).grant_id();
  office_ = "";  // The attribute is no longer read: no change of office.
  Run();
  EXPECT_EQ(GrantNow(grant).state(), v1::Grant::ACTIVE);
  office_ = "HQ";
  Run();
  EXPECT_EQ(GrantNow(grant).state(), v1::Grant::ACTIVE);
  office_ = "Field";
  Run();
  EXPECT_EQ(GrantNow(grant).state(), v1::Grant::RECERT_DUE);
  EXPECT_EQ(GrantNow(grant).detail(), "the office changed from HQ to Field; recertify");
  EXPECT_EQ(Audited("grant.recert-due").size(), 1u);
  EXPECT_EQ(Why("alice@agency.test"), Lines({"effective"}));
}

TEST_F(PersonRolesTest, ExplainMemberNamesWhatIsMissing) {
  EXPECT_EQ(Why("bob@agency.test"),
            Lines({"in the approval group: not in wa nor in a group within it",
                   "a grant that is live: none",
                   "file a request with `musterctl request submit`; an approved one adds the "
                   "person"}));
  WriteDirectory({"bob"});
  Run();
  EXPECT_EQ(Why("bob@agency.test"),
            Lines({"a grant that is live: GR-000001 is UNSANCTIONED",
                   "the training is acknowledged: not acknowledged",
                   "nobody asked for this: file a request, or `musterctl grant adopt GR-000001`, "
                   "or take the person out of the group"}));
  const AdoptTerms no_training = {"known liaison", "INC7", "", absl::Hours(24)};
  ASSERT_TRUE(AdoptGrant(*services_, Who("soc"), "GR-000001", no_training, false).ok());
  EXPECT_EQ(Why("bob@agency.test"),
            Lines({"the training is acknowledged: not acknowledged",
                   "`musterctl grant training GR-000001 --version VERSION`"}));
  directory_->edit = [](DirectorySnapshot& read) {
    read.persons.at(IdOf(kBob)).set_enabled(false);
  };
  Run();
  const Lines disabled = Why("bob@agency.test");
  EXPECT_EQ(disabled.front(), "the account is enabled: disabled");
  EXPECT_EQ(disabled.back(),
            "have the account enabled in the directory; the grant is kept meanwhile");
  directory_->error = absl::UnavailableError("down");
  EXPECT_FALSE(Sync().ok());
  EXPECT_EQ(Why("alice@agency.test").at(2),
            "the directory is read: last read 2027-01-15T08:00:00Z; PARTIAL: down");
  EXPECT_EQ(ExplainMember(*services_, "nobody@agency.test", "").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ExplainMember(*services_, "bob@agency.test", "nothing").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace muster

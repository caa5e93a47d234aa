#include "controller/flow/holds.h"

#include <gtest/gtest.h>

#include "controller/domain/hold.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

class HoldsTest : public World {
 protected:
  HoldsTest() { EXPECT_TRUE(Sync().ok()); }
  absl::StatusOr<HoldOutcome> Place(const std::vector<std::string>& names, bool dry_run = false) {
    v1::PlaceHoldRequest in;
    in.set_matter("2027-14");
    in.set_reason("litigation");
    in.set_dry_run(dry_run);
    for (const std::string& name : names) in.add_person_upns(name + "@agency.test");
    return PlaceHold(*services_, Who("second"), in);
  }
  absl::StatusOr<HoldOutcome> End(const std::string& id, const std::string& reason) {
    v1::ReleaseHoldRequest in;
    in.set_hold_id(id);
    in.set_reason(reason);
    return EndHold(*services_, Who("second"), in);
  }
};

TEST_F(HoldsTest, PlacedAndReleasedWithReasons) {
  EXPECT_EQ(Place({"alice", "bob"}, true)->touched.changes,
            std::vector<std::string>{"held: matter 2027-14 with 2 persons"});
  EXPECT_TRUE(LoadHolds(*store_->Read())->empty());
  const v1::Hold hold = Place({"alice", "bob", "ALICE"})->hold;
  EXPECT_EQ(hold.hold_id(), "HOLD-000001");
  EXPECT_EQ(hold.person_ids_size(), 2) << "alice once";
  EXPECT_EQ(HoldsOn(IdOf(kBob), "", *LoadHolds(*store_->Read())).size(), 1u);
  EXPECT_EQ(End(hold.hold_id(), "").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(End(hold.hold_id(), "settled").ok());
  EXPECT_EQ(End(hold.hold_id(), "again").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(LoadHolds(*store_->Read())->size(), 1u) << "nothing is deleted";
  EXPECT_TRUE(HoldsOn(IdOf(kBob), "", *LoadHolds(*store_->Read())).empty());
  EXPECT_EQ(Audited("hold.place").at(0).reason(), "litigation");
  EXPECT_EQ(Audited("hold.release").at(0).reason(), "settled");
  EXPECT_EQ(End("HOLD-000009", "r").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Place({"nobody"}).status().code(), absl::StatusCode::kNotFound);
  store_->FailIn(1);
  EXPECT_FALSE(Place({"alice"}).ok());
  EXPECT_EQ(Audited("hold.place").size(), 1u);
}

}  // namespace
}  // namespace muster

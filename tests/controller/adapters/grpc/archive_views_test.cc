// Lists of what was kept.
#include "controller/adapters/grpc/archive_views.h"

#include <gtest/gtest.h>

#include "controller/domain/cannot_be_known.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

class ArchiveViewsTest : public World {
 protected:
  void Keep(const std::string& person, const std::string& export_sha256) {
    v1::ExportRecord record;
    record.mutable_seen()->set_person_id(person);
    record.mutable_seen()->set_app_id("whatsapp");
    record.mutable_seen()->set_chat_key("aa");
    record.mutable_seen()->set_export_sha256(export_sha256);
    Mutation mutation;
    Put(mutation, ExportKey(person, "whatsapp", "aa", export_sha256), record);
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
};

TEST_F(ArchiveViewsTest, ExportsSayWhoseTheyAreAndWhatCannotBeKnown) {
  ASSERT_TRUE(Sync().ok());
  Keep(IdOf(kAlice), "11");
  Keep(IdOf(kAlice), "22");
  Keep("nobody", "33");
  v1::ListExportsResponse out;
  ASSERT_TRUE(ListExports(*services_, {}, out).ok());
  EXPECT_EQ(out.cannot_be_known(), kCannotBeKnown);
  std::map<std::string, std::string> upns;
  for (const v1::ExportView& item : out.items()) {
    upns[item.seen().export_sha256()] = item.person_upn();
  }
  EXPECT_EQ(upns, (std::map<std::string, std::string>{
                      {"11", "alice@agency.test"}, {"22", "alice@agency.test"}, {"33", ""}}));
}

}  // namespace
}  // namespace muster

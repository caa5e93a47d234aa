#include "controller/domain/chunks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_format.h"
#include "common/limits.h"

namespace muster {
namespace {

v1::CohortContent Content(int apps, size_t name_bytes = 200) {
  v1::CohortContent content;
  for (int i = 0; i < apps; ++i) {
    v1::App* app = content.add_apps();
    app->set_id(absl::StrFormat("app-%03d", i));
    app->set_name(std::string(name_bytes, 'n'));
    v1::Trm* trm = content.add_trm();
    trm->set_app_id(app->id());
    trm->set_status(v1::Trm::RESTRICTED);
    content.add_blocklist(app->id());
  }
  return content;
}

v1::CohortContent Merged(const std::vector<std::string>& chunks) {
  v1::CohortContent out;
  for (const std::string& chunk : chunks) {
    v1::CohortContent part;
    EXPECT_TRUE(part.ParseFromString(chunk));
    out.MergeFrom(part);
  }
  return out;
}

TEST(SplitContent, LosesNothingAndKeepsTheBound) {
  for (const size_t name_bytes : {size_t{0}, size_t{200}, size_t{20'000}, size_t{50'000}}) {
    const v1::CohortContent content = Content(60, name_bytes);
    const auto chunks = SplitContent(content);
    EXPECT_EQ(Merged(chunks).SerializeAsString(), content.SerializeAsString());
    for (const std::string& chunk : chunks) EXPECT_LE(chunk.size(), limits::kMaxChunkBytes);
  }
  EXPECT_TRUE(SplitContent(v1::CohortContent()).empty());
}

TEST(SplitContent, AChangeOfOneAppChangesOneChunk) {
  v1::CohortContent content = Content(60);
  const auto before = SplitContent(content);
  ASSERT_GT(before.size(), 3u);
  const std::set<std::string> known(before.begin(), before.end());
  content.mutable_apps(30)->set_name("changed");
  const auto after = SplitContent(content);
  EXPECT_EQ(std::count_if(after.begin(), after.end(),
                          [&](const std::string& c) { return !known.contains(c); }),
            1);
  // So does an app that goes away.
  v1::CohortContent fewer = Content(60);
  fewer.mutable_apps()->DeleteSubrange(10, 1);
  fewer.mutable_trm()->DeleteSubrange(10, 1);
  fewer.mutable_blocklist()->DeleteSubrange(10, 1);
  const auto without = SplitContent(fewer);
  EXPECT_LE(std::count_if(without.begin(), without.end(),
                          [&](const std::string& c) { return !known.contains(c); }),
            1);
}

TEST(SplitContent, AnAppThatFillsMoreThanAChunkIsLeftOut) {
  v1::CohortContent content = Content(1, limits::kMaxChunkBytes);
  EXPECT_FALSE(FitsChunk(content.apps(0)));
  EXPECT_EQ(Merged(SplitContent(content)).apps_size(), 0);
}

TEST(ContentSha256, NamesContentNotVersionOrDates) {
  v1::CohortPolicy policy;
  policy.set_platform(v1::Platform::LINUX);
  policy.set_how_to_ask("ask");
  policy.add_chunks()->set_sha256("aa");
  const std::string base = ContentSha256(policy);
  policy.mutable_header()->set_version(9);
  EXPECT_EQ(ContentSha256(policy), base);
  v1::CohortPolicy other = policy;
  other.set_how_to_ask("ask them");
  EXPECT_NE(ContentSha256(other), base);
  other = policy;
  other.add_chunks()->set_sha256("bb");
  EXPECT_NE(ContentSha256(other), base);
  other = policy;
  other.set_platform(v1::Platform::IOS);
  EXPECT_NE(ContentSha256(other), base);
  other = policy;
  other.mutable_monitor_until()->set_seconds(5);
  const std::string monitored = ContentSha256(other);
  EXPECT_NE(monitored, base);
  other.set_monitor_reason("pilot");
  EXPECT_NE(ContentSha256(other), monitored);
}

}  // namespace
}  // namespace muster

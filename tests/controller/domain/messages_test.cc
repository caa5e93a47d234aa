#include "controller/domain/messages.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(FillMessage, PutsValuesInAsTheyAre) {
  const std::map<std::string, std::string> values = {
      {"person", "a@x"}, {"app", "{{person}}"}, {"ticket", ""}};
  EXPECT_EQ(*FillMessage("", values), "");
  EXPECT_EQ(*FillMessage("plain } { text", values), "plain } { text");
  EXPECT_EQ(*FillMessage("{{person}} may use {{app}} ({{ticket}}, {{until}})", values),
            "a@x may use {{person}} (-, -)");
}

TEST(FillMessage, SaysWhatIsWrong) {
  EXPECT_EQ(FillMessage("a {{person", {}).status().message(), "'{{' is not closed by '}}'");
  EXPECT_EQ(FillMessage("{{ person }}", {}).status().message(),
            "'{{ person }}' is no value; use one of app, person, requester, ticket, request, "
            "grant, state, reason, until, detail, how_to_archive, how_to_ask, chat_count, days, "
            "due, since, export_only, office, device, incident");
}

TEST(TopicMatches, OneOrANounsAll) {
  EXPECT_TRUE(TopicMatches("grant.revoke", "grant.revoke"));
  EXPECT_FALSE(TopicMatches("grant.revoke", "grant.revoked"));
  EXPECT_TRUE(TopicMatches("grant.*", "grant.revoked"));
  EXPECT_FALSE(TopicMatches("grant.*", "grants.x"));
  EXPECT_FALSE(TopicMatches("*", "grant.revoke"));
  EXPECT_FALSE(TopicMatches("", "grant.revoke"));
}

}  // namespace
}  // namespace muster

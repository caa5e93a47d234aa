#include "controller/adapters/ldap/ldap_search.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace muster {
namespace {

using Attributes = std::map<std::string, std::vector<std::string>>;

// A server that has `answers` for exactly these attributes.
FetchRange Server(const Attributes& answers) {
  return [answers](const std::string& wanted) -> absl::StatusOr<std::optional<DirectoryEntry>> {
    const auto it = answers.find(wanted);
    if (it == answers.end()) return absl::UnavailableError(absl::StrCat("not asked: ", wanted));
    DirectoryEntry out;
    for (const std::string& item : it->second) {
      const size_t space = item.find(' ');
      auto& values = out.attributes[item.substr(0, space)];
      if (space != std::string::npos) values.push_back(item.substr(space + 1));
    }
    return out;
  };
}

TEST(CompleteRanges, PutsTheSlicesTogether) {
  const struct {
    const char* what;
    Attributes first, answers, want;
  } kCases[] = {
      {"no ranges", {{"cn", {"g"}}, {"member", {"a"}}}, {}, {{"cn", {"g"}}, {"member", {"a"}}}},
      {"one answer", {{"member;range=0-*", {"a", "b"}}}, {}, {{"member", {"a", "b"}}}},
      // Active Directory sends the bare attribute too, without values.
      {"three answers",
       {{"cn", {"g"}}, {"member", {}}, {"member;range=0-1", {"a", "b"}}},
       {{"member;range=2-*", {"member;range=2-3 c", "member;range=2-3 d"}},
        {"member;range=4-*", {"member;range=4-* e"}}},
       {{"cn", {"g"}}, {"member", {"a", "b", "c", "d", "e"}}}},
      {"two attributes",
       {{"member;range=0-0", {"a"}}, {"uniquemember;range=0-0", {"x"}}},
       {{"member;range=1-*", {"member;range=1-* b"}},
        {"uniquemember;range=1-*", {"uniquemember;range=1-* y"}}},
       {{"member", {"a", "b"}}, {"uniquemember", {"x", "y"}}}},
  };
  for (const auto& c : kCases) {
    DirectoryEntry entry = {"cn=g", "", c.first};
    EXPECT_EQ(CompleteRanges(&entry, Server(c.answers)), absl::OkStatus()) << c.what;
    EXPECT_EQ(entry.attributes, c.want) << c.what;
  }
}

TEST(CompleteRanges, RefusesAListThatMayBeIncomplete) {
  const struct {
    const char* what;
    Attributes first, answers;
    absl::StatusCode code;
    const char* says;
  } kCases[] = {
      {"an empty last answer",
       {{"member;range=0-0", {"a"}}},
       {{"member;range=1-*", {"member;range=1-*"}}},
       absl::StatusCode::kDataLoss,
       "did not answer the end of member"},
      {"the same values again",
       {{"member;range=0-1", {"a", "b"}}},
       {{"member;range=2-*", {"member;range=2-* a", "member;range=2-* b"}}},
       absl::StatusCode::kDataLoss,
       "did not answer member once"},
      {"starts late",
       {{"member;range=1-*", {"a"}}},
       {},
       absl::StatusCode::kDataLoss,
       "did not answer member;range=0-*"},
      {"fewer values than said",
       {{"member;range=0-2", {"a", "b"}}},
       {},
       absl::StatusCode::kDataLoss,
       "did not answer member;range=3-*"},
      {"the rest is not there",
       {{"member;range=0-0", {"a"}}},
       {{"member;range=1-*", {}}},
       absl::StatusCode::kDataLoss,
       "did not answer member;range=1-*"},
      {"the rest is of another attribute",
       {{"member;range=0-0", {"a"}}},
       {{"member;range=1-*", {"uniquemember;range=1-* b"}}},
       absl::StatusCode::kDataLoss,
       "did not answer member;range=1-*"},
      {"a gap",
       {{"member;range=0-0", {"a"}}},
       {{"member;range=1-*", {"member;range=2-* c"}}},
       absl::StatusCode::kDataLoss,
       "did not answer member;range=1-*"},
      {"the same again",
       {{"member;range=0-0", {"a"}}},
       {{"member;range=1-*", {"member;range=0-0 a"}}},
       absl::StatusCode::kDataLoss,
       "did not answer member;range=1-*"},
      {"two slices at once",
       {{"member;range=0-0", {"a"}}, {"member;range=1-*", {"b"}}},
       {},
       absl::StatusCode::kDataLoss,
       "member;range=0-* in one piece"},
      {"no range",
       {{"member;range=a-b", {"a"}}},
       {},
       absl::StatusCode::kDataLoss,
       "is not a range"},
      {"backwards",
       {{"member;range=5-2", {"a"}}},
       {},
       absl::StatusCode::kDataLoss,
       "is not a range"},
      {"no dash", {{"member;range=5", {"a"}}}, {}, absl::StatusCode::kDataLoss, "is not a range"},
      {"the connection is lost",
       {{"member;range=0-0", {"a"}}},
       {},
       absl::StatusCode::kUnavailable,
       "not asked: member;range=1-*"},
  };
  for (const auto& c : kCases) {
    DirectoryEntry entry = {"cn=g", "", c.first};
    const absl::Status status = CompleteRanges(&entry, Server(c.answers));
    EXPECT_EQ(status.code(), c.code) << c.what << status;
    EXPECT_TRUE(absl::StrContains(status.message(), c.says)) << c.what << status;
  }
}

TEST(CompleteRanges, RefusesAGroupThatIsGoneBetweenTwoSlices) {
  DirectoryEntry entry = {"cn=g", "", {{"member;range=0-0", {"a"}}}};
  const absl::Status status =
      CompleteRanges(&entry, [](const std::string&) { return std::nullopt; });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST(EscapeFilter, EscapesEveryByte) {
  EXPECT_EQ(EscapeFilter(absl::string_view("*a)\0\xff", 5)), "\\2a\\61\\29\\00\\ff");
}

}  // namespace
}  // namespace muster

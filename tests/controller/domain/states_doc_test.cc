// docs/states.md is printed from the code: what it says is what the code does.
//   MUSTER_WRITE_DOCS=1 build/bin/controller_domain_tests --gtest_filter=StatesDoc.*    writes it
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "controller/domain/grant.h"
#include "controller/domain/incident.h"
#include "controller/domain/request.h"

namespace muster {
namespace {

constexpr char kPath[] = MUSTER_SOURCE_DIR "/docs/states.md";

template <typename Machine, typename Event>
std::string Table(Event last, absl::string_view (*name)(Event),
                  absl::StatusOr<typename Machine::State> (*next)(typename Machine::State, Event)) {
  std::string out = "| from | when it is | to |\n|---|---|---|\n";
  for (int s = Machine::State_MIN; s <= Machine::State_MAX; ++s) {
    for (int e = 0; e <= static_cast<int>(last); ++e) {
      const auto from = static_cast<typename Machine::State>(s);
      const auto to = next(from, static_cast<Event>(e));
      if (!to.ok()) continue;
      absl::StrAppend(&out, "| ", Machine::State_Name(from), " | ", name(static_cast<Event>(e)),
                      " | ", Machine::State_Name(*to), " |\n");
    }
  }
  return out;
}

std::string Document() {
  return absl::StrCat(
      "# States\n\n"
      "Printed from the code by `tests/controller/domain/states_doc_test.cc`, which fails\n"
      "when the two differ. Whatever is not listed is refused with exit code 3, and changes "
      "nothing.\n\n"
      "## A request\n",
      Table<v1::Request>(RequestEvent::kBreakGlass, RequestEventName, NextRequestState),
      "\n## A grant\n",
      Table<v1::Grant>(GrantEvent::kVerifiedAbsent, GrantEventName, NextGrantState),
      "\n## A possible loss of records (36 CFR 1230.14)\n",
      Table<v1::Incident>(IncidentEvent::kClose, IncidentEventName, NextIncidentState));
}

TEST(StatesDoc, SaysWhatTheCodeDoes) {
  if (getenv("MUSTER_WRITE_DOCS") != nullptr) std::ofstream(kPath) << Document();
  std::ostringstream stored;
  stored << std::ifstream(kPath).rdbuf();
  EXPECT_EQ(stored.str(), Document());
}

}  // namespace
}  // namespace muster

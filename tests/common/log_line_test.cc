#include "common/log_line.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(LogLine, CarriesThePriorityTheJournalReads) {
  EXPECT_EQ(LogLine("muster-agent", LogSeverity::kInfo, "started"), "<6>muster-agent: started\n");
  EXPECT_EQ(LogLine("muster-bridge", LogSeverity::kWarning, 3, " phones"),
            "<4>muster-bridge: 3 phones\n");
  EXPECT_EQ(LogLine("muster-agent", LogSeverity::kError), "<3>muster-agent: \n");
}

}  // namespace
}  // namespace muster

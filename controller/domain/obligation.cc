#include "controller/domain/obligation.h"

namespace muster {

Coverage CoverageOf(const std::vector<v1::ExportRecord>&, absl::Time began_at) {
  Coverage out;
  out.seen_until = out.receipted_until = out.newest_until = began_at;
  return out;
}

int ClockDay(absl::Time, absl::Time, absl::TimeZone) { return 0; }
absl::Time StartOfDay(absl::Time since, int, absl::TimeZone) { return since; }
absl::Time DueAt(absl::Time since, absl::TimeZone) { return since; }
v1::Obligation Evaluate(const v1::Obligation& before, const ObligationFacts&, const ClockSettings&,
                        absl::Time) {
  return before;
}
absl::Time NextChange(const v1::Obligation&, const ObligationFacts&, const ClockSettings&,
                      absl::Time) {
  return absl::InfiniteFuture();
}
std::optional<v1::Obligation::State> ReminderOwed(const v1::Obligation&, const ClockSettings&,
                                                  absl::Time) {
  return std::nullopt;
}
bool ForcesExportOnly(const v1::Obligation&, absl::Time) { return false; }

}  // namespace muster

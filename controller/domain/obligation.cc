#include "controller/domain/obligation.h"

namespace muster {

Coverage CoverageOf(const std::vector<v1::ExportRecord>&, absl::Time began_at) {
  Coverage out;
  out.seen_until = out.receipted_until = out.newest_until = out.newest_receipted_until = began_at;
  return out;
}

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
void MarkReminded(v1::Obligation::State, absl::Time, v1::Obligation&) {}
bool IsOverdue(const v1::Obligation&, absl::Time) { return false; }
bool ForcesExportOnly(const v1::Obligation&, absl::Time) { return false; }

}  // namespace muster

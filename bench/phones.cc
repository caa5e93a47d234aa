// What a bridge needs for many phones under the UEM's limit, on the simulator's clock: a full
// reading of all, and the time from an approval to the call that tells the UEM.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "common/time_proto.h"
#include "tests/bridge/simulated/agency.h"

using muster::bridge::Agency;
using muster::bridge::AgencyOptions;

int main(int argc, char** argv) {
  AgencyOptions options;
  options.phones = argc > 1 ? std::atoi(argv[1]) : 10'000;
  options.sim.per_minute = 600;
  options.pace.per_minute = 600;
  options.pace.parallel = 8;
  Agency agency(options);
  muster::bridge::Driver& driver = *agency.driver;
  const absl::Time start = agency.clock.Now();
  absl::Time looked = start;
  driver.RunUntil(start + absl::Hours(48), [&] {
    if (agency.clock.Now() < looked + absl::Seconds(10)) return false;
    looked = agency.clock.Now();
    return driver.fleet().report().has_swept_at() && driver.fleet().report().open_operations() == 0;
  });
  // Between the last answer and this look the clock may have gone on to the next list.
  const absl::Time ended = muster::FromProto(driver.fleet().report().last_answer_at());
  const double took = absl::ToDoubleMinutes(ended - start);
  const double own = static_cast<double>(driver.calls()) / 600;
  std::printf("reconcile phones=%d calls=%llu minutes=%.1f limits_own=%.1f ratio=%.3f\n",
              options.phones, static_cast<unsigned long long>(driver.calls()), took, own,
              took / own);
  // While everything is swept again: the worst moment.
  std::vector<double> delays;
  driver.RunUntil(start + absl::Hours(6) + absl::Minutes(1));
  for (int i = 0; i < 20 && i < options.phones; ++i) {
    const absl::Time approved = agency.clock.Now();
    agency.Grant(i);
    driver.RunUntil(approved + absl::Minutes(2), [&] { return driver.last_sync() >= approved; });
    delays.push_back(absl::ToDoubleSeconds(driver.last_sync() - approved));
    driver.RunUntil(approved + absl::Seconds(90));
  }
  std::sort(delays.begin(), delays.end());
  std::printf("approval_to_sync seconds median=%.3f worst=%.3f\n", delays[delays.size() / 2],
              delays.back());
  return 0;
}

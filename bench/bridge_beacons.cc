// What one Beacon to every phone costs a bridge: signatures, proofs, and one state saved for each,
// over the real store. `bridge_beacons DIR [PHONES]` prints CPU and bytes a phone.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "bridge/adapters/sqlite/sqlite_store.h"
#include "bridge/flow/sessions.h"
#include "tests/agent/test_tenant.h"

namespace muster::bridge {
namespace {

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

long PeakKb() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// As large as the catalogue that an agency starts with.
v1::SignedDoc Cohort(const agent::TestTenant& tenant) {
  agent::TestCohort cohort = tenant.Cohort();
  cohort.policy.mutable_header()->set_name("cohort/ios");
  cohort.policy.set_platform(v1::Platform::IOS);
  const v1::App app = cohort.content.apps(0);
  cohort.content.clear_apps();
  for (int i = 0; i < 42; ++i) {
    v1::App* const more = cohort.content.add_apps();
    *more = app;
    more->set_id(i == 0 ? "chat" : absl::StrCat("chat-", i));
    v1::AppIdentity* const identity = more->mutable_identities(0);
    identity->set_platform(v1::Platform::IOS);
    identity->set_origin(v1::Origin::BUNDLE);
    identity->set_package_id(absl::StrCat("test.chat.", i));
    cohort.content.add_blocklist(more->id());
  }
  return tenant.Sign(cohort);
}

class Bench {
 public:
  Bench(const std::string& file, int phones)
      : file_(file), phones_(phones), store_(*SqliteStore::Open(file)) {
    if (!store_->Write(agent::kAcceptedFile, tenant_.Enrolled().SerializeAsString()).ok()) {
      std::abort();
    }
    sessions_ = std::make_unique<Sessions>(
        BridgeIdentity{agent::kTestTenant, "bridge", tenant_.device_key().key_id(), "bench"},
        tenant_.device_key(), store_.get(), &clock_, SessionEvents());
    if (!sessions_->Load().ok()) std::abort();
  }

  void Run() {
    Part("add", [&](int i) {
      v1::PhoneIdentity phone;
      phone.set_uem_id(absl::StrCat("uem-", i));
      phone.set_platform(v1::Platform::IOS);
      sessions_->Add(phone, Id(i));
    });
    const v1::SignedDoc cohort = Cohort(tenant_);
    sessions_->OnConnected();
    Part("documents", [&](int i) {
      v1::DeviceAssignment assignment = tenant_.Assignment(1, i % 50 == 0);
      assignment.mutable_header()->set_name(AssignmentName(Id(i)));
      assignment.set_device_id(Id(i));
      assignment.set_cohort("cohort/ios");
      assignment.mutable_persons()->RemoveLast();
      v1::ControllerMessage m;
      m.set_device_id(Id(i));
      *m.mutable_update() = tenant_.UpdateOf({tenant_.Sign(assignment), cohort});
      sessions_->OnMessage(m);
      if (i > 0) return;
      for (const auto& [sha256, chunk] : tenant_.chunks()) {
        m.clear_update();
        *m.mutable_chunk() = chunk;
        sessions_->OnMessage(m);
      }
    });
    for (uint64_t version = 1; version <= 2; ++version) {
      const v1::BeaconUpdate beacon = tenant_.Beacon(version, {cohort});
      Part("beacon", [&](int i) {
        v1::ControllerMessage m;
        m.set_device_id(Id(i));
        *m.mutable_beacon() = beacon;
        sessions_->OnMessage(m);
      });
    }
    Part("tick", [](int) {});
  }

 private:
  static std::string Id(int i) { return absl::StrCat("phn-", i); }
  template <typename Step>
  void Part(const char* name, Step step) {
    const double before = CpuSeconds();
    for (int i = 0; i < phones_; ++i) step(i);
    while (sessions_->NextTick() <= clock_.Now()) sessions_->Tick();
    const double used = CpuSeconds() - before;
    std::printf("%-10s %8.1f us CPU a phone, %6.2f s in all; file %ld bytes a phone, peak %ld KB\n",
                name, 1e6 * used / phones_, used,
                static_cast<long>(std::filesystem::file_size(file_)) / phones_, PeakKb());
  }

  const std::string file_;
  const int phones_;
  SystemClock clock_;
  agent::TestTenant tenant_{clock_.Now()};
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<Sessions> sessions_;
};

}  // namespace
}  // namespace muster::bridge

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bridge_beacons DIR [PHONES]\n");
    return 2;
  }
  const int phones = argc > 2 ? std::atoi(argv[2]) : 10'000;
  if (phones <= 0) return 2;
  muster::bridge::Bench(std::string(argv[1]) + "/bridge.db", phones).Run();
  return 0;
}

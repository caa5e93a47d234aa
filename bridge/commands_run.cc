// The one construction of the bridge, and its threads.
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "agent/adapters/grpc/controller_link.h"
#include "agent/adapters/grpc/stepper.h"
#include "agent/flow/certificate_keeper.h"
#include "bridge/adapters/sqlite/sqlite_store.h"
#include "bridge/commands.h"
#include "bridge/flow/engine.h"
#include "bridge/flow/log.h"
#include "bridge/setup.h"
#include "common/clock.h"
#include "common/status_macros.h"
#include "common/version.h"
#include "google/protobuf/stubs/logging.h"

namespace muster::bridge {
namespace {

std::string NewInstanceId() {
  absl::BitGen random;
  return absl::StrFormat("%016x%016x", absl::Uniform<uint64_t>(random),
                         absl::Uniform<uint64_t>(random));
}

// Before any thread starts, so that all of them leave these to WaitForEnd().
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int s : {SIGTERM, SIGINT}) sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

void WaitForEnd(const sigset_t& signals) {
  int which = 0;
  while (sigwait(&signals, &which) != 0) {
  }
}

// Calls run side by side, as many as the pacer lets.
void MakeCalls(Engine& engine, UemClient& client) {
  while (!engine.stopped()) {
    absl::Time wake_at;
    const std::optional<UemCall> call = engine.TakeCall(&wake_at);
    if (call) {
      engine.GiveAnswer(*call, client.Do(*call));
    } else {
      engine.Wait(wake_at);
    }
  }
}

// Joins its threads; the engine is stopped first.
class Threads {
 public:
  Threads(Engine& engine, UemClient& client, uint32_t parallel) : engine_(engine) {
    threads_.emplace_back([&engine] {
      while (!engine.stopped()) engine.Wait(engine.Tick());
    });
    for (uint32_t i = 0; i < parallel; ++i) {
      threads_.emplace_back([&engine, &client] { MakeCalls(engine, client); });
    }
  }
  ~Threads() {
    engine_.Stop();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  Engine& engine_;
  std::vector<std::thread> threads_;
};

absl::Status Run(const RunOptions& options) {
  MUSTER_ASSIGN_OR_RETURN(const BridgeConfig config, ReadBridgeConfig(options.config_file));
  MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteStore> store,
                          SqliteStore::Open(absl::StrCat(options.state_dir, "/", kDatabaseFile)));
  MUSTER_ASSIGN_OR_RETURN(const agent::EnrolledDevice device, LoadBridge(*store));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::FromPem(device.key_pem));
  const sigset_t signals = BlockSignals();
  setenv("GRPC_VERBOSITY", "NONE", 0);
  google::protobuf::SetLogHandler(nullptr);

  const SystemClock clock;
  MUSTER_ASSIGN_OR_RETURN(const Uem uem, MakeUem(config, &clock));
  MUSTER_ASSIGN_OR_RETURN(FleetOptions fleet, MakeFleetOptions(config, device.identity.tenant,
                                                               device.identity.device_id));
  Engine engine({.identity = {device.identity.tenant, device.identity.device_id,
                              device.identity.certificate_key_sha256, NewInstanceId()},
                 .key = key,
                 .store = store.get(),
                 .clock = &clock,
                 .fleet = std::move(fleet),
                 .uem = uem.client->Name(),
                 .host_name = HostName(),
                 .version = kVersion});
  MUSTER_RETURN_IF_ERROR(engine.Load());

  // The link takes the certificate from its keeper, which makes the link connect again with a new
  // one; the keeper runs last and stops first.
  std::atomic<agent::ControllerLink*> running_link = nullptr;
  std::unique_ptr<agent::CertificateKeeper> certificate;
  const auto target = [&device, &certificate] {
    return agent::LinkTarget{device.controller, device.ca_pem, device.key_pem, certificate->pem()};
  };
  agent::CertificateKeeper::Parts keeper{.device_id = device.identity.device_id, .key = key};
  keeper.pem = device.certificate_pem;
  keeper.store = store.get();
  keeper.clock = &clock;
  keeper.renew = [&target](const std::string& csr) { return agent::CallRenew(target(), csr); };
  keeper.renewed = [&running_link] { running_link.load()->Reconnect(); };
  MUSTER_ASSIGN_OR_RETURN(certificate, agent::CertificateKeeper::New(std::move(keeper)));

  const Threads threads(engine, *uem.client, config.pace.parallel);
  MUSTER_ASSIGN_OR_RETURN(
      const std::unique_ptr<HintServer> hints,
      StartHints(config, [&engine](const std::string& uem_id) { engine.Hint(uem_id); }));
  agent::ControllerLink link(
      target,
      {[&engine] { return engine.MakeHello(); }, [&engine] { engine.OnConnected(); },
       [&engine](const absl::Status& why) { engine.OnDisconnected(why); },
       [&engine](const v1::ControllerMessage& m) { engine.OnMessage(m); }},
      &engine.outbox());
  running_link = &link;
  const agent::Stepper renewal([&certificate] { return certificate->Step(); });
  Log(Severity::kInfo, "running as bridge ", device.identity.device_id, " to ", uem.client->Name());
  WaitForEnd(signals);
  Log(Severity::kInfo, "stopping");
  return absl::OkStatus();
}

}  // namespace

int RunBridge(const RunOptions& options) {
  const absl::Status status = Run(options);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace muster::bridge

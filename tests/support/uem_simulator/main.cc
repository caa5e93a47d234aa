// muster-uem-simulator: a UEM to try the bridge with. Never installed; see README.md here.
#include <curl/curl.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/ascii.h"
#include "tests/support/uem_simulator/server.h"
#include "tests/support/uem_simulator/simulator.h"

namespace muster::uemsim {
namespace {

struct Flags {
  ServerOptions server;
  std::string world_file, client_id_file, client_secret_file, tenant_code_file;
  uint32_t per_minute = 0, latency_ms = 20, push_ms = 500, check_in_s = 60, install_ms = 500;
  uint32_t sync_ms = 1000, retry_after_s = 0;
  uint64_t per_day = 0, seed = 1;
};

bool ReadFile(const std::string& path, std::string* out) {
  if (path.empty()) return true;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    return false;
  }
  out->assign(std::istreambuf_iterator<char>(file), {});
  return true;
}

bool ReadSecret(const std::string& path, std::string* out) {
  if (!ReadFile(path, out)) return false;
  absl::StripAsciiWhitespace(out);
  return true;
}

void AddFlags(CLI::App* app, Flags* flags) {
  app->add_option("--address", flags->server.address, "a loopback address");
  app->add_option("--port", flags->server.port, "0: the system chooses");
  app->add_option("--certificate", flags->server.certificate_file, "PEM; without it plain HTTP");
  app->add_option("--key", flags->server.key_file, "PEM");
  app->add_option("--events-ca", flags->server.events_ca_file, "for https targets of events");
  app->add_option("--world", flags->world_file, "JSON: see README.md");
  app->add_option("--client-id-file", flags->client_id_file);
  app->add_option("--client-secret-file", flags->client_secret_file);
  app->add_option("--tenant-code-file", flags->tenant_code_file);
  app->add_option("--per-minute", flags->per_minute, "calls; 0: no limit");
  app->add_option("--per-day", flags->per_day, "calls; 0: no limit");
  app->add_option("--retry-after", flags->retry_after_s, "seconds, in a 429; 0: not said");
  app->add_option("--latency-ms", flags->latency_ms);
  app->add_option("--push-ms", flags->push_ms, "from a command to the phone's check-in");
  app->add_option("--check-in-seconds", flags->check_in_s, "without any command");
  app->add_option("--install-ms", flags->install_ms, "on the phone");
  app->add_option("--sync-ms", flags->sync_ms, "of a user group");
  app->add_option("--seed", flags->seed);
}

bool MakeOptions(const Flags& flags, SimOptions* options) {
  options->per_minute = flags.per_minute;
  options->per_day = flags.per_day;
  options->seed = flags.seed;
  options->latency = absl::Milliseconds(flags.latency_ms);
  options->push_delay = absl::Milliseconds(flags.push_ms);
  options->check_in_every = absl::Seconds(flags.check_in_s);
  options->install_time = absl::Milliseconds(flags.install_ms);
  options->sync_time = absl::Milliseconds(flags.sync_ms);
  options->max_calls = 100'000;
  if (flags.retry_after_s > 0) options->retry_after = absl::Seconds(flags.retry_after_s);
  return ReadSecret(flags.client_id_file, &options->client_id) &&
         ReadSecret(flags.client_secret_file, &options->client_secret) &&
         ReadSecret(flags.tenant_code_file, &options->tenant_code);
}

int Run(const Flags& flags) {
  // Blocked before any thread starts, so that sigwait below gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  SimOptions options;
  std::string world;
  if (!MakeOptions(flags, &options) || !ReadFile(flags.world_file, &world)) return 1;
  const SystemClock clock;
  Simulator simulator(options, &clock);
  if (!flags.world_file.empty()) {
    const absl::Status loaded = simulator.LoadWorld(world);
    if (!loaded.ok()) {
      std::fprintf(stderr, "%s: %s\n", flags.world_file.c_str(),
                   std::string(loaded.message()).c_str());
      return 1;
    }
  }
  auto server = Server::New(flags.server, &simulator);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", std::string(server.status().message()).c_str());
    return 1;
  }
  std::printf(
      "muster-uem-simulator: THIS IS A SIMULATOR of Workspace ONE UEM; nothing in it was "
      "verified against the real service.\nlistening on %s://%s:%u\n",
      flags.server.certificate_file.empty() ? "http" : "https", flags.server.address.c_str(),
      (*server)->port());
  std::fflush(stdout);
  int caught = 0;
  sigwait(&signals, &caught);
  return 0;
}

}  // namespace
}  // namespace muster::uemsim

int main(int argc, char** argv) {
  CLI::App app{"A simulator of Workspace ONE UEM, for tests and trials. It manages no phone."};
  muster::uemsim::Flags flags;
  muster::uemsim::AddFlags(&app, &flags);
  CLI11_PARSE(app, argc, argv);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return muster::uemsim::Run(flags);
}

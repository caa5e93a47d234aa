// From a directory server to the committed store, without the network of agents around it.
//   directory --uri URI --ca FILE --bind DN --password-file FILE --base DN --group DN
//             [--changes N --change COMMAND]
// Reads everything into an empty store, then runs COMMAND N times with the change's number as its
// argument and commits each change. Prints: seconds of the first read to its commit, peak RSS in
// kB, persons, members; then one line of seconds for each change.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/exit_code.h"
#include "common/status_macros.h"
#include "controller/adapters/ldap/ldap_directory.h"
#include "controller/adapters/openssl/tenant_files.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/flow/sync.h"

namespace muster {
namespace {

struct Arguments {
  LdapOptions ldap;
  std::string uri, password_file, group, change, store;
  int changes = 0;
};

long PeakRssKb() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

absl::StatusOr<double> TimeRun(DirectorySync& sync, const Clock& clock, ReadDepth depth,
                               v1::SyncRun* run) {
  const absl::Time before = clock.Now();
  MUSTER_ASSIGN_OR_RETURN(*run, sync.Run(MusterItself(), depth, false));
  return absl::ToDoubleSeconds(clock.Now() - before);
}

absl::Status Measure(Arguments arguments) {
  arguments.ldap.uris = {arguments.uri};
  MUSTER_ASSIGN_OR_RETURN(arguments.ldap.bind_password, ReadFile(arguments.password_file));
  MUSTER_ASSIGN_OR_RETURN(const auto directory, LdapDirectory::Open(std::move(arguments.ldap)));
  MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store, RocksDbStore::Open(arguments.store));
  const SystemClock clock;
  SystemEntropy entropy;
  Work work;
  Settings settings;
  settings.tenant = "bench";
  settings.groups = {{"whatsapp", arguments.group}};
  const Services services{*store, clock, entropy, work, settings};
  DirectorySync sync(services, *directory);
  v1::SyncRun run;
  MUSTER_ASSIGN_OR_RETURN(const double first, TimeRun(sync, clock, ReadDepth::kFull, &run));
  std::printf("%.3f %ld %u %u\n", first, PeakRssKb(), run.persons_read(), run.members_read());
  for (int n = 0; n < arguments.changes; ++n) {
    const std::string command = absl::StrCat(arguments.change, " ", n);
    if (std::system(command.c_str()) != 0) {
      return absl::InternalError(absl::StrCat(command, " failed"));
    }
    MUSTER_ASSIGN_OR_RETURN(const double changed, TimeRun(sync, clock, ReadDepth::kChanges, &run));
    if (run.added_size() + run.removed_size() != 1) {
      return absl::InternalError(absl::StrCat("not one change: ", run.ShortDebugString()));
    }
    std::printf("%.3f\n", changed);
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  CLI::App app{"directory: a directory server to the committed store"};
  Arguments arguments;
  app.add_option("--uri", arguments.uri)->required();
  app.add_option("--ca", arguments.ldap.ca_file)->required();
  app.add_option("--bind", arguments.ldap.bind_dn)->required();
  app.add_option("--password-file", arguments.password_file)->required();
  app.add_option("--base", arguments.ldap.base_dn)->required();
  app.add_option("--group", arguments.group)->required();
  app.add_option("--store", arguments.store, "an empty folder")->required();
  app.add_option("--changes", arguments.changes);
  app.add_option("--change", arguments.change);
  CLI11_PARSE(app, argc, argv);
  arguments.ldap.timeout = absl::Minutes(1);
  const absl::Status measured = Measure(std::move(arguments));
  if (!measured.ok()) std::fprintf(stderr, "%s\n", std::string(measured.message()).c_str());
  return ExitCode(measured);
}

}  // namespace
}  // namespace muster

int main(int argc, char** argv) { return muster::Main(argc, argv); }

// musterd: makes a tenant, issues operators' certificates, and runs the controller. The one
// construction file: every part is made here and given to those that need it.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/exit_code.h"
#include "common/signed_doc.h"
#include "common/version.h"
#include "controller/adapters/grpc/admin_service.h"
#include "controller/adapters/grpc/device_service.h"
#include "controller/adapters/grpc/server.h"
#include "controller/adapters/http/curl_transport.h"
#include "controller/adapters/ldap/ldap_directory.h"
#include "controller/adapters/ldif/ldif_directory.h"
#include "controller/adapters/linux/host_clock.h"
#include "controller/adapters/openssl/revocation_file.h"
#include "controller/adapters/openssl/tenant_files.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/adapters/yaml/server_config.h"
#include "controller/commands_store.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/trust.h"
#include "google/protobuf/stubs/logging.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace muster {
namespace {

constexpr size_t kMinWebhookSecret = 16;

int Finish(const absl::Status& status) {
  if (!status.ok()) {
    std::fprintf(stderr, "musterd: %s\n", std::string(status.message()).c_str());
  }
  return ExitCode(status);
}

absl::StatusOr<ServerConfig> LoadConfig(const std::string& file) {
  MUSTER_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  return ParseServerConfig(file, text);
}

// The folder and the names come from the configuration where one is given.
absl::Status Init(TenantOptions options, const std::string& config_file) {
  if (options.dir.empty() == config_file.empty()) {
    return absl::InvalidArgumentError("say where: either --dir DIR or --config FILE");
  }
  if (!config_file.empty()) {
    MUSTER_ASSIGN_OR_RETURN(const ServerConfig config, LoadConfig(config_file));
    options.dir = config.data_dir;
    if (!config.server_names.empty()) options.server_names = config.server_names;
  }
  MUSTER_RETURN_IF_ERROR(InitTenant(options, SystemClock().Now()));
  MUSTER_ASSIGN_OR_RETURN(const Tenant tenant, LoadTenant(options.dir));
  MUSTER_ASSIGN_OR_RETURN(const std::string log_key, ReadFile(LogKeyPath(options.dir)));
  const char* dir = options.dir.c_str();
  std::printf(
      "tenant %s made in %s\n"
      "  agents trust    %s/pki/server-ca.pem\n"
      "  auditors trust  %s, which says\n"
      "                  %s",
      tenant.name.c_str(), dir, dir, LogKeyPath(options.dir).c_str(), log_key.c_str());
  if (!tenant.root) {
    std::printf(
        "  online keys     %s/keys/{policy,assignment,beacon,log}.pub\n"
        "next: the ceremony. Holders make their keys with `musterctl trust key`, then `musterctl "
        "trust init\n"
        "--tenant %s` makes the first root from all the public keys, two holders sign it with "
        "`musterctl\n"
        "trust sign`, and `musterctl trust publish --dir %s ROOT` installs it\n",
        dir, tenant.name.c_str(), dir);
    return absl::OkStatus();
  }
  std::printf(
      "  root of trust   %s/trust/root.pb\n"
      "                  sha256 %s\n"
      "  offline keys    %s/root-keys/  (2 of 3 sign a new root, one signs emergency denies, one\n"
      "                  is the records office's and signs receipts: take them to other machines "
      "now)\n"
      "next: write a configuration with data_dir: %s, issue an operator's certificate with\n"
      "`musterd operator`, start with `musterd run --config FILE`\n",
      dir, Sha256Hex(tenant.root->payload()).c_str(), dir, dir);
  return absl::OkStatus();
}

absl::Status Operator(const OperatorOptions& options) {
  MUSTER_ASSIGN_OR_RETURN(const std::string profile, IssueOperator(options, SystemClock().Now()));
  std::printf("%s\n", profile.c_str());
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(const ServerConfig::Directory& config) {
  PersonAttributes attributes;
  attributes.office = absl::AsciiStrToLower(config.attributes.office);
  attributes.manager = absl::AsciiStrToLower(config.attributes.manager);
  attributes.capstone = absl::AsciiStrToLower(config.attributes.capstone);
  attributes.employee = absl::AsciiStrToLower(config.attributes.employee);
  if (config.kind == "ldif") return LdifDirectory::Open(config.ldif_file, attributes);
  LdapOptions options;
  options.uris = config.ldap.uris;
  options.domain = config.ldap.domain;
  options.start_tls = config.ldap.start_tls;
  options.ca_file = config.ldap.ca_file;
  options.bind_dn = config.ldap.bind_dn;
  options.principal = config.ldap.principal;
  options.keytab_file = config.ldap.keytab_file;
  options.base_dn = config.ldap.base_dn;
  options.timeout = config.ldap.timeout;
  options.attributes = attributes;
  if (!config.ldap.bind_password_file.empty()) {  // else Open() says what is missing
    MUSTER_ASSIGN_OR_RETURN(const std::string password, ReadFile(config.ldap.bind_password_file));
    options.bind_password = std::string(absl::StripTrailingAsciiWhitespace(password));
  }
  return LdapDirectory::Open(std::move(options));
}

absl::StatusOr<CardTrust> LoadCardTrust(const ServerConfig::Operators& config) {
  CardTrust out;
  out.upns = config.certificates;
  if (config.ca_file.empty()) return out;
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, ReadFile(config.ca_file));
  absl::StatusOr<std::vector<X509Ptr>> authorities = CertificatesFromPem(pem);
  if (!authorities.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(config.ca_file, ": ", authorities.status().message()));
  }
  out.authorities = *std::move(authorities);
  if (config.crl_file.empty()) return out;
  auto lists = std::make_shared<RevocationFile>(config.crl_file);
  MUSTER_RETURN_IF_ERROR(lists->Get().status());
  out.lists = [lists] { return lists->Get(); };
  return out;
}

absl::StatusOr<std::vector<Webhook>> LoadWebhooks(
    const std::vector<ServerConfig::WebhookConfig>& configs) {
  std::vector<Webhook> out;
  for (const auto& config : configs) {
    Webhook webhook = {config.name, config.url, config.ca_file, "", config.topics};
    MUSTER_ASSIGN_OR_RETURN(const std::string secret, ReadFile(config.secret_file));
    webhook.secret = std::string(absl::StripTrailingAsciiWhitespace(secret));
    if (webhook.secret.size() < kMinWebhookSecret) {
      return absl::InvalidArgumentError(
          absl::StrCat(config.secret_file, ": the secret has fewer than ", kMinWebhookSecret,
                       " bytes; make one with `openssl rand -hex 32`"));
    }
    out.push_back(std::move(webhook));
  }
  return out;
}

Settings MakeSettings(const ServerConfig& config, const std::string& tenant) {
  Settings out;
  out.tenant = tenant;
  out.how_to_ask = config.how_to_ask;
  out.write_back = config.directory.write_back;
  out.groups = config.directory.groups;
  out.role_groups = config.directory.roles;
  out.decision_times = {config.requests.sla, config.requests.escalate_to,
                        config.requests.expire_after};
  out.certificate_life = config.certificate_life;
  for (const ServerConfig::WebhookConfig& webhook : config.webhooks) {
    out.webhooks.push_back(webhook.name);
  }
  return out;
}

// Blocks until SIGINT or SIGTERM. Signals are blocked in every thread and taken here.
void WaitForSignal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  int signal = 0;
  sigwait(&set, &signal);
}

void BlockSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

// A thread per receiver of webhooks: a slow one holds up nobody else.
class Senders {
 public:
  Senders(const Services& services, const std::vector<Webhook>& webhooks,
          WebhookTransport& transport, const WebhookSender::OnError& on_error) {
    for (const Webhook& webhook : webhooks) {
      senders_.push_back(std::make_unique<WebhookSender>(services, webhook, transport, on_error));
      threads_.emplace_back([sender = senders_.back().get()] { sender->Run(); });
    }
  }
  ~Senders() { Stop(); }
  Senders(const Senders&) = delete;
  Senders& operator=(const Senders&) = delete;
  void Stop() {
    for (const auto& sender : senders_) sender->Stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::vector<std::unique_ptr<WebhookSender>> senders_;
  std::vector<std::thread> threads_;
};

std::shared_ptr<spdlog::logger> PrepareProcess() {
  BlockSignals();
  RequireTls13();
  // It writes a line for every string that is not UTF-8: a peer could fill the journal.
  google::protobuf::SetLogHandler(nullptr);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  auto log = spdlog::stderr_logger_mt("musterd");
  log->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  log->flush_on(spdlog::level::info);
  return log;
}

// What works, but not as it should.
void WarnOfWhatIsMissing(spdlog::logger& log, const Signer& signer, const Settings& settings,
                         const std::string& data_dir) {
  if (!signer.Has(kBeaconKind.role)) {
    log.warn("the root of trust has no role 'beacon': devices cannot notice a frozen policy");
  }
  if (!signer.Has(kLogRole)) {
    log.warn(
        "the root of trust names no key of the audit log: its heads are not signed, and nobody "
        "outside can check them. Make one with `musterctl trust key --algorithm ed25519 --out "
        "{}/keys/log.key` and name it in the next root with `musterctl trust add-key log`",
        data_dir);
  }

  if (settings.role_groups.empty()) {
    log.warn(
        "no directory group gives a role (directory.roles): only operators whose certificate "
        "carries the role admin may do anything");
  }
}

absl::Status Run(const std::string& config_file) {
  const auto log = PrepareProcess();
  MUSTER_ASSIGN_OR_RETURN(const ServerConfig config, LoadConfig(config_file));
  MUSTER_ASSIGN_OR_RETURN(Tenant tenant, LoadTenant(config.data_dir));
  MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store,
                          RocksDbStore::Open(config.data_dir + "/db"));
  MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<Directory> directory,
                          OpenDirectory(config.directory));

  const std::unique_ptr<WebhookTransport> transport = NewCurlTransport();
  const HostClock clock;
  SystemEntropy entropy;
  Work work;
  const Settings settings = MakeSettings(config, tenant.name);
  const Services services{*store, clock, entropy, work, settings};
  Signer signer([dir = config.data_dir] { return LoadOnlineKeys(dir); },
                [log, dir = config.data_dir](const std::string& key) {
                  const absl::Status kept = KeepLogKey(dir, key);
                  if (!kept.ok())
                    log->warn("the auditors' file of the log's key: {}", kept.ToString());
                });
  MUSTER_RETURN_IF_ERROR(AdoptRoot(services, signer, tenant.root));
  WarnOfWhatIsMissing(*log, signer, settings, config.data_dir);

  MUSTER_ASSIGN_OR_RETURN(CardTrust cards, LoadCardTrust(config.operators));
  MUSTER_ASSIGN_OR_RETURN(const std::vector<Webhook> webhooks, LoadWebhooks(config.webhooks));
  const PeerJudge judge(tenant.name, tenant.device_authority, tenant.operator_authority,
                        std::move(cards), clock);
  const auto ca =
      NewDeviceAuthority(tenant.name, tenant.device_authority, tenant.device_authority_key);
  DeviceHub hub(clock);
  InstanceWatch instances;
  ReconcilerOptions options;
  options.sync_interval = config.sync_interval;
  options.rollout = {config.rollout_soak, config.rollout_max_nack_percent};
  options.on_error = [log](const absl::Status& status, absl::string_view what) {
    log->error("{}: {}", std::string(what), status.ToString());
  };
  Reconciler reconciler(services, signer, *directory, hub, options);
  SignInLimiter sign_ins;
  const auto admin = NewAdminService(
      {services, judge, signer, reconciler, hub, *directory, sign_ins, webhooks, log});
  const auto devices = NewDeviceService({services, judge, *ca, hub, instances, log});
  MUSTER_ASSIGN_OR_RETURN(const RunningServer running,
                          StartServer({config.listen, tenant.server_pem, tenant.server_key_pem},
                                      {admin.get(), devices.get()}));
  Senders senders(services, webhooks, *transport, options.on_error);
  std::thread publisher([&] { reconciler.RunPublisher(); });
  std::thread directory_loop([&] { reconciler.RunDirectory(); });
  log->info("tenant {} listening on {} (port {}), directory {}", tenant.name, config.listen,
            running.port, directory->source());

  WaitForSignal();
  log->info("stopping");
  reconciler.Stop();
  senders.Stop();
  // Agents that hear of it leave by themselves, and come back spread over the window.
  const absl::Duration window = hub.Drain();
  log->info("{} agents told to come back within {}", hub.size(), absl::FormatDuration(window));
  running.server->Shutdown(absl::ToChronoTime(clock.Now() + absl::Seconds(2)));
  publisher.join();
  directory_loop.join();
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  CLI::App app{"musterd: the Muster controller"};
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);

  TenantOptions tenant;
  tenant.server_names = {"localhost", "127.0.0.1", "::1"};
  CLI::App* init = app.add_subcommand("init", "make a tenant: keys, CAs, root of trust");
  std::string init_config;
  init->add_option("--dir", tenant.dir, "the tenant's folder");
  init->add_option("--config", init_config, "or: the configuration that names it");
  init->add_option("--tenant", tenant.tenant, "its name, [a-z0-9.-]")->required();
  init->add_option("--server-name", tenant.server_names,
                   "DNS name or IP address of the controller (repeatable)");
  init->add_flag("--external-root", tenant.external_root,
                 "make no root keys: the first root comes from a ceremony (musterctl trust init)");

  OperatorOptions op;
  op.server = "localhost:7443";
  CLI::App* issue = app.add_subcommand("operator", "issue an operator's certificate and profile");
  issue->add_option("--dir", op.dir, "the tenant's folder")->required();
  issue->add_option("--upn", op.upn, "who: the user principal name")->required();
  issue->add_option("--name", op.name, "file name of the profile, e.g. soc-approver")->required();
  issue->add_option("--server", op.server, "host:port that the profile names");
  issue->add_flag("--admin", op.admin,
                  "the certificate itself carries the role admin: to set up, and for when the "
                  "directory is away");
  issue->add_option("--out", op.out, "folder for the profile (default: <dir>/operators)");

  std::string config;
  CLI::App* run = app.add_subcommand("run", "run the controller");
  run->add_option("--config", config, "configuration file")->required();

  StoreCommands store_commands(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (init->parsed()) return Finish(Init(tenant, init_config));
  if (issue->parsed()) return Finish(Operator(op));
  if (const auto done = store_commands.Run()) return Finish(*done);
  return Finish(Run(config));
}

}  // namespace
}  // namespace muster

int main(int argc, char** argv) { return muster::Main(argc, argv); }

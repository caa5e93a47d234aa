#include "bridge/setup.h"

#include <utility>

#include "agent/adapters/files/file_io.h"
#include "bridge/adapters/http/curl_transport.h"
#include "bridge/adapters/ws1/ws1_client.h"
#include "bridge/adapters/yaml/key_file.h"
#include "common/bridge_limits.h"
#include "common/profile_signer.h"
#include "common/status_macros.h"

namespace muster::bridge {
namespace {

// Its certificate may be too old: then all else goes on, and the status says so.
absl::StatusOr<ProfileSigner> LoadSigner(const BridgeConfig::Files& files) {
  MUSTER_ASSIGN_OR_RETURN(std::string certificate,
                          agent::ReadFile(files.certificate_file, kMaxSignerPemBytes));
  MUSTER_ASSIGN_OR_RETURN(std::string key, ReadKeyFile(files.key_file, kMaxSignerPemBytes));
  return ProfileSigner::New({files.certificate_file, std::move(certificate)},
                            {files.key_file, std::move(key)});
}

}  // namespace

absl::StatusOr<BridgeConfig> ReadBridgeConfig(const std::string& file) {
  MUSTER_ASSIGN_OR_RETURN(const std::string text,
                          agent::ReadFile(file, limits::kMaxBridgeConfigBytes));
  return ParseBridgeConfig(file, text);
}

absl::StatusOr<agent::EnrolledDevice> LoadBridge(const agent::StateStore& store) {
  absl::StatusOr<agent::EnrolledDevice> out = agent::LoadEnrolled(store);
  if (!absl::IsNotFound(out.status())) return out;
  return absl::NotFoundError("this bridge is not enrolled: run `muster-bridge enroll` first");
}

absl::StatusOr<Uem> MakeUem(const BridgeConfig& config, const Clock* clock) {
  Ws1Options options;
  options.url = config.uem.url;
  options.token_url = config.uem.token_url;
  MUSTER_ASSIGN_OR_RETURN(options.client_id, ReadSecretFile(config.uem.client_id_file));
  MUSTER_ASSIGN_OR_RETURN(options.client_secret, ReadSecretFile(config.uem.client_secret_file));
  MUSTER_ASSIGN_OR_RETURN(options.tenant_code, ReadSecretFile(config.uem.tenant_code_file));
  options.organization_group = config.uem.organization_group;
  options.android_management =
      AndroidManagementOf(config.uem.android_management).value_or(AndroidManagement::kUnknown);
  options.personal_apps_hidden = config.uem.personal_apps == "hidden";
  options.user_group_numbers = config.user_group_numbers;
  Uem out;
  out.transport = NewCurlTransport({.ca_file = config.uem.ca_file});
  out.client = std::make_unique<Ws1Client>(std::move(options), out.transport.get(), clock);
  return out;
}

absl::StatusOr<FleetOptions> MakeFleetOptions(const BridgeConfig& config, std::string tenant,
                                              std::string bridge_id) {
  FleetOptions out;
  out.tenant = std::move(tenant);
  out.bridge_id = std::move(bridge_id);
  out.apps = config.apps;
  out.pace = config.pace;
  out.list_every = config.list_every;
  out.sweep_every = config.sweep_every;
  if (config.profile_signing) {
    MUSTER_ASSIGN_OR_RETURN(const ProfileSigner signer, LoadSigner(*config.profile_signing));
    out.sign_profile = [signer](const std::string& profile, absl::Time now) {
      return signer.Sign(profile, now);
    };
    out.signing_trouble = [signer](absl::Time now) { return signer.Trouble(now); };
  }
  return out;
}

absl::StatusOr<std::unique_ptr<HintServer>> StartHints(
    const BridgeConfig& config, std::function<void(const std::string& uem_id)> on_hint) {
  if (!config.hints) return nullptr;
  HintOptions options;
  options.address = config.hints->address;
  options.port = config.hints->port;
  options.user = config.hints->user;
  MUSTER_ASSIGN_OR_RETURN(options.password, ReadSecretFile(config.hints->password_file));
  if (config.hints->tls) {
    options.certificate_file = config.hints->tls->certificate_file;
    MUSTER_ASSIGN_OR_RETURN(options.key_pem,
                            ReadKeyFile(config.hints->tls->key_file, kMaxSignerPemBytes));
  }
  options.on_hint = std::move(on_hint);
  return HintServer::Start(std::move(options));
}

}  // namespace muster::bridge

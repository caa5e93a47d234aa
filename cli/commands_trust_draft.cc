// The verbs of `musterctl trust` that make something: keys, drafts of roots, emergency denies.
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/pkcs11_key.h"
#include "cli/signing_key.h"
#include "cli/trust_documents.h"
#include "cli/write_file.h"
#include "common/checkpoint.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

struct KeyArgs {
  std::string out, public_file, algorithm = std::string(kEcdsaP256Sha256), uri, pin_file;
  bool dry_run = false;
};

int PrintKey(Session& s, const PrivateKey& key, const std::string& file,
             const std::string& public_file) {
  Json json = {{"key_id", key.key_id()}, {"algorithm", key.algorithm()}};
  if (!file.empty()) json["key_file"] = file;
  json["public_file"] = public_file;
  return s.Print(json);
}

absl::StatusOr<int> ExportTokenKey(Session& s, const KeyArgs& args) {
  if (args.public_file.empty() || !args.out.empty()) {
    return absl::InvalidArgumentError(
        "a key in a token stays there: say where its public half goes with --public, no --out");
  }
  if (!IsTokenUri(args.uri)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", args.uri, "' is no PKCS#11 URI; write it like pkcs11:token=T;object=O"));
  }
  MUSTER_RETURN_IF_ERROR(CheckIsNew(args.public_file));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, LoadSigningKey(args.uri, args.pin_file));
  MUSTER_RETURN_IF_ERROR(TrustedKeyFromSpki(key.spki()).status());
  if (!args.dry_run) {
    MUSTER_RETURN_IF_ERROR(WriteNewFile(args.public_file, PublicKeyPem(key.spki()), 0644));
  }
  return PrintKey(s, key, "", args.public_file);
}

absl::StatusOr<int> MakeKey(Session& s, const KeyArgs& args) {
  if (!args.uri.empty()) return ExportTokenKey(s, args);
  if (args.out.empty()) {
    return absl::InvalidArgumentError("say where the key goes: --out FILE, or --pkcs11 URI");
  }
  const std::string base =
      absl::EndsWith(args.out, ".key") ? args.out.substr(0, args.out.size() - 4) : args.out;
  const std::string public_file = args.public_file.empty() ? base + ".pub" : args.public_file;
  MUSTER_RETURN_IF_ERROR(CheckIsNew(args.out));
  MUSTER_RETURN_IF_ERROR(CheckIsNew(public_file));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate(args.algorithm));
  MUSTER_ASSIGN_OR_RETURN(const std::string pem, key.ToPem());
  if (!args.dry_run) {
    MUSTER_RETURN_IF_ERROR(WriteSecretFile(args.out, pem));
    MUSTER_RETURN_IF_ERROR(WriteNewFile(public_file, PublicKeyPem(key.spki()), 0644));
  }
  return PrintKey(s, key, args.out, public_file);
}

// A new file with `doc`; what it says is printed either way.
absl::StatusOr<int> WriteDraft(Session& s, const v1::SignedDoc& doc, const v1::Root* previous,
                               const std::string& out, bool dry_run) {
  MUSTER_RETURN_IF_ERROR(CheckIsNew(out));
  MUSTER_ASSIGN_OR_RETURN(const Json json,
                          TrustDocumentJson(out, doc, previous, SystemClock().Now()));
  if (!dry_run) MUSTER_RETURN_IF_ERROR(WriteNewFile(out, doc.SerializeAsString(), 0644));
  return s.Print(json);
}

struct InitArgs {
  std::string tenant, out;
  std::vector<std::string> files[std::size(kTrustRoles)];  // public keys, by role
  uint32_t threshold = 2;
  bool dry_run = false;
};

absl::StatusOr<int> MakeFirstRoot(Session& s, const InitArgs& args) {
  std::vector<RoleKeys> roles;
  for (size_t i = 0; i < std::size(kTrustRoles); ++i) {
    RoleKeys role{.role = std::string(kTrustRoles[i])};
    MUSTER_ASSIGN_OR_RETURN(role.keys, ReadPublicKeys(args.files[i]));
    if (role.role == "root") role.threshold = args.threshold;
    roles.push_back(std::move(role));
  }
  MUSTER_ASSIGN_OR_RETURN(const v1::Root root, FirstRoot(args.tenant, roles, SystemClock().Now()));
  MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, MakeSignedDoc(root, {}));
  return WriteDraft(s, doc, nullptr, args.out, args.dry_run);
}

struct ChangeArgs {
  RoleChange change;
  std::string root, out;
  std::vector<std::string> files;  // public keys
  bool dry_run = false;
};

absl::StatusOr<int> MakeNextRoot(Session& s, const ChangeArgs& args) {
  MUSTER_ASSIGN_OR_RETURN(const v1::Root current, ReadRoot(args.root));
  RoleChange change = args.change;
  MUSTER_ASSIGN_OR_RETURN(change.add, ReadPublicKeys(args.files));
  MUSTER_ASSIGN_OR_RETURN(const v1::Root next, NextRoot(current, change, SystemClock().Now()));
  MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, MakeSignedDoc(next, {}));
  return WriteDraft(s, doc, &current, args.out, args.dry_run);
}

struct DenyArgs {
  std::vector<std::string> apps;
  std::string root, reason, key, pin_file, out;
  uint64_t version = 0;  // 0: seconds since 1970
  bool lift_all = false, dry_run = false;
};

absl::Status CheckDeny(const DenyArgs& args) {
  if (args.apps.empty() != args.lift_all) {
    return absl::InvalidArgumentError("name the apps to block, or --lift-all, not both");
  }
  if (args.apps.size() > limits::kMaxEmergencyApps) {
    return absl::InvalidArgumentError(absl::StrCat(args.apps.size(), " apps; at most ",
                                                   limits::kMaxEmergencyApps, " in one deny"));
  }
  if (args.reason.size() > limits::kMaxReasonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the reason is longer than ", limits::kMaxReasonBytes, " bytes"));
  }
  std::set<std::string> seen;
  for (const std::string& app : args.apps) {
    if (app.empty() || app.size() > limits::kMaxAppIdBytes || !seen.insert(app).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", app, "' is no app id, or is there twice"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> MakeDeny(Session& s, const DenyArgs& args) {
  MUSTER_RETURN_IF_ERROR(CheckDeny(args));
  MUSTER_ASSIGN_OR_RETURN(const v1::Root root, ReadRoot(args.root));
  const absl::Time now = SystemClock().Now();
  v1::EmergencyDeny deny;
  v1::DocumentHeader& header = *deny.mutable_header();
  header.set_tenant(root.header().tenant());
  header.set_kind(std::string(kEmergencyDenyKind.kind));
  header.set_name(kEmergencyDenyName);
  header.set_epoch(root.header().epoch());
  // Whoever holds the key need not know what was published before: time goes up by itself.
  header.set_version(args.version > 0 ? args.version
                                      : static_cast<uint64_t>(absl::ToUnixSeconds(now)));
  *header.mutable_issued_at() = ToProto(now);
  *header.mutable_not_after() = ToProto(now + limits::kEmergencyDenyLife);
  deny.mutable_app_ids()->Assign(args.apps.begin(), args.apps.end());
  deny.set_reason(args.reason);
  deny.set_lifts_all(args.lift_all);
  MUSTER_ASSIGN_OR_RETURN(v1::SignedDoc doc, MakeSignedDoc(deny, {}));
  MUSTER_ASSIGN_OR_RETURN(const std::vector<SignatureNeed> needs, NeedsOf(doc, &root));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, LoadSigningKey(args.key, args.pin_file));
  MUSTER_RETURN_IF_ERROR(AddSignature(doc, key, needs));
  return WriteDraft(s, doc, &root, args.out, args.dry_run);
}

void AddKey(CLI::App* noun, Session* session) {
  auto args = std::make_shared<KeyArgs>();
  CLI::App* verb =
      AddVerb(noun, session, "key", "A new key pair, or the public half of a token's key",
              [args](Session& s) { return MakeKey(s, *args); });
  AddOptional(verb, "--out", "New file for the private key (mode 0600)",
              [args](const std::string& v) { args->out = v; });
  AddOptional(verb, "--public", "New file for the public key (default: beside it, .pub)",
              [args](const std::string& v) { args->public_file = v; });
  verb->add_option("--algorithm", args->algorithm,
                   "Of a new key; the role log takes ed25519 (default: ecdsa-p256-sha256)")
      ->check(CLI::IsMember({std::string(kEcdsaP256Sha256), std::string(kEd25519)}));
  AddOptional(verb, "--pkcs11", "URI of a key in a token, pkcs11:token=T;object=O",
              [args](const std::string& v) { args->uri = v; });
  AddOptional(verb, "--pin-file", "File (0600) with the token's PIN",
              [args](const std::string& v) { args->pin_file = v; });
  AddDryRun(verb, [args](bool v) { args->dry_run = v; });
}

void AddInit(CLI::App* noun, Session* session) {
  auto args = std::make_shared<InitArgs>();
  CLI::App* verb = AddVerb(noun, session, "init", "Draft the first root from public keys",
                           [args](Session& s) { return MakeFirstRoot(s, *args); });
  AddRequired(verb, "--tenant", "The tenant's name",
              [args](const std::string& v) { args->tenant = v; });
  AddRequired(verb, "--out", "New file for the draft",
              [args](const std::string& v) { args->out = v; });
  for (size_t i = 0; i < std::size(kTrustRoles); ++i) {
    const std::string role(kTrustRoles[i]);
    CLI::Option* option = verb->add_option("--" + role, args->files[i],
                                           absl::StrCat("Public keys of the role ", role));
    if (role != "records" && role != kLogRole) option->required();
  }
  verb->add_option("--threshold", args->threshold, "How many root keys have to sign (default 2)");
  AddDryRun(verb, [args](bool v) { args->dry_run = v; });
}

// What add-key, remove-key and rotate share.
CLI::App* AddChange(CLI::App* noun, Session* session, const std::string& name,
                    const std::string& help, const std::shared_ptr<ChangeArgs>& args) {
  CLI::App* verb =
      AddVerb(noun, session, name, help, [args](Session& s) { return MakeNextRoot(s, *args); });
  AddName(verb, "role", "root, policy, assignment, beacon, log, emergency or records",
          [args](const std::string& v) { args->change.role = v; });
  AddRequired(verb, "--root", "The root to change",
              [args](const std::string& v) { args->root = v; });
  AddRequired(verb, "--out", "New file for the draft",
              [args](const std::string& v) { args->out = v; });
  verb->add_option_function<uint32_t>(
      "--threshold", [args](const uint32_t& v) { args->change.threshold = v; },
      "How many keys of the role have to sign (default: as before)");
  AddDryRun(verb, [args](bool v) { args->dry_run = v; });
  return verb;
}

void AddChanges(CLI::App* noun, Session* session) {
  auto add = std::make_shared<ChangeArgs>();
  CLI::App* verb = AddChange(noun, session, "add-key", "Draft the next root: one more key", add);
  verb->add_option("--public", add->files, "The new public key")->required()->expected(1);

  auto remove = std::make_shared<ChangeArgs>();
  verb = AddChange(noun, session, "remove-key", "Draft the next root: one key less", remove);
  AddName(verb, "key-id", "Id of the key that goes",
          [remove](const std::string& v) { remove->change.remove = {v}; });

  auto rotate = std::make_shared<ChangeArgs>();
  rotate->change.replace = true;
  verb = AddChange(noun, session, "rotate", "Draft the next root: other keys for a role", rotate);
  verb->add_option("--public", rotate->files, "All public keys of the role from now on")
      ->required();
  verb->add_flag_function(
      "--compromised", [rotate](int64_t) { rotate->change.compromised = true; },
      "A key was stolen: begin a new epoch, which outdates all it ever signed");
}

void AddDeny(CLI::App* noun, Session* session) {
  auto args = std::make_shared<DenyArgs>();
  CLI::App* verb = AddVerb(noun, session, "deny", "Make and sign an emergency deny, or lift it",
                           [args](Session& s) { return MakeDeny(s, *args); });
  verb->add_option("apps", args->apps, "Ids of the apps to block now, whoever holds a grant");
  verb->add_flag("--lift-all", args->lift_all, "Take the emergency deny back");
  AddRequired(verb, "--root", "The root in force",
              [args](const std::string& v) { args->root = v; });
  AddRequired(verb, "--reason", "Shown to the person whose app is blocked",
              [args](const std::string& v) { args->reason = v; });
  AddRequired(verb, "--key", "Emergency key: a PEM file (0600) or pkcs11:URI of a token",
              [args](const std::string& v) { args->key = v; });
  AddOptional(verb, "--pin-file", "File (0600) with the token's PIN",
              [args](const std::string& v) { args->pin_file = v; });
  AddRequired(verb, "--out", "New file", [args](const std::string& v) { args->out = v; });
  verb->add_option("--version", args->version, "Must go up (default: seconds since 1970)");
  AddDryRun(verb, [args](bool v) { args->dry_run = v; });
}

}  // namespace

void AddTrustDraftCommands(CLI::App* trust, Session* session) {
  AddKey(trust, session);
  AddInit(trust, session);
  AddChanges(trust, session);
  AddDeny(trust, session);
}

}  // namespace muster::cli

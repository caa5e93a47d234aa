// `musterctl trust`: look at, sign and publish roots and emergency denies. All but `publish` and
// a `show` without a file work on files alone, on a machine that no network reaches.
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/profile.h"
#include "cli/signing_key.h"
#include "cli/trust_documents.h"
#include "cli/write_file.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

// nullopt for an empty path.
absl::StatusOr<std::optional<v1::Root>> ReadPrevious(const std::string& path) {
  if (path.empty()) return std::nullopt;
  MUSTER_ASSIGN_OR_RETURN(v1::Root root, ReadRoot(path));
  return root;
}

const v1::Root* OrNull(const std::optional<v1::Root>& root) { return root ? &*root : nullptr; }

struct ShowArgs {
  std::string file, previous;
};

// What is in force was accepted already: it has no next step and nothing is missing.
absl::StatusOr<Json> InForceJson(const v1::SignedDoc& doc, const v1::Root* root, absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(Json out, TrustDocumentJson("", doc, root, now));
  for (const char* name : {"missing", "accepted", "next_step"}) out.erase(name);
  return out;
}

absl::StatusOr<int> ShowInForce(Session& s) {
  v1::TrustView view;
  MUSTER_RETURN_IF_ERROR(s.Call("GetTrust", v1::GetTrustRequest(), &view));
  if (!view.has_root()) return absl::NotFoundError("the controller has no root of trust");
  const absl::Time now = SystemClock().Now();
  MUSTER_ASSIGN_OR_RETURN(const v1::Root root, RootOf(view.root()));
  MUSTER_ASSIGN_OR_RETURN(Json out, InForceJson(view.root(), nullptr, now));
  if (view.has_emergency_deny()) {
    MUSTER_ASSIGN_OR_RETURN(out["emergency_deny"], InForceJson(view.emergency_deny(), &root, now));
  }
  return s.Print(out);
}

absl::StatusOr<int> Show(Session& s, const ShowArgs& args) {
  if (args.file.empty()) return ShowInForce(s);
  MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, ReadTrustDocument(args.file));
  MUSTER_ASSIGN_OR_RETURN(const std::optional<v1::Root> previous, ReadPrevious(args.previous));
  MUSTER_ASSIGN_OR_RETURN(const Json out,
                          TrustDocumentJson(args.file, doc, OrNull(previous), SystemClock().Now()));
  return s.Print(out);
}

struct SignArgs {
  std::string file, key, pin_file, previous, out;
  bool dry_run = false;
};

absl::Status AddOne(v1::SignedDoc& doc, const SignArgs& args, const v1::Root* previous) {
  if (!IsRoot(doc) && previous == nullptr) {
    return absl::InvalidArgumentError(
        "which root makes the key an emergency key? Name the root in force with --previous");
  }
  MUSTER_ASSIGN_OR_RETURN(const std::vector<SignatureNeed> needs, NeedsOf(doc, previous));
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, LoadSigningKey(args.key, args.pin_file));
  absl::Status status = AddSignature(doc, key, needs);
  if (VerifyCodeOf(status) == VerifyCode::kRole && previous == nullptr) {
    return VerifyError(VerifyCode::kRole,
                       absl::StrCat("the key ", key.key_id(),
                                    " is no root key of this root; if it is one of the root "
                                    "before, name that root with --previous"));
  }
  return status;
}

absl::StatusOr<int> Sign(Session& s, const SignArgs& args) {
  const std::string out = args.out.empty() ? args.file : args.out;
  if (out != args.file) MUSTER_RETURN_IF_ERROR(CheckIsNew(out));
  MUSTER_ASSIGN_OR_RETURN(v1::SignedDoc doc, ReadTrustDocument(args.file));
  MUSTER_ASSIGN_OR_RETURN(const std::optional<v1::Root> previous, ReadPrevious(args.previous));
  MUSTER_RETURN_IF_ERROR(AddOne(doc, args, OrNull(previous)));
  MUSTER_ASSIGN_OR_RETURN(const Json json,
                          TrustDocumentJson(out, doc, OrNull(previous), SystemClock().Now()));
  if (!args.dry_run) MUSTER_RETURN_IF_ERROR(ReplaceFile(out, doc.SerializeAsString()));
  return s.Print(json);
}

struct PublishArgs {
  std::vector<std::string> files;
  std::string dir;
  bool dry_run = false;
};

absl::StatusOr<int> PublishToController(Session& s, const PublishArgs& args) {
  v1::PublishTrustRequest request;
  request.set_dry_run(args.dry_run);
  for (const std::string& file : args.files) {
    MUSTER_ASSIGN_OR_RETURN(*request.add_documents(), ReadTrustDocument(file));
  }
  v1::PublishTrustResponse response;
  MUSTER_RETURN_IF_ERROR(s.Call("PublishTrust", request, &response));
  if (args.dry_run) return s.Print(MessageJson(response.impact()));
  return s.Print(MessageJson(response));
}

// The first root of a tenant whose controller has never run; nobody is there to ask yet.
absl::StatusOr<int> InstallFirstRoot(Session& s, const PublishArgs& args) {
  if (args.files.size() != 1) {
    return absl::InvalidArgumentError("--dir installs one file, the first root of the tenant");
  }
  MUSTER_ASSIGN_OR_RETURN(
      const std::string name,
      ReadSmallFile(args.dir + "/tenant", "tenant's name", limits::kMaxNameBytes));
  MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, ReadTrustDocument(args.files[0]));
  const absl::Time now = SystemClock().Now();
  MUSTER_RETURN_IF_ERROR(
      VerifyRoot(doc, nullptr, std::string(absl::StripAsciiWhitespace(name)), {}, now).status());
  const std::string path = args.dir + "/trust/root.pb";
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc old, ReadTrustDocument(path));
    if (old.payload() != doc.payload()) {
      return absl::AlreadyExistsError(absl::StrCat(
          path, " is another root; later roots go through the controller: leave out --dir"));
    }
  } else if (!args.dry_run) {
    MUSTER_RETURN_IF_ERROR(ReplaceFile(path, doc.SerializeAsString()));
  }
  MUSTER_ASSIGN_OR_RETURN(Json json, TrustDocumentJson(path, doc, nullptr, now));
  json["next_step"] = "musterd run --config FILE";
  return s.Print(json);
}

void AddSign(CLI::App* noun, Session* session) {
  auto args = std::make_shared<SignArgs>();
  CLI::App* verb =
      AddVerb(noun, session, "sign", "Add one signature to a root or an emergency deny",
              [args](Session& s) { return Sign(s, *args); });
  AddName(verb, "file", "The document", [args](const std::string& v) { args->file = v; });
  AddRequired(verb, "--key", "Private key: a PEM file (0600) or pkcs11:URI of a token",
              [args](const std::string& v) { args->key = v; });
  AddOptional(verb, "--pin-file", "File (0600) with the token's PIN",
              [args](const std::string& v) { args->pin_file = v; });
  AddOptional(verb, "--previous", "The root before; for an emergency deny the root in force",
              [args](const std::string& v) { args->previous = v; });
  AddOptional(verb, "--out", "Write to this new file, not in place",
              [args](const std::string& v) { args->out = v; });
  AddDryRun(verb, [args](bool v) { args->dry_run = v; });
}

void AddPublish(CLI::App* noun, Session* session) {
  auto args = std::make_shared<PublishArgs>();
  CLI::App* verb = AddVerb(noun, session, "publish",
                           "Put signed roots and emergency denies in force", [args](Session& s) {
                             return args->dir.empty() ? PublishToController(s, *args)
                                                      : InstallFirstRoot(s, *args);
                           });
  verb->add_option("files", args->files, "Documents, in the order to be published")->required();
  AddOptional(verb, "--dir", "Install the first root into this tenant's folder; asks no controller",
              [args](const std::string& v) { args->dir = v; });
  AddDryRun(verb, [args](bool v) { args->dry_run = v; });
}

}  // namespace

void AddTrustCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "trust", "The root of trust: keys, roles, ceremonies");
  auto show = std::make_shared<ShowArgs>();
  CLI::App* verb = AddVerb(noun, session, "show",
                           "A document: who signed, what is missing; else what is in force",
                           [show](Session& s) { return Show(s, *show); });
  AddOptional(verb, "file", "The document; without it the controller is asked",
              [show](const std::string& v) { show->file = v; });
  AddOptional(verb, "--previous", "The root before; for an emergency deny the root in force",
              [show](const std::string& v) { show->previous = v; });
  AddTrustDraftCommands(noun, session);
  AddSign(noun, session);
  AddPublish(noun, session);
}

}  // namespace muster::cli

// `musterctl policy export`: policy as files for a platform's own management.
#include <memory>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/native_offline.h"
#include "cli/native_sign.h"
#include "cli/write_file.h"
#include "common/clock.h"
#include "common/crypto.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

struct PolicyExport {
  v1::NativePolicy::Format format = v1::NativePolicy::UNSPECIFIED;
  std::string format_name, person, from, tenant, out, sign_cert, sign_key;
  std::optional<absl::Time> generated_at;
};

absl::Status CheckArgs(const PolicyExport& args) {
  if (args.sign_cert.empty() != args.sign_key.empty()) {
    return absl::InvalidArgumentError(
        "a signature takes both, --sign-cert with the certificate and --sign-key with its key");
  }
  if (!args.sign_cert.empty() && args.format != v1::NativePolicy::APPLE_PROFILE) {
    return absl::InvalidArgumentError(
        absl::StrCat("only apple-profile can be signed; whoever takes ", args.format_name,
                     " reads it unsigned: leave out --sign-cert and --sign-key"));
  }
  if (args.from.empty() && (args.generated_at || !args.tenant.empty())) {
    return absl::InvalidArgumentError(
        "--generated-at and --tenant go with -f alone: a controller knows its own time and name");
  }
  if (!args.from.empty() && !args.person.empty()) {
    return absl::InvalidArgumentError(
        "--person cannot be used with -f: who holds a grant is known to the controller only, not "
        "to the policy files; leave out -f to ask the controller, or --person");
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ExportPolicyResponse> Fetch(Session& s, const PolicyExport& args) {
  if (!args.from.empty()) {
    // Whole seconds, as the controller gives them.
    const absl::Time now = absl::FromUnixSeconds(absl::ToUnixSeconds(SystemClock().Now()));
    OfflineExport what = {args.from, args.format, args.tenant, args.generated_at.value_or(now)};
    if (what.tenant.empty()) what.tenant = "unnamed";
    return ExportOffline(what, s.err);
  }
  v1::ExportPolicyRequest request;
  request.set_format(args.format);
  request.set_person_upn(args.person);
  v1::ExportPolicyResponse response;
  MUSTER_RETURN_IF_ERROR(s.Call("ExportPolicy", request, &response));
  return response;
}

// For programs: everything that is said, and the file itself where it goes nowhere else.
void PrintObject(Session& s, const PolicyExport& args, const v1::ExportPolicyResponse& got) {
  Json object = MessageJson(got);
  object.erase("file");
  Json shown = Json::object();
  shown["format"] = args.format_name;
  shown.update(object);
  shown["person_upn"] = args.person;
  shown["signed"] = !args.sign_cert.empty();
  shown["bytes"] = got.file().size();
  if (args.out.empty()) {
    shown["file_base64"] = absl::Base64Escape(got.file());
  } else {
    shown["out"] = args.out;
  }
  s.Print(shown);
}

// Beside the file, which has standard output to itself.
void SayWhatItIs(Session& s, const PolicyExport& args, const v1::ExportPolicyResponse& got) {
  for (const std::string& note : got.notes()) s.err << "note: " << note << "\n";
  s.err << args.format_name << " for "
        << (args.person.empty() ? "nobody in particular" : args.person) << ", "
        << (got.version() == 0 ? std::string("no policy version")
                               : absl::StrCat("policy version ", got.version()))
        << ", generated " << TimeText(FromProto(got.generated_at())) << ", " << got.file().size()
        << " bytes, " << (args.sign_cert.empty() ? "unsigned" : "signed") << ", SHA-256 "
        << got.sha256() << (args.out.empty() ? "" : absl::StrCat(": written to ", args.out))
        << "\n";
}

absl::StatusOr<int> Export(Session& s, const PolicyExport& args) {
  MUSTER_RETURN_IF_ERROR(CheckArgs(args));
  std::optional<ProfileSigner> signer;
  if (!args.sign_cert.empty()) {
    MUSTER_ASSIGN_OR_RETURN(signer,
                            LoadProfileSigner(args.sign_cert, args.sign_key, SystemClock().Now()));
  }
  MUSTER_ASSIGN_OR_RETURN(v1::ExportPolicyResponse got, Fetch(s, args));
  if (signer) {
    MUSTER_ASSIGN_OR_RETURN(*got.mutable_file(), signer->Sign(got.file(), SystemClock().Now()));
    got.set_sha256(Sha256Hex(got.file()));
  }
  if (!args.out.empty()) MUSTER_RETURN_IF_ERROR(ReplaceFile(args.out, got.file()));
  if (s.format != Format::kTable) {
    PrintObject(s, args, got);
    return 0;
  }
  if (args.out.empty()) s.out << got.file();
  SayWhatItIs(s, args, got);
  return 0;
}

void AddTime(CLI::App* verb, const std::shared_ptr<PolicyExport>& args) {
  AddOptional(verb, "--generated-at",
              "With -f: the time that the file says it was made at; equal policies and times give "
              "equal bytes",
              [args](const std::string& text) {
                absl::Time at;
                if (absl::ParseTime(absl::RFC3339_full, text, &at, nullptr))
                  args->generated_at = at;
              })
      ->check([](const std::string& text) -> std::string {
        absl::Time at;
        if (absl::ParseTime(absl::RFC3339_full, text, &at, nullptr)) return "";
        return absl::StrCat("'", text, "' is not a time such as 2026-10-01T08:00:00Z");
      });
}

}  // namespace

void AddPolicyExportCommand(CLI::App* policy, Session* session) {
  auto args = std::make_shared<PolicyExport>();
  CLI::App* verb =
      AddVerb(policy, session, "export", "The policy as a file for a platform's own management",
              [args](Session& s) { return Export(s, *args); });
  AddRequired(verb, "--format", NativeFormats(), [args](const std::string& v) {
    args->format = FindNativeFormat(v);
    args->format_name = v;
  })->check([](const std::string& v) -> std::string {
    if (FindNativeFormat(v) != v1::NativePolicy::UNSPECIFIED) return "";
    return absl::StrCat("'", v, "' is none of ", NativeFormats());
  });
  const auto text = [&](const std::string& option, std::string PolicyExport::*field,
                        const std::string& help) {
    AddOptional(verb, option, help, [args, field](const std::string& v) {
      (*args).*field = v;
    })->check([](const std::string& v) { return v.empty() ? "it is empty" : ""; });
  };
  text("--person", &PolicyExport::person, "With the grants of this person; else of nobody");
  text("-f,--from", &PolicyExport::from, "Offline, from this folder of policy files");
  text("--tenant", &PolicyExport::tenant,
       "With -f: the tenant's name; profiles of one name replace each other");
  text("--out", &PolicyExport::out, "Into this file, whole or not at all; else to standard output");
  text("--sign-cert", &PolicyExport::sign_cert,
       "apple-profile: sign with this certificate (PEM, those above it after it)");
  text("--sign-key", &PolicyExport::sign_key,
       "Its private key: a PEM file without a password, 0600");
  AddTime(verb, args);
}

}  // namespace muster::cli

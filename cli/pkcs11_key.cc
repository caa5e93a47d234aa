// OpenSSL 3.0 calls engines deprecated; Debian 12 has nothing else for PKCS#11.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "cli/pkcs11_key.h"

#include <openssl/engine.h>
#include <openssl/err.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

// The innermost reason why OpenSSL failed, in its own words; empties its queue.
std::string TakeError() {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return reason == nullptr ? "no reason given" : reason;
}

std::string PercentDecoded(absl::string_view text) {
  const auto digit = [](char c) {
    const absl::string_view digits = "0123456789abcdef";
    const size_t at = digits.find(static_cast<char>(c | 0x20));
    return at == absl::string_view::npos ? -1 : static_cast<int>(at);
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escaped =
        text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    out += escaped ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (escaped) i += 2;
  }
  return out;
}

struct EngineFree {
  void operator()(ENGINE* engine) const {
    ENGINE_finish(engine);
    ENGINE_free(engine);
  }
};

absl::Status KeyError(const TokenUri& uri) {
  const std::string why = TakeError();
  if (absl::StrContains(why, "PIN")) {
    return absl::PermissionDeniedError(absl::StrCat("the token refuses the PIN: ", why,
                                                    "; look at --pin-file before you repeat "
                                                    "it, tokens lock after a few wrong ones"));
  }
  if (absl::StrContains(why, "load PKCS#11 module")) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot load the PKCS#11 module ", uri.module, ": ", why));
  }
  return absl::NotFoundError(absl::StrCat(
      "the token has no key ", uri.object, " (", why,
      "); list its keys with `pkcs11-tool --module ", uri.module,
      " --list-objects`. One Ed25519 key in a token hides all of its keys from OpenSSL: a token "
      "for Muster holds P-256 keys only"));
}

absl::StatusOr<std::shared_ptr<ENGINE>> OpenEngine(const TokenUri& uri, const std::string& pin) {
  ENGINE_load_dynamic();
  ENGINE* engine = ENGINE_by_id("pkcs11");
  if (engine == nullptr) {
    ERR_clear_error();
    return absl::FailedPreconditionError(
        "OpenSSL's engine 'pkcs11' is not here: install the package libengine-pkcs11-openssl");
  }
  ENGINE_ctrl_cmd_string(engine, "QUIET", nullptr, 0);  // its errors are ours to word
  const bool ready = ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", uri.module.c_str(), 0) == 1 &&
                     ENGINE_ctrl_cmd_string(engine, "PIN", pin.c_str(), 0) == 1 &&
                     ENGINE_init(engine) == 1;
  if (ready) return std::shared_ptr<ENGINE>(engine, EngineFree());
  ENGINE_free(engine);
  return absl::FailedPreconditionError(
      absl::StrCat("OpenSSL's engine 'pkcs11' does not start: ", TakeError()));
}

}  // namespace

bool IsTokenUri(absl::string_view where) { return absl::StartsWith(where, "pkcs11:"); }

absl::StatusOr<TokenUri> ParseTokenUri(const std::string& uri, absl::string_view default_module) {
  TokenUri out{.object = "", .module = std::string(default_module)};
  const std::vector<std::string> parts = absl::StrSplit(uri, absl::MaxSplits('?', 1));
  out.object = parts[0];
  if (absl::StrContains(uri, "pin-value") || absl::StrContains(uri, "pin-source")) {
    return absl::InvalidArgumentError(
        "a PIN does not belong into the URI, where others on this machine can read it: put it "
        "into a file of mode 0600 and name that with --pin-file");
  }
  if (parts.size() == 2) {
    for (const absl::string_view attribute : absl::StrSplit(parts[1], '&')) {
      if (!absl::StartsWith(attribute, "module-path=")) {
        return absl::InvalidArgumentError(
            absl::StrCat("the PKCS#11 URI may have module-path after '?', not '", attribute, "'"));
      }
      out.module = PercentDecoded(attribute.substr(attribute.find('=') + 1));
    }
  }
  if (!out.module.empty()) return out;
  return absl::InvalidArgumentError(
      "which PKCS#11 module drives the token? Add ?module-path=/path/to/module.so to the URI or "
      "set PKCS11_MODULE_PATH");
}

absl::StatusOr<PrivateKey> LoadTokenKey(const std::string& uri, const std::string& pin) {
  const char* module = std::getenv("PKCS11_MODULE_PATH");
  MUSTER_ASSIGN_OR_RETURN(const TokenUri token,
                          ParseTokenUri(uri, module == nullptr ? "" : module));
  MUSTER_ASSIGN_OR_RETURN(const std::shared_ptr<ENGINE> engine, OpenEngine(token, pin));
  EVP_PKEY* key = ENGINE_load_private_key(engine.get(), token.object.c_str(), nullptr, nullptr);
  if (key == nullptr) return KeyError(token);
  ERR_clear_error();
  // The engine must live as long as its key.
  absl::StatusOr<PrivateKey> out = PrivateKey::FromHandle(
      std::shared_ptr<EVP_PKEY>(key, [engine](EVP_PKEY* k) { EVP_PKEY_free(k); }));
  if (out.ok() && absl::string_view(out->algorithm()) != kEcdsaP256Sha256) {
    return absl::InvalidArgumentError("the key in the token is not P-256");
  }
  return out;
}

}  // namespace muster::cli

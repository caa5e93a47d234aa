#include "agent/flow/companions.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "agent/flow/candidates.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

struct Layout {
  const char* kind;
  const char* companion;
};

// In the order in which the runtime itself looks.
constexpr Layout kAsarLayouts[] = {
    {"Electron", "resources/app.asar"},
    {"Electron", "resources/app/package.json"},
};
constexpr const char* kChromiumPaks[] = {"resources.pak", "chrome_100_percent.pak",
                                         "cef_100_percent.pak", "cef.pak"};
constexpr const char* kNwPak = "nw_100_percent.pak";
constexpr const char* kNwCompanions[] = {"package.nw", "package.json"};
// A Java runtime seen from its bin/; what is built with jpackage has it in lib/runtime.
constexpr const char* kJavaMarks[] = {"../lib/modules", "../lib/jvm.cfg", "../lib/libjli.so",
                                      "../lib/amd64/jvm.cfg", "../lib/runtime/lib/libjli.so"};
// Helpers that Chromium puts beside every app, the same in all of them.
constexpr const char* kChromiumHelpers[] = {"chrome-sandbox", "chrome_crashpad_handler",
                                            "crashpad_handler", "nacl_helper", "minidump-2-core"};

std::string Folder(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

absl::string_view Name(absl::string_view path) { return path.substr(path.find_last_of('/') + 1); }

bool OwnedByAnother(const PolicyIndex& policy, const std::string& path, AppIndex app,
                    Machine& machine) {
  const auto owners = machine.DpkgOwners({path});
  const auto it = owners.find(path);
  return it != owners.end() && !IsAppPackage(policy, it->second, app);
}

}  // namespace

std::optional<std::string> Companions::HashOf(const std::string& path, const FileStamp& stamp) {
  {
    MutexLock lock(&mu_);
    if (const auto it = sha256_of_.find(stamp); it != sha256_of_.end()) return it->second;
  }
  absl::StatusOr<HashedFile> hashed = machine_->Hash(path);
  if (!hashed.ok() || !(hashed->stamp == stamp)) return std::nullopt;
  Keep(stamp, hashed->sha256);
  return std::move(hashed->sha256);
}

void Companions::Keep(const FileStamp& stamp, const std::string& sha256) {
  MutexLock lock(&mu_);
  if (sha256_of_.size() >= limits::kMaxCompanionHashes) sha256_of_.clear();
  sha256_of_[stamp] = sha256;
}

std::optional<Companion> Companions::Read(const std::string& folder, const std::string& up,
                                          const std::string& name) {
  const std::string path = absl::StrCat(folder, "/", name);
  const std::optional<FileStamp> stamp = machine_->Stat(path);
  if (!stamp || stamp->size == 0) return std::nullopt;
  std::optional<std::string> sha256 = HashOf(path, *stamp);
  if (!sha256) return std::nullopt;
  return Companion{absl::StrCat(up, name), stamp->size, *std::move(sha256)};
}

Runtime Companions::RuntimeOf(const std::string& path) {
  const std::string own = Folder(path);
  auto is_there = [this](const std::string& folder, const char* name) {
    return machine_->Stat(absl::StrCat(folder, "/", name)).has_value();
  };
  // Native modules and helpers lie below the runtime's folder, and are as shared as it is.
  std::string folder = own, up;
  for (int i = 0; i <= limits::kMaxFoldersToRuntime && !folder.empty(); ++i) {
    for (const Layout& layout : kAsarLayouts) {
      if (!is_there(folder, layout.companion)) continue;
      Runtime out{layout.kind, folder, Read(folder, up, layout.companion), false};
      out.generic = !out.companion;
      return out;
    }
    folder = Folder(folder);
    up += "../";
  }
  if (is_there(own, "icudtl.dat")) {
    if (is_there(own, kNwPak)) {
      for (const char* name : kNwCompanions) {
        if (std::optional<Companion> found = Read(own, "", name)) {
          return {"NW.js", own, std::move(found), false};
        }
      }
      return {"NW.js", own, std::nullopt, true};
    }
    for (const char* pak : kChromiumPaks) {
      if (!is_there(own, pak)) continue;
      bool helper = false;
      for (const char* name : kChromiumHelpers) helper |= Name(path) == name;
      return {"Chromium", own, std::nullopt, helper};
    }
  }
  for (const char* mark : kJavaMarks) {
    // Only below a bin/ of its own: /usr/bin has a ../lib that is everybody's.
    if (Name(own) != "bin" || own == "/usr/bin" || own == "/bin" || !is_there(own, mark)) continue;
    return {"Java", own, std::nullopt, true};
  }
  return {};
}

bool Companions::IsBeside(const std::string& path, const KnownHash& known) {
  const std::string companion = absl::StrCat(Folder(path), "/", known.companion_path);
  const std::optional<FileStamp> stamp = machine_->Stat(companion);
  if (!stamp || stamp->size != known.companion_size) return false;
  {
    MutexLock lock(&mu_);
    const auto it = sha256_of_.find(*stamp);
    if (it != sha256_of_.end() && it->second == known.companion_sha256) return true;
  }
  // That it was another file once proves nothing: whoever owns it can change it and keep its
  // times. And whoever keeps touching it so that it cannot be read does not get past either.
  const absl::StatusOr<HashedFile> hashed = machine_->Hash(companion);
  if (!hashed.ok()) return absl::IsAborted(hashed.status());
  Keep(hashed->stamp, hashed->sha256);
  return hashed->stamp.size == known.companion_size && hashed->sha256 == known.companion_sha256;
}

std::optional<AppIndex> AppOfContents(const PolicyIndex& policy, const CandidateIndex& candidates,
                                      const FileContents& contents, const std::string& path,
                                      Companions& companions, Machine& machine) {
  for (const ContentMatch& match : candidates.MatchContents(contents, path)) {
    if (match.needs_companion && !companions.IsBeside(path, *match.known)) continue;
    if (match.by_build_id && OwnedByAnother(policy, path, match.known->app, machine)) continue;
    return match.known->app;
  }
  return std::nullopt;
}

}  // namespace muster::agent

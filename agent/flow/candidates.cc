#include "agent/flow/candidates.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

// A wrong catalogue entry must never need a reinstall: what boots this machine, gives a shell,
// installs packages or is the agent itself is not blocked.
constexpr const char* kSpared[] = {
    "/proc/1/exe",    "/proc/self/exe",   "/lib64/ld-linux-x86-64.so.2",
    "/bin/sh",        "/bin/bash",        "/bin/login",
    "/bin/su",        "/usr/bin/sudo",    "/bin/systemctl",
    "/usr/bin/dpkg",  "/usr/bin/apt",     "/usr/bin/apt-get",
    "/usr/sbin/sshd", "/usr/bin/env",     "/usr/bin/python3",
    "/usr/bin/perl",  "/usr/bin/busybox", "/lib/systemd/systemd",
    "/bin/mount",     "/usr/bin/setpriv", "/usr/sbin/runuser",
};

class Finder {
 public:
  Finder(const PolicyIndex& policy, Machine& machine) : policy_(policy), machine_(machine) {
    for (const char* path : kSpared) {
      if (const std::optional<FileStamp> stamp = machine_.Stat(path)) {
        out_.parts.spared.push_back(stamp->key);
      }
    }
  }

  void AddPackages(const Inventory& inventory) {
    for (const auto& [key, item] : inventory) {
      if (!policy_.NamesPackage(item.origin(), item.package_id())) continue;
      ProvenFacts facts;
      facts.origin = item.origin();
      facts.package_id = item.package_id();
      const std::optional<AppMatch> match = policy_.Match(facts);
      if (!match) continue;
      const AppIndex app = *policy_.FindApp(match->app_id);
      // Without stated program files every executable of the Debian package is one.
      const bool learn = item.origin() == v1::Origin::DPKG &&
                         policy_.app(app).identities(match->identity).paths().empty();
      for (const std::string& path : machine_.ProgramFiles(item.origin(), item.package_id())) {
        AddFile(path, app, learn);
      }
    }
  }

  void AddPaths() {
    std::set<std::string> wanted;
    std::map<std::string, std::string> resolved;
    for (AppIndex app = 0; app < policy_.app_count(); ++app) {
      for (const v1::AppIdentity& identity : policy_.app(app).identities()) {
        for (const std::string& path : identity.paths()) {
          const std::string& target = resolved[path] = machine_.Resolve(path);
          wanted.insert(path);
          wanted.insert(target);
        }
      }
    }
    const std::map<std::string, std::string> owners = machine_.DpkgOwners(wanted);
    for (const auto& [path, target] : resolved) AddPath(path, target, owners);
  }

  void AddHashes(const v1::LearnedHashes& learned) {
    for (AppIndex app = 0; app < policy_.app_count(); ++app) {
      for (const v1::AppIdentity& identity : policy_.app(app).identities()) {
        if (identity.file_hash().empty()) continue;
        out_.parts.hashes.push_back({0, identity.file_hash(), app, false});
      }
    }
    std::map<std::string, std::set<AppIndex>> apps_of_md5;
    std::set<std::string> md5s;
    for (const v1::LearnedHashes::Item& item : learned.items()) {
      const std::optional<AppIndex> app = policy_.FindApp(item.app_id());
      if (!app) continue;
      out_.parts.hashes.push_back({item.size(), item.sha256(), *app, true, item.build_id(),
                                   item.companion_path(), item.companion_size(),
                                   item.companion_sha256()});
      apps_of_md5[item.md5()].insert(*app);
      md5s.insert(item.md5());
    }
    for (const auto& [md5, where] : machine_.DpkgFilesByMd5(md5s)) {
      const std::set<AppIndex>& apps = apps_of_md5[md5];
      if (std::none_of(apps.begin(), apps.end(), [&, &package = where.first](AppIndex app) {
            return IsAppPackage(policy_, package, app);
          })) {
        out_.parts.foreign_paths.push_back(where.second);
      }
    }
  }

  Candidates Take() { return std::move(out_); }

 private:
  void AddFile(const std::string& path, AppIndex app, bool learn) {
    const std::optional<FileStamp> stamp = machine_.Stat(path);
    if (!stamp) return;
    if (std::find(out_.parts.spared.begin(), out_.parts.spared.end(), stamp->key) !=
        out_.parts.spared.end()) {
      out_.notes.push_back(absl::StrCat(policy_.rule(app).id, ": ", path,
                                        " is needed to run this machine; it is not blocked"));
      return;
    }
    ProgramFile file{*stamp, app, path};
    if (learn && policy_.CouldDeny(app) && to_learn_.insert(path).second) {
      out_.to_learn.push_back(file);
    }
    if (seen_.insert(path).second) out_.parts.files.push_back(std::move(file));
  }

  void AddPath(const std::string& path, const std::string& target,
               const std::map<std::string, std::string>& owners) {
    auto owner_of = [&](const std::string& p) {
      const auto it = owners.find(p);
      return it == owners.end() ? std::string() : it->second;
    };
    const std::string owner = owner_of(path), target_owner = owner_of(target);
    const std::optional<AppIndex> app = MatchOwnedPath(policy_, path, owner);
    // A link into another package's file (an Electron runtime, busybox) is not the app's own.
    const bool shared = app && !target_owner.empty() && target_owner != owner &&
                        !IsAppPackage(policy_, target_owner, *app);
    if (shared) {
      out_.notes.push_back(absl::StrCat(policy_.rule(*app).id, ": ", path, " leads to ", target,
                                        " of package ", target_owner,
                                        ", which other programs share; it is not blocked"));
    }
    const AppIndex is = app && !shared ? *app : -1;
    const std::optional<FileStamp> stamp = machine_.Stat(target);
    out_.parts.paths.push_back({path, is, stamp});
    if (target != path) out_.parts.paths.push_back({target, is, stamp});
    if (is >= 0) AddFile(target, is, true);
  }

  const PolicyIndex& policy_;
  Machine& machine_;
  Candidates out_;
  std::set<std::string> seen_, to_learn_;
};

// Whether these bytes can be told from those of other apps; if not, `notes` says so.
bool Learnable(const PolicyIndex& policy, const ProgramFile& file, const HashedFile& hashed,
               const Runtime& runtime, Machine& machine, std::vector<std::string>& notes) {
  if (runtime.companion) return true;
  const std::string& app_id = policy.rule(file.app).id;
  if (runtime.generic) {
    notes.push_back(absl::StrCat(app_id, ": ", runtime.folder, " holds a ", runtime.kind,
                                 " runtime that other apps share and nothing of the app's own; "
                                 "copies of its programs are not blocked"));
    return false;
  }
  for (const auto& [md5, where] : machine.DpkgFilesByMd5({hashed.md5})) {
    if (IsAppPackage(policy, where.first, file.app)) continue;
    notes.push_back(absl::StrCat(app_id, ": ", file.path, " is the same file as ", where.second,
                                 " of package ", where.first,
                                 "; copies of it cannot be told apart and are not blocked"));
    return false;
  }
  if (runtime.shared()) {
    notes.push_back(absl::StrCat(app_id, ": ", runtime.folder, " holds a ", runtime.kind,
                                 " runtime; an altered copy of its programs is not blocked"));
  }
  return true;
}

// What tells these bytes from others, besides the bytes.
void SetMarks(const HashedFile& hashed, const Runtime& runtime, v1::LearnedHashes::Item& item) {
  const bool proves = runtime.companion || !(runtime.shared() || hashed.carries_payload);
  item.set_build_id(proves ? hashed.build_id : "");
  if (!runtime.companion) return;
  item.set_companion_path(runtime.companion->path);
  item.set_companion_size(runtime.companion->size);
  item.set_companion_sha256(runtime.companion->sha256);
}

// An older run may have learned what is now seen to be in other apps too.
bool ForgetAlone(const std::string& app_id, const HashedFile& hashed, const Runtime& runtime,
                 v1::LearnedHashes& learned) {
  if (!runtime.generic) return false;
  const int before = learned.items_size();
  auto* items = learned.mutable_items();
  items->erase(std::remove_if(items->begin(), items->end(),
                              [&](const v1::LearnedHashes::Item& item) {
                                return item.sha256() == hashed.sha256 && item.app_id() == app_id &&
                                       item.companion_sha256().empty();
                              }),
               items->end());
  return learned.items_size() != before;
}

enum class Recall { kUnknown, kKnown, kCompleted };

// Looks for these bytes of this app among what is known.
Recall RecallItem(const std::string& app_id, const HashedFile& hashed, const Runtime& runtime,
                  v1::LearnedHashes& learned) {
  for (v1::LearnedHashes::Item& item : *learned.mutable_items()) {
    if (item.sha256() != hashed.sha256 || item.app_id() != app_id) continue;
    // The same runtime under two versions of the app is two items.
    const bool other = !item.companion_sha256().empty() && runtime.companion &&
                       item.companion_sha256() != runtime.companion->sha256;
    if (other) continue;
    // Seen as a runtime once, the bytes stay one, also where a copy of them lies alone.
    if (!item.companion_sha256().empty() && !runtime.companion) return Recall::kKnown;
    const std::string before = item.SerializeAsString();
    SetMarks(hashed, runtime, item);
    return item.SerializeAsString() == before ? Recall::kKnown : Recall::kCompleted;
  }
  return Recall::kUnknown;
}

}  // namespace

std::optional<AppIndex> MatchOwnedPath(const PolicyIndex& policy, const std::string& path,
                                       const std::string& owner) {
  ProvenFacts facts;
  facts.path = path;
  if (!owner.empty()) {
    facts.origin = v1::Origin::DPKG;
    facts.package_id = owner;
  }
  const std::optional<AppMatch> match = policy.Match(facts);
  if (!match || (match->match == Match::kPath && !owner.empty())) return std::nullopt;
  return policy.FindApp(match->app_id);
}

bool IsAppPackage(const PolicyIndex& policy, const std::string& package, AppIndex app) {
  ProvenFacts facts;
  facts.origin = v1::Origin::DPKG;
  facts.package_id = package;
  const std::optional<AppMatch> match = policy.Match(facts);
  return match && policy.FindApp(match->app_id) == app;
}

Candidates FindCandidates(const PolicyIndex& policy, const Inventory& inventory,
                          const v1::LearnedHashes& learned, Machine& machine) {
  Finder finder(policy, machine);
  finder.AddPaths();
  finder.AddPackages(inventory);
  finder.AddHashes(learned);
  return finder.Take();
}

bool Learn(const PolicyIndex& policy, const ProgramFile& file, const HashedFile& hashed,
           const Runtime& runtime, absl::Time now, Machine& machine, v1::LearnedHashes& learned,
           std::vector<std::string>& notes) {
  const std::string& app_id = policy.rule(file.app).id;
  if (hashed.stamp.size == 0) return false;
  if (!Learnable(policy, file, hashed, runtime, machine, notes)) {
    return ForgetAlone(app_id, hashed, runtime, learned);
  }
  switch (RecallItem(app_id, hashed, runtime, learned)) {
    case Recall::kKnown:
      return false;
    case Recall::kCompleted:
      return true;
    case Recall::kUnknown:
      break;
  }
  if (static_cast<size_t>(learned.items_size()) >= limits::kMaxLearnedHashes) {
    notes.push_back(absl::StrCat(app_id, ": ", file.path, " was not learned: ",
                                 limits::kMaxLearnedHashes, " files are known already"));
    return false;
  }
  v1::LearnedHashes::Item* item = learned.add_items();
  item->set_app_id(app_id);
  item->set_size(hashed.stamp.size);
  item->set_sha256(hashed.sha256);
  item->set_md5(hashed.md5);
  item->set_path(file.path);
  *item->mutable_learned_at() = ToProto(now);
  SetMarks(hashed, runtime, *item);
  return true;
}

}  // namespace muster::agent

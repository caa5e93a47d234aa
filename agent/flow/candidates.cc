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

bool IsAppPackage(const PolicyIndex& policy, const std::string& package, AppIndex app) {
  ProvenFacts facts;
  facts.origin = v1::Origin::DPKG;
  facts.package_id = package;
  const std::optional<AppMatch> match = policy.Match(facts);
  return match && policy.FindApp(match->app_id) == app;
}

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
    std::map<std::string, AppIndex> app_of_md5;
    std::set<std::string> md5s;
    for (const v1::LearnedHashes::Item& item : learned.items()) {
      const std::optional<AppIndex> app = policy_.FindApp(item.app_id());
      if (!app) continue;
      out_.parts.hashes.push_back({item.size(), item.sha256(), *app, true});
      app_of_md5[item.md5()] = *app;
      md5s.insert(item.md5());
    }
    for (const auto& [md5, where] : machine_.DpkgFilesByMd5(md5s)) {
      if (!IsAppPackage(policy_, where.first, app_of_md5[md5])) {
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

Candidates FindCandidates(const PolicyIndex& policy, const Inventory& inventory,
                          const v1::LearnedHashes& learned, Machine& machine) {
  Finder finder(policy, machine);
  finder.AddPaths();
  finder.AddPackages(inventory);
  finder.AddHashes(learned);
  return finder.Take();
}

bool Learn(const PolicyIndex& policy, const ProgramFile& file, const HashedFile& hashed,
           absl::Time now, Machine& machine, v1::LearnedHashes& learned,
           std::vector<std::string>& notes) {
  const std::string& app_id = policy.rule(file.app).id;
  if (hashed.stamp.size == 0) return false;
  for (const auto& [md5, where] : machine.DpkgFilesByMd5({hashed.md5})) {
    if (IsAppPackage(policy, where.first, file.app)) continue;
    notes.push_back(absl::StrCat(app_id, ": ", file.path, " is the same file as ", where.second,
                                 " of package ", where.first,
                                 "; copies of it cannot be told apart and are not blocked"));
    return false;
  }
  for (const v1::LearnedHashes::Item& item : learned.items()) {
    if (item.sha256() == hashed.sha256 && item.app_id() == app_id) return false;
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
  return true;
}

}  // namespace muster::agent

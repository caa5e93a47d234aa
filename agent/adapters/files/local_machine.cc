#include "agent/adapters/files/local_machine.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "agent/adapters/files/elf_file.h"
#include "agent/adapters/files/file_io.h"
#include "agent/domain/dpkg.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

void ForEachName(const std::string& dir, const std::function<void(const std::string&)>& each) {
  std::unique_ptr<DIR, int (*)(DIR*)> d(opendir(dir.c_str()), closedir);
  if (d == nullptr) return;
  while (const dirent* entry = readdir(d.get())) {
    if (entry->d_name[0] != '.') each(entry->d_name);
  }
}

bool IsRegularExecutable(const std::string& path) {
  struct stat st = {};
  return lstat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

// Files below `root`, links not followed, bounded.
std::vector<std::string> ExecutablesBelow(const std::string& root) {
  std::vector<std::string> out;
  std::error_code error;
  size_t seen = 0;
  for (fs::recursive_directory_iterator
           it(root, fs::directory_options::skip_permission_denied, error),
       end;
       !error && it != end && seen < 64 * limits::kMaxFilesPerPackage; it.increment(error)) {
    ++seen;
    if (out.size() >= limits::kMaxFilesPerPackage) break;
    if (IsRegularExecutable(it->path().string())) out.push_back(it->path().string());
  }
  return out;
}

std::string Basename(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

std::string ReadLink(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t n = readlink(path.c_str(), target, sizeof target);
  return n > 0 ? std::string(target, static_cast<size_t>(n)) : "";
}

v1::InventoryItem Item(v1::Origin::Kind origin, std::string id, std::string version) {
  v1::InventoryItem item;
  item.set_origin(origin);
  item.set_package_id(std::move(id));
  item.set_version(std::move(version));
  return item;
}

// Debian's merged /usr: a package may list /bin/x for what is /usr/bin/x.
std::string ResolveParent(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos || slash == 0) return path;
  char real[PATH_MAX];
  if (realpath(path.substr(0, slash).c_str(), real) == nullptr) return path;
  return absl::StrCat(real, path.substr(slash));
}

}  // namespace

std::optional<FileStamp> StampOfFd(int fd) {
  struct statx sx = {};
  // DONT_SYNC: a FUSE or NFS server must not be able to hold up the asker.
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &sx) != 0) {
    return std::nullopt;
  }
  if (!S_ISREG(sx.stx_mode)) return std::nullopt;
  auto nanos = [](const statx_timestamp& t) { return t.tv_sec * 1'000'000'000LL + t.tv_nsec; };
  return FileStamp{{makedev(sx.stx_dev_major, sx.stx_dev_minor), sx.stx_ino},
                   sx.stx_size,
                   nanos(sx.stx_mtime),
                   nanos(sx.stx_ctime)};
}

std::optional<FileStamp> StampOfPath(const std::string& path) {
  Fd fd(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd.ok()) return std::nullopt;
  return StampOfFd(fd.get());
}

std::optional<uint64_t> DeviceOfPath(const std::string& path) {
  struct statx sx = {};
  if (statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &sx) != 0) {
    return std::nullopt;
  }
  return makedev(sx.stx_dev_major, sx.stx_dev_minor);
}

std::vector<v1::InventoryItem> LocalMachine::ReadInventory() {
  std::vector<v1::InventoryItem> out;
  if (absl::StatusOr<std::string> status =
          ReadFile(paths_.dpkg_admindir + "/status", limits::kMaxDpkgStatusBytes);
      status.ok()) {
    for (DpkgPackage& p : ParseDpkgStatus(*status, limits::kMaxInventoryItems)) {
      out.push_back(Item(v1::Origin::DPKG, std::move(p.name), std::move(p.version)));
    }
  }
  ReadFlatpaks(out);
  ReadSnaps(out);
  return out;
}

std::vector<std::string> LocalMachine::FlatpakDirs() const {
  std::vector<std::string> out = {paths_.flatpak_dir};
  ForEachName(paths_.home_dir, [&](const std::string& home) {
    out.push_back(absl::StrCat(paths_.home_dir, "/", home, "/.local/share/flatpak"));
  });
  return out;
}

// flatpak's layout: app/ID/current -> ARCH/BRANCH, and below it active -> COMMIT.
void LocalMachine::ReadFlatpaks(std::vector<v1::InventoryItem>& out) const {
  for (const std::string& dir : FlatpakDirs()) {
    ForEachName(dir + "/app", [&](const std::string& id) {
      const std::string current = absl::StrCat(dir, "/app/", id, "/current");
      struct stat st = {};
      if (stat((current + "/active").c_str(), &st) != 0) return;
      out.push_back(Item(v1::Origin::FLATPAK, id, Basename(ReadLink(current))));
    });
  }
}

// snapd's layout: NAME/current -> REVISION.
void LocalMachine::ReadSnaps(std::vector<v1::InventoryItem>& out) const {
  ForEachName(paths_.snap_dir, [&](const std::string& name) {
    const std::string current = absl::StrCat(paths_.snap_dir, "/", name, "/current");
    std::string version = Basename(ReadLink(current));
    if (version.empty()) return;
    if (absl::StatusOr<std::string> yaml =
            ReadFile(current + "/meta/snap.yaml", limits::kMaxSnapYamlBytes);
        yaml.ok()) {
      for (absl::string_view line : absl::StrSplit(*yaml, '\n')) {
        if (!absl::ConsumePrefix(&line, "version:")) continue;
        version = std::string(absl::StripAsciiWhitespace(line));
        version.erase(std::remove_if(version.begin(), version.end(),
                                     [](char c) { return c == '\'' || c == '"'; }),
                      version.end());
      }
    }
    out.push_back(Item(v1::Origin::SNAP, name, version));
  });
}

std::vector<std::string> LocalMachine::DpkgProgramFiles(const std::string& package) const {
  std::vector<std::string> out;
  ForEachName(paths_.dpkg_admindir + "/info", [&](const std::string& name) {
    if (PackageOfInfoFile(name, ".list") != package) return;
    absl::StatusOr<std::string> list =
        ReadFile(absl::StrCat(paths_.dpkg_admindir, "/info/", name), limits::kMaxDpkgListBytes);
    if (!list.ok()) return;
    ForEachListedPath(*list, [&](absl::string_view listed) {
      if (out.size() >= limits::kMaxFilesPerPackage) return;
      const std::string path = ResolveParent(std::string(listed));
      if (IsRegularExecutable(path)) out.push_back(path);
    });
  });
  return out;
}

std::vector<std::string> LocalMachine::ProgramFiles(v1::Origin::Kind origin,
                                                    const std::string& package_id) {
  // A package id is a directory name below: never let one lead elsewhere.
  if (package_id.empty() || package_id[0] == '.' || absl::StrContains(package_id, "/")) return {};
  if (origin == v1::Origin::DPKG) return DpkgProgramFiles(package_id);
  std::vector<std::string> roots;
  if (origin == v1::Origin::FLATPAK) {
    for (const std::string& dir : FlatpakDirs()) {
      roots.push_back(absl::StrCat(dir, "/app/", package_id, "/current/active/files"));
    }
  } else if (origin == v1::Origin::SNAP) {
    roots.push_back(absl::StrCat(paths_.snap_dir, "/", package_id, "/current"));
  }
  std::vector<std::string> out;
  for (const std::string& root : roots) {
    char real[PATH_MAX];
    if (realpath(root.c_str(), real) == nullptr) continue;
    for (std::string& path : ExecutablesBelow(real)) {
      if (out.size() < limits::kMaxFilesPerPackage) out.push_back(std::move(path));
    }
  }
  return out;
}

std::optional<FileStamp> LocalMachine::Stat(const std::string& path) { return StampOfPath(path); }

std::string LocalMachine::Resolve(const std::string& path) {
  char real[PATH_MAX];
  if (realpath(path.c_str(), real) != nullptr) return real;
  return ResolveParent(path);
}

std::map<std::string, std::string> LocalMachine::DpkgOwners(const std::set<std::string>& paths) {
  std::map<std::string, std::string> out;
  if (paths.empty()) return out;
  // Lists may name a file below /bin, /sbin or /lib that lives below /usr.
  std::map<std::string, std::string, std::less<>> aliases;
  for (const std::string& path : paths) {
    aliases.emplace(path, path);
    if (absl::StartsWith(path, "/usr/")) aliases.emplace(path.substr(4), path);
  }
  ForEachName(paths_.dpkg_admindir + "/info", [&](const std::string& name) {
    const std::string package = PackageOfInfoFile(name, ".list");
    if (package.empty()) return;
    absl::StatusOr<std::string> list =
        ReadFile(absl::StrCat(paths_.dpkg_admindir, "/info/", name), limits::kMaxDpkgListBytes);
    if (!list.ok()) return;
    ForEachListedPath(*list, [&](absl::string_view listed) {
      const auto it = aliases.find(listed);
      if (it == aliases.end()) return;
      // /bin/x and /usr/bin/x are one file only where /bin is a link.
      if (it->first != it->second && ResolveParent(it->first) != it->second) return;
      out[it->second] = package;
    });
  });
  return out;
}

std::multimap<std::string, std::pair<std::string, std::string>> LocalMachine::DpkgFilesByMd5(
    const std::set<std::string>& md5s) {
  std::multimap<std::string, std::pair<std::string, std::string>> out;
  if (md5s.empty()) return out;
  const std::set<std::string, std::less<>> wanted(md5s.begin(), md5s.end());
  ForEachName(paths_.dpkg_admindir + "/info", [&](const std::string& name) {
    const std::string package = PackageOfInfoFile(name, ".md5sums");
    if (package.empty()) return;
    absl::StatusOr<std::string> sums =
        ReadFile(absl::StrCat(paths_.dpkg_admindir, "/info/", name), limits::kMaxDpkgListBytes);
    if (!sums.ok()) return;
    ForEachMd5(*sums, [&](absl::string_view md5, absl::string_view path) {
      if (!wanted.contains(md5)) return;
      out.emplace(std::string(md5),
                  std::make_pair(package, ResolveParent(absl::StrCat("/", path))));
    });
  });
  return out;
}

absl::StatusOr<HashedFile> LocalMachine::Hash(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME));
  if (!fd.ok()) return ErrnoStatus(errno, "read", path);
  const std::optional<FileStamp> before = StampOfFd(fd.get());
  if (!before) return absl::NotFoundError(absl::StrCat(path, " is not a regular file"));
  using Ctx = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
  Ctx sha(EVP_MD_CTX_new(), EVP_MD_CTX_free), md5(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(sha.get(), EVP_sha256(), nullptr);
  // A FIPS provider has no MD5; then `md5` stays empty and finds nothing.
  const bool have_md5 = EVP_DigestInit_ex(md5.get(), EVP_md5(), nullptr) == 1;
  std::string buffer(64 << 10, '\0');
  for (;;) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read", path);
    if (n == 0) break;
    EVP_DigestUpdate(sha.get(), buffer.data(), static_cast<size_t>(n));
    if (have_md5) EVP_DigestUpdate(md5.get(), buffer.data(), static_cast<size_t>(n));
  }
  std::string build_id = BuildIdOfFd(fd.get());
  const bool payload = !build_id.empty() && CarriesPayloadFd(fd.get(), before->size);
  if (const std::optional<FileStamp> after = StampOfFd(fd.get());
      !after || !after->SameContents(*before)) {
    return absl::AbortedError(absl::StrCat(path, " changed while it was read"));
  }
  auto finish = [](EVP_MD_CTX* ctx) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(ctx, digest, &length);
    return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), length));
  };
  return HashedFile{*before, finish(sha.get()), have_md5 ? finish(md5.get()) : "",
                    std::move(build_id), payload};
}

std::vector<Account> LocalMachine::Accounts(const std::vector<std::string>& wanted) {
  std::vector<Account> out;
  if (absl::StatusOr<std::string> text = ReadFile(paths_.passwd, limits::kMaxPasswdBytes);
      text.ok()) {
    out = ParsePasswd(*text);
  }
  // Another file than the system's stands for the whole system.
  if (paths_.passwd != "/etc/passwd") return out;
  std::set<std::string> known;
  for (const Account& a : out) known.insert(a.name);
  for (const std::string& name : wanted) {
    if (!known.insert(name).second) continue;
    char buffer[16 << 10];
    struct passwd entry = {};
    struct passwd* found = nullptr;
    if (getpwnam_r(name.c_str(), &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) {
      out.push_back({name, found->pw_uid, found->pw_shell});
    }
  }
  return out;
}

std::string LocalMachine::hostname() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::string LocalMachine::kernel() {
  struct utsname u = {};
  return uname(&u) == 0 ? u.release : "";
}

std::vector<std::pair<std::string, std::string>> LocalMachine::InventoryWatches() const {
  std::vector<std::pair<std::string, std::string>> out = {{paths_.dpkg_admindir, "status"},
                                                          {paths_.snap_dir, ""}};
  for (const std::string& dir : FlatpakDirs()) {
    out.push_back({dir, ".changed"});
    out.push_back({dir + "/app", ""});
  }
  return out;
}

}  // namespace muster::agent

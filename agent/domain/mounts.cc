#include "agent/domain/mounts.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace muster::agent {
namespace {

constexpr std::array<absl::string_view, 21> kInterfaces = {
    "proc",      "sysfs",  "cgroup",   "cgroup2",     "devpts",    "mqueue",     "securityfs",
    "debugfs",   "bpf",    "tracefs",  "pstore",      "nsfs",      "configfs",   "fusectl",
    "hugetlbfs", "autofs", "efivarfs", "binfmt_misc", "selinuxfs", "rpc_pipefs", "binder"};

constexpr std::array<absl::string_view, 9> kRemote = {"nfs",  "nfs4", "cifs", "smb3",    "9p",
                                                      "ceph", "afs",  "coda", "virtiofs"};

// mountinfo writes space, tab, newline and backslash as three octal digits.
std::string Unescape(absl::string_view s) {
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '\\' && i + 3 < s.size()) {
      out.push_back(
          static_cast<char>((s[i + 1] - '0') * 64 + (s[i + 2] - '0') * 8 + (s[i + 3] - '0')));
      i += 3;
    } else {
      out.push_back(s[i]);
    }
  }
  return out;
}

}  // namespace

std::vector<Mount> ParseMountInfo(absl::string_view text) {
  std::vector<Mount> out;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> f = absl::StrSplit(line, ' ');
    const auto dash = std::find(f.begin(), f.end(), "-");
    if (f.size() < 7 || f.end() - dash < 2) continue;
    const std::pair<absl::string_view, absl::string_view> dev =
        absl::StrSplit(f[2], absl::MaxSplits(':', 1));
    uint32_t major_number = 0, minor_number = 0;
    if (!absl::SimpleAtoi(dev.first, &major_number) ||
        !absl::SimpleAtoi(dev.second, &minor_number)) {
      continue;
    }
    out.push_back({makedev(major_number, minor_number), Unescape(f[4]), std::string(dash[1])});
  }
  return out;
}

bool CanHoldPrograms(absl::string_view fs_type) {
  return std::find(kInterfaces.begin(), kInterfaces.end(), fs_type) == kInterfaces.end();
}

bool IsRemote(absl::string_view fs_type) {
  return absl::StartsWith(fs_type, "fuse") ||
         std::find(kRemote.begin(), kRemote.end(), fs_type) != kRemote.end();
}

}  // namespace muster::agent

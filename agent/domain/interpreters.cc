#include "agent/domain/interpreters.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

constexpr std::array<absl::string_view, 11> kExact = {
    "sh", "dash", "bash", "zsh", "ksh", "mksh", "fish", "busybox", "java", "node", "nodejs"};
// Followed by a version, or by nothing.
constexpr std::array<absl::string_view, 13> kPrefixes = {
    "ld-linux", "ld-musl", "ld.so", "ld64.so", "ld-2.",    "python", "perl",
    "ruby",     "lua",     "php",   "tclsh",   "electron", "qemu-"};

// Options whose next argument is theirs.
constexpr std::array<absl::string_view, 19> kWithValue = {"-W",
                                                          "-X",
                                                          "-I",
                                                          "-r",
                                                          "-o",
                                                          "+o",
                                                          "-O",
                                                          "+O",
                                                          "-cp",
                                                          "-classpath",
                                                          "--rcfile",
                                                          "--init-file",
                                                          "--require",
                                                          "--library-path",
                                                          "--preload",
                                                          "--argv0",
                                                          "--audit",
                                                          "--inhibit-rpath",
                                                          "--glibc-hwcaps-mask"};

// What each process reads as its own, and where that is below /proc/PID.
constexpr std::array<std::pair<absl::string_view, absl::string_view>, 4> kOwn = {{
    {"/proc/self/", "/"},
    {"/proc/thread-self/", "/"},
    {"/dev/fd/", "/fd/"},
    {"/dev/stdin", "/fd/0"},
}};

}  // namespace

bool IsInterpreter(absl::string_view path) {
  const size_t slash = path.rfind('/');
  const absl::string_view name = slash == absl::string_view::npos ? path : path.substr(slash + 1);
  return std::find(kExact.begin(), kExact.end(), name) != kExact.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](absl::string_view p) { return absl::StartsWith(name, p); });
}

std::vector<std::string> FileArguments(absl::string_view cmdline) {
  std::vector<std::string> out;
  bool skip = true;  // the program itself
  for (absl::string_view argument : absl::StrSplit(cmdline, '\0')) {
    if (std::exchange(skip, false) || argument.empty()) continue;
    if (argument == "-c" || argument == "-e") break;
    if (argument[0] == '-' || argument[0] == '+') {
      skip = std::find(kWithValue.begin(), kWithValue.end(), argument) != kWithValue.end();
      continue;
    }
    if (out.size() >= limits::kMaxArguments) break;
    out.emplace_back(argument);
  }
  return out;
}

std::string PathFromOutside(int pid, absl::string_view argument) {
  const std::string proc = absl::StrCat("/proc/", pid);
  if (!absl::StartsWith(argument, "/")) return absl::StrCat(proc, "/cwd/", argument);
  for (const auto& [own, outside] : kOwn) {
    if (absl::StartsWith(argument, own)) {
      return absl::StrCat(proc, outside, argument.substr(own.size()));
    }
  }
  return absl::StrCat(proc, "/root", argument);
}

}  // namespace muster::agent

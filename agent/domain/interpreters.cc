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

absl::string_view NameOf(absl::string_view path) { return path.substr(path.rfind('/') + 1); }

// How a program says that its text is an argument. One letter means another thing in another
// program: `sh -e FILE` runs the file.
struct TextOption {
  absl::string_view program;  // its name begins so
  absl::string_view letters;  // any of them says it
  absl::string_view plain;    // may stand before it in one option; what another takes is a value
};
constexpr std::array<TextOption, 7> kTextOptions = {{
    {"python", "cm", "bBdEhiIOPqsSuvVx"},
    {"perl", "eE", "acnlpwsStTuUWX"},
    {"ruby", "e", "acdlnpsSvwy"},
    {"lua", "e", "iE"},
    {"node", "ep", "i"},
    {"php", "r", "nq"},
    {"", "c", "abefhiklmnprtuvxBCDEHPTs"},  // shells
}};

// `bash -lc`, `perl -ne`, `python3 -m`.
bool GivesText(absl::string_view name, absl::string_view argument) {
  if (argument.size() < 2 || argument[0] != '-' || argument[1] == '-') return false;
  const auto rule =
      std::find_if(kTextOptions.begin(), kTextOptions.end(),
                   [&](const TextOption& o) { return absl::StartsWith(name, o.program); });
  const bool shell = absl::EndsWith(name, "sh") || name == "busybox";
  if (rule->program.empty() && !shell) return false;
  for (const char c : argument.substr(1)) {
    if (absl::StrContains(rule->letters, c)) return true;
    if (!absl::StrContains(rule->plain, c)) return false;
  }
  return false;
}

}  // namespace

bool IsInterpreter(absl::string_view path) {
  const absl::string_view name = NameOf(path);
  return std::find(kExact.begin(), kExact.end(), name) != kExact.end() ||
         std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](absl::string_view p) { return absl::StartsWith(name, p); });
}

std::vector<std::string> FileArguments(absl::string_view path, absl::string_view cmdline) {
  const absl::string_view name = NameOf(path);
  std::vector<std::string> out;
  bool skip = true;  // the program itself
  for (absl::string_view argument : absl::StrSplit(cmdline, '\0')) {
    if (std::exchange(skip, false) || argument.empty()) continue;
    if (GivesText(name, argument)) break;
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

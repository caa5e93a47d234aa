// Small rules of the gate: what the kernel may remember, what an interpreter was given, which
// terminal a process has.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "agent/domain/cacheable.h"
#include "agent/domain/interpreters.h"
#include "agent/domain/person_of.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

using Texts = std::vector<std::string>;

TEST(MayRemember, OnlyWhatRootAloneCanChange) {
  const std::pair<AllowFacts, bool> kCases[] = {
      {{.owner = 0, .mode = 0100755}, true},
      {{.owner = 0, .mode = 0104755}, true},
      {{.owner = 1000, .mode = 0100755}, false},
      {{.owner = 0, .mode = 0100775}, false},
      {{.owner = 0, .mode = 0100757}, false},
      {{.catalogued = true, .owner = 0, .mode = 0100755}, false},
      {{.contents_known = false, .owner = 0, .mode = 0100755}, false},
      {{.remote = true, .owner = 0, .mode = 0100755}, false},
  };
  for (const auto& [facts, want] : kCases) {
    EXPECT_EQ(MayRemember(facts), want) << facts.owner << " " << facts.mode;
  }
}

TEST(IsInterpreter, ByTheWholeNameOrWithAVersion) {
  for (const char* path : {"/bin/sh", "/usr/bin/dash", "/usr/bin/python3.11", "/usr/bin/perl",
                           "/usr/lib64/ld-linux-x86-64.so.2", "/opt/x/electron", "node"}) {
    EXPECT_TRUE(IsInterpreter(path)) << path;
  }
  for (const char* path : {"/usr/bin/ssh", "/bin/shred", "/usr/bin/env", "/usr/bin/id", "", "/",
                           "/opt/python3/bin/tool"}) {
    EXPECT_FALSE(IsInterpreter(path)) << path;
  }
}

std::string Line(const Texts& arguments) {
  std::string out;
  for (const std::string& a : arguments) out += a + '\0';
  return out;
}

TEST(FileArguments, WithoutOptionsAndWhatBelongsToThem) {
  const std::pair<Texts, Texts> kCases[] = {
      {{"sh", "/x/script", "data"}, {"/x/script", "data"}},
      {{"sh", "-u", "script"}, {"script"}},
      {{"bash", "-o", "pipefail", "script"}, {"script"}},
      {{"sh", "-c", "exec /x/chat"}, {}},
      {{"perl", "-e", "print 1", "/x/chat"}, {}},
      {{"perl", "-ne", "print", "/x/chat"}, {}},
      {{"perl", "-Mre=debug", "/x/script"}, {"/x/script"}},
      {{"perl", "-I/home/e", "/x/script"}, {"/x/script"}},
      {{"bash", "-lc", "cat /x/chat"}, {}},
      {{"sh", "-e", "/x/script"}, {"/x/script"}},
      {{"sh", "-xe", "/x/script"}, {"/x/script"}},
      {{"python3", "-m", "zipfile", "-l", "/x/chat"}, {}},
      {{"python3", "-u", "/x/script"}, {"/x/script"}},
      {{"electron", "-e", "app.asar"}, {"app.asar"}},
      {{"ld.so", "--library-path", "/lib", "/x/chat", "arg"}, {"/x/chat", "arg"}},
      {{"java", "-cp", "a.jar", "-jar", "chat.jar"}, {"chat.jar"}},
      {{"python3", "-W", "ignore", "chat.py"}, {"chat.py"}},
      {{"sh"}, {}},
      {{}, {}},
  };
  for (const auto& [line, want] : kCases) {
    const std::string program = line.empty() ? "" : line[0];
    EXPECT_EQ(FileArguments("/usr/bin/" + program, Line(line)), want) << program << line.size();
  }
  EXPECT_EQ(FileArguments("/bin/sh", Line(Texts(100, "x"))).size(), limits::kMaxArguments);
}

TEST(ParseTerminal, PseudoTerminalsAndConsoles) {
  const auto stat = [](const std::string& name, const std::string& tty) {
    return "12 (" + name + ") S 1 12 12 " + tty + " 12 4194304";
  };
  const std::pair<std::string, std::string> kCases[] = {
      {stat("bash", "34816"), "/dev/pts/0"},
      {stat("bash", "34819"), "/dev/pts/3"},
      {stat("bash", "35072"), "/dev/pts/256"},
      {stat("a) S 1 1 1 34816 (b", "1025"), "/dev/tty1"},
      {stat("bash", "1088"), ""},  // /dev/ttyS0
      {stat("bash", "0"), ""},
      {stat("bash", "-1"), ""},
      {"12 (bash", ""},
      {"", ""},
  };
  for (const auto& [text, want] : kCases) EXPECT_EQ(ParseTerminal(text), want) << text;
}

}  // namespace
}  // namespace muster::agent

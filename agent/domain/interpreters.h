// Programs that run other files: what matters is the file they are given. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::agent {

// By the program's own name: shells, script languages, the dynamic loader, Electron, Java. The
// name only says where to look closer; what the file is, its contents prove.
bool IsInterpreter(absl::string_view path);

// The arguments that could be the file it runs, in order, from /proc/PID/cmdline: without the
// program itself, without options and what belongs to them. The first that is a file is the one;
// what follows is for the script to read. Empty where the program text, or a module's name, is an
// argument (`sh -c`, `perl -ne`, `python3 -m`). `path` is the program. At most
// limits::kMaxArguments.
std::vector<std::string> FileArguments(absl::string_view path, absl::string_view cmdline);

// Where to find from outside what process `pid` calls `argument`, also where that is a descriptor
// of its own (/proc/self/fd/3, /dev/fd/3, /dev/stdin).
std::string PathFromOutside(int pid, absl::string_view argument);

}  // namespace muster::agent

#include "agent/domain/program_head.h"

#include "absl/strings/match.h"

namespace muster::agent {

ProgramKind KindOfProgram(absl::string_view head) {
  if (absl::StartsWith(head, "#!")) return ProgramKind::kScript;
  if (!absl::StartsWith(head,
                        "\x7F"
                        "ELF"))
    return ProgramKind::kNone;
  if (head.size() < 11 || head.substr(8, 2) != "AI") return ProgramKind::kElf;
  return head[10] == 1 || head[10] == 2 ? ProgramKind::kAppImage : ProgramKind::kElf;
}

}  // namespace muster::agent

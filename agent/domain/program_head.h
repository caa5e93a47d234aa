// What a file is, by its first bytes. Pure.
#pragma once

#include "absl/strings/string_view.h"

namespace muster::agent {

inline constexpr size_t kProgramHeadBytes = 16;

enum class ProgramKind {
  kNone,      // nothing that the kernel starts by itself
  kScript,    // "#!"
  kElf,       //
  kAppImage,  // AppImage specification, type 1 or 2: an ELF file with its mark at offset 8
};

// `head`: the first kProgramHeadBytes of the file, or all of a shorter one.
ProgramKind KindOfProgram(absl::string_view head);

}  // namespace muster::agent

// What an ELF file says of itself: its build-id, and whether something rides on it that its
// program headers do not load. Pure; made for hostile input: reads are bounded, every offset is
// checked, and what cannot be understood is no ELF file.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"

namespace muster::agent {

// Up to `length` bytes at `offset`; fewer, or none, where the file ends or cannot be read.
using ReadAt = absl::FunctionRef<std::string(uint64_t offset, size_t length)>;

// The GNU build-id (a note of type NT_GNU_BUILD_ID), lowercase hex. Empty: no ELF file, no
// build-id, or one that tells nothing apart (shorter than limits::kMinBuildIdBytes, one byte
// repeated). Reads the header, the program headers and the notes; where they have none, also the
// section headers.
std::string ReadBuildId(ReadAt read);

// True when the file carries bytes that belong to no code of its own: appended after its end, in
// a section that is never loaded, or in a note of unusual size. Launchers (AppImage, PyInstaller,
// fused scripts) are one build, whatever they carry. False for what is not an ELF file; true when
// its sections cannot be understood.
bool CarriesPayload(uint64_t file_size, ReadAt read);

}  // namespace muster::agent

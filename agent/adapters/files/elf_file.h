// ELF facts of an open file. Reads by pread alone: the file's offset stays where it is. May wait
// for a slow disk or a user's own filesystem: not for a thread that answers the kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace muster::agent {

// ReadBuildId() of the regular file `fd`, in one read for an ordinary program. Errors are "none".
std::string BuildIdOfFd(int fd);

// The same from what is in memory already, for a thread that answers the kernel: it never waits
// for a disk. Empty optional: it would have to.
std::optional<std::string> BuildIdAtHand(int fd);

// CarriesPayload() of the regular file `fd` of this size.
bool CarriesPayloadFd(int fd, uint64_t file_size);

}  // namespace muster::agent

// Any bytes as an ELF file: reading ends, reads little, and a build-id is one by its form.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/domain/elf.h"
#include "common/agent_limits.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Source {
  const uint8_t* data;
  size_t size;
  mutable size_t asked = 0;  // bytes

  std::string operator()(uint64_t offset, size_t length) const {
    asked += length;
    if (offset >= size) return "";
    const size_t have = size - static_cast<size_t>(offset);
    return std::string(reinterpret_cast<const char*>(data) + offset, length < have ? length : have);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace limits = muster::limits;
  const Source source{data, size};
  const std::string id = muster::agent::ReadBuildId(source);
  Require(id.empty() || (id.size() >= 2 * limits::kMinBuildIdBytes &&
                         id.size() <= 2 * limits::kMaxBuildIdBytes && id.size() % 2 == 0));
  Require(id.find_first_not_of("0123456789abcdef") == std::string::npos);
  // Tables and notes once: an exec must not wait for a file that names gigabytes.
  Require(source.asked <= 2 << 20);
  muster::agent::CarriesPayload(size, source);
  Require(source.asked <= 4 << 20);
  return 0;
}

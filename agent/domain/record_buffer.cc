#include "agent/domain/record_buffer.h"

#include <limits>

namespace muster::agent {

void RecordBuffer::Add(ExecRecord record) {
  std::deque<Numbered>& home = IsAllow(record) ? allows_ : others_;
  home.emplace_back(next_++, std::move(record));
  if (size() <= capacity_) return;
  std::deque<Numbered>& victims = allows_.empty() ? others_ : allows_;
  victims.pop_front();
  if (dropped_ < std::numeric_limits<uint32_t>::max()) ++dropped_;
}

std::vector<ExecRecord> RecordBuffer::Take(uint32_t* dropped) {
  *dropped = std::exchange(dropped_, 0);
  std::vector<ExecRecord> out;
  out.reserve(size());
  while (size() > 0) {
    const bool allow =
        !allows_.empty() && (others_.empty() || allows_.front().first < others_.front().first);
    std::deque<Numbered>& from = allow ? allows_ : others_;
    out.push_back(std::move(from.front().second));
    from.pop_front();
  }
  return out;
}

}  // namespace muster::agent

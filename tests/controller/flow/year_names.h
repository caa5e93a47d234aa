// How the played year's people, chats and exports are called in the store.
#pragma once

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "tests/controller/flow/world.h"
#include "tests/controller/flow/year_script.h"

namespace muster {

using Lines = std::vector<std::string>;

inline std::string NameOf(int person) { return absl::StrCat("p", person); }
inline std::string PersonIdOf(int person) { return IdOf(10 + person); }
inline std::string ChatKeyOf(int person, int chat) {
  return Sha256Hex(absl::StrCat("chat ", person, ".", chat));
}
inline std::string ShaOf(int export_index) {
  return Sha256Hex(absl::StrCat("export ", export_index));
}

// What only one of the two has.
inline Lines Differences(const Lines& real, const Lines& want) {
  Lines only_real, only_want, out;
  std::set_difference(real.begin(), real.end(), want.begin(), want.end(),
                      std::back_inserter(only_real));
  std::set_difference(want.begin(), want.end(), real.begin(), real.end(),
                      std::back_inserter(only_want));
  for (const std::string& line : only_real) out.push_back("real: " + line);
  for (const std::string& line : only_want) out.push_back("true: " + line);
  return out;
}

// Each person's chats, in the order of their keys.
inline std::vector<std::vector<int>> ChatOrder() {
  std::vector<std::vector<int>> out(kYearPersons, std::vector<int>(kYearChats));
  for (int p = 0; p < kYearPersons; ++p) {
    std::map<std::string, int> sorted;
    for (int c = 0; c < kYearChats; ++c) sorted[ChatKeyOf(p, c)] = c;
    int n = 0;
    for (const auto& [key, c] : sorted) out[p][c] = n++;
  }
  return out;
}

}  // namespace muster

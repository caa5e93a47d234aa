#include "archive/phrases.h"

#include <bitset>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_split.h"
#include "archive/text_marks.h"

namespace muster::archive {
namespace {

// Full stops of several scripts, and the brackets that some phones put around.
absl::string_view WithoutFrame(absl::string_view text) {
  text = TrimUnseen(text);
  if (!text.empty() && text.front() == '<') text.remove_prefix(1);
  if (!text.empty() && text.back() == '>') text.remove_suffix(1);
  text = TrimUnseen(text);
  for (const absl::string_view stop : {".", "。", "।", "۔", "%"}) {
    if (text.size() > stop.size() && text.substr(text.size() - stop.size()) == stop) {
      text.remove_suffix(stop.size());
    }
  }
  return TrimUnseen(text);
}

uint32_t LastFour(absl::string_view text) {
  uint32_t last;
  std::memcpy(&last, text.data() + text.size() - sizeof(last), sizeof(last));
  return last;
}

// Of the last four bytes, without case; a text of fewer has none.
size_t EndKey(uint32_t last) { return ((last | 0x20202020U) * 0x9E3779B1U) >> 16; }

struct Table {
  absl::flat_hash_map<std::string, Phrase> phrases;
  std::bitset<65536> ends;
  size_t longest = 0;  // bytes
};

const Table& Phrases() {
  static const Table* table = [] {
    auto* out = new Table;
    const std::pair<const char*, Phrase> kLists[] = {{kOmittedPhrases, Phrase::kOmitted},
                                                     {kDeletedPhrases, Phrase::kDeleted},
                                                     {kEditedPhrases, Phrase::kEdited},
                                                     {kAttachedPhrases, Phrase::kAttached}};
    for (const auto& [list, phrase] : kLists) {
      for (const absl::string_view text : absl::StrSplit(list, '|')) {
        std::string key = FoldText(text);
        for (const absl::string_view spelt : {text, absl::string_view(key)}) {
          if (spelt.size() >= 4) out->ends.set(EndKey(LastFour(spelt)));
        }
        if (key.size() > out->longest) out->longest = key.size();
        out->phrases.emplace(std::move(key), phrase);
      }
    }
    return out;
  }();
  return *table;
}

}  // namespace

Phrase FindPhrase(absl::string_view text) {
  const Table& table = Phrases();
  text = WithoutFrame(text);
  if (text.empty() || text.size() > 2 * table.longest) return Phrase::kNone;
  // What the app writes differs from the table by capitals alone, and those are ASCII's.
  char low[128];
  if (text.size() <= sizeof low) {
    bool ascii = true;
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      low[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
      ascii = ascii && static_cast<uint8_t>(c) < 0x80 && c != '\t';
    }
    const auto found = table.phrases.find(absl::string_view(low, text.size()));
    if (found != table.phrases.end()) return found->second;
    if (ascii) return Phrase::kNone;
  }
  const auto found = table.phrases.find(FoldText(text));
  return found == table.phrases.end() ? Phrase::kNone : found->second;
}

bool CannotEndPhrase(absl::string_view text) {
  if (text.size() < 4) return false;
  const char end = static_cast<char>(text.back() | 0x20);
  const uint32_t last = LastFour(text);
  // Four bytes that are seen, of ASCII, and no full stop or bracket last: none would be taken off.
  const bool plain = end >= 'a' && end <= 'z' && (last & 0x80808080U) == 0 &&
                     ((last | last << 1) & 0x40404040U) == 0x40404040U;
  return plain && !Phrases().ends.test(EndKey(last));
}

bool MayEndPhrase(absl::string_view text) {
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  const Table& table = Phrases();
  if (text.size() < 4 || text.size() > 2 * table.longest) return false;
  const auto last = static_cast<uint8_t>(text.back());
  // Ends in a bracket, a space or a mark: the whole must be looked at.
  return last == '>' || last == ' ' || table.ends.test(EndKey(LastFour(text))) ||
         (last >= 0x80 && text.size() >= 3 &&
          (text.substr(text.size() - 3) == "。" || text.substr(text.size() - 3) == "।" ||
           text.substr(text.size() - 3, 2) == "\xE2\x80"));
}

}  // namespace muster::archive

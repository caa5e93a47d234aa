#include "archive/system_lines.h"

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "archive/phrases.h"
#include "archive/text_marks.h"

namespace muster::archive {
namespace {

// Long texts of people are none of the app's sentences.
constexpr size_t kMaxSentence = 1024;

struct Parts {
  std::vector<std::string> encrypted, created, group, other;
};

std::vector<std::string> Folded(const char* list) {
  std::vector<std::string> out;
  for (const absl::string_view part : absl::StrSplit(list, '|')) out.push_back(FoldText(part));
  return out;
}

const Parts& AllParts() {
  static const Parts* parts = new Parts{Folded(kEncryptedParts), Folded(kGroupCreatedParts),
                                        Folded(kGroupParts), Folded(kOtherSystemParts)};
  return *parts;
}

bool HasAny(absl::string_view text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    if (absl::StrContains(text, part)) return true;
  }
  return false;
}

// Short words ("left") are names too; these are not.
bool IsTelling(absl::string_view part) {
  return part.size() >= 12 || (part.size() > 4 && part.front() == ' ' && part.back() == ' ');
}

bool HasTelling(absl::string_view text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    if (IsTelling(part) && absl::StrContains(text, part)) return true;
  }
  return false;
}

// A name may hold such words ("Ann (phone number)", "IT business account"); what the app says with
// them is a sentence of five words, or long in a script without spaces. A line of the app's that
// is taken for a message is a lesser fault than a person whose messages are none.
bool IsSentence(absl::string_view text) {
  constexpr std::ptrdiff_t kWords = 5;
  constexpr size_t kLong = 30;  // bytes
  const std::ptrdiff_t spaces = std::count(text.begin(), text.end(), ' ');
  return spaces + 1 >= kWords || (spaces == 0 && text.size() >= kLong);
}

// File names before and after the chat's own, as the apps write them.
struct FileNameForm {
  absl::string_view before, after;
};
constexpr FileNameForm kFileNames[] = {
    {"whatsapp chat with ", ""},
    {"whatsapp chat - ", ""},
    {"chat de whatsapp con ", ""},
    {"conversa do whatsapp com ", ""},
    {"conversa no whatsapp com ", ""},
    {"whatsapp chat mit ", ""},
    {"whatsapp-chat mit ", ""},
    {"discussion whatsapp avec ", ""},
    {"chat whatsapp con ", ""},
    {"chat di whatsapp con ", ""},
    {"whatsapp-chat met ", ""},
    {"whatsapp chat met ", ""},
    {"чат whatsapp с контактом ", ""},
    {"чат whatsapp с ", ""},
    {"чат whatsapp: ", ""},
    {"chat whatsapp dengan ", ""},
    {"محادثة واتساب مع ", ""},
    {"दोस्त के साथ whatsapp चैट ", ""},
    {"", " के साथ whatsapp चैट"},
    {"", " ile whatsapp sohbeti"},
    {"whatsapp sohbeti - ", ""},
    {"czat whatsapp z: ", ""},
    {"czat whatsapp z ", ""},
    {"czat w whatsapp z ", ""},
    {"whatsapp-chatt med ", ""},
    {"whatsapp-chat med ", ""},
    {"chat whatsapp s uživatelem ", ""},
    {"", "とのwhatsappチャット"},
    {"", "님과의 whatsapp 대화"},
    {"與", "的 whatsapp 對話"},
    {"与", "的 whatsapp 聊天记录"},
    {"whatsapp 与 ", " 的对话"},
    {"whatsapp 與 ", " 的對話"},
    {"whatsapp chat ", ""},
};

// "(1)" that a phone puts behind a second download.
void DropCopyNumber(std::string& name) {
  if (name.empty() || name.back() != ')') return;
  const size_t open = name.rfind(" (");
  if (open == std::string::npos || open == 0) return;
  const absl::string_view digits = absl::string_view(name).substr(open + 2, name.size() - open - 3);
  if (digits.empty() || digits.find_first_not_of("0123456789") != absl::string_view::npos) return;
  name.resize(open);
}

}  // namespace

unsigned MeaningOf(absl::string_view text) {
  if (text.size() > kMaxSentence) return 0;
  const std::string folded = FoldText(text);
  const Parts& parts = AllParts();
  unsigned out = 0;
  if (HasAny(folded, parts.encrypted)) out |= kSaysEncrypted;
  if (HasAny(folded, parts.created)) out |= kSaysGroupCreated | kSaysGroup;
  if (HasAny(folded, parts.group)) out |= kSaysGroup;
  if (out != 0 || HasAny(folded, parts.other)) out |= kSaysSystem;
  return out;
}

bool IsSystemBeforeColon(absl::string_view candidate) {
  if (candidate.size() > kMaxSentence) return false;
  // A name rarely has a quotation, and then none of the app's verbs.
  for (const absl::string_view quote : {"\"", "“", "„", "«", "「", "『"}) {
    if (absl::StrContains(candidate, quote)) return MeaningOf(candidate) != 0;
  }
  const std::string folded = FoldText(candidate);
  const Parts& parts = AllParts();
  return HasTelling(folded, parts.encrypted) || HasTelling(folded, parts.created) ||
         HasTelling(folded, parts.group) || (IsSentence(folded) && HasTelling(folded, parts.other));
}

std::string QuotedSubject(absl::string_view text) {
  const std::string plain = absl::StrReplaceAll(WithoutMarks(text), {{"“", "\""},
                                                                     {"”", "\""},
                                                                     {"„", "\""},
                                                                     {"«", "\""},
                                                                     {"»", "\""},
                                                                     {"「", "\""},
                                                                     {"」", "\""},
                                                                     {"『", "\""},
                                                                     {"』", "\""}});
  const size_t end = plain.rfind('"');
  if (end == std::string::npos || end == 0) return "";
  size_t begin = plain.rfind('"', end - 1);
  if (begin == std::string::npos) return "";
  // "from "A" to "B"": the last one; "created group "a "b" c"": the whole.
  const unsigned quotes = static_cast<unsigned>(std::count(plain.begin(), plain.end(), '"'));
  if (quotes != 4) begin = plain.find('"');
  return std::string(TrimUnseen(absl::string_view(plain).substr(begin + 1, end - begin - 1)));
}

std::string ChatOfFileName(absl::string_view file_name) {
  const size_t slash = file_name.find_last_of("/\\");
  if (slash != absl::string_view::npos) file_name.remove_prefix(slash + 1);
  for (const absl::string_view end : {".txt", ".zip", ".TXT", ".ZIP"}) {
    if (absl::EndsWith(file_name, end)) {
      file_name.remove_suffix(end.size());
      break;
    }
  }
  // Folding keeps the number of bytes of these forms; so the name can be cut out as it is written.
  std::string plain = absl::StrReplaceAll(WithoutMarks(file_name), {{"\xC2\xA0", " "}});
  if (!absl::StrContains(plain, ' ')) plain = absl::StrReplaceAll(plain, {{"_", " "}});
  const std::string folded = FoldText(plain);
  if (folded.size() != plain.size()) return "";
  for (const FileNameForm& form : kFileNames) {
    if (folded.size() <= form.before.size() + form.after.size()) continue;
    if (!absl::StartsWith(folded, form.before) || !absl::EndsWith(folded, form.after)) continue;
    std::string name =
        plain.substr(form.before.size(), plain.size() - form.before.size() - form.after.size());
    DropCopyNumber(name);
    return std::string(TrimUnseen(name));
  }
  return "";
}

}  // namespace muster::archive

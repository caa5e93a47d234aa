#include "archive/stamp_words.h"

#include <unicode/dtfmtsym.h>
#include <unicode/locid.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "archive/text_marks.h"

namespace muster::archive {
namespace {

// Words of the phones' own that ICU's tables lack, or give another language's meaning. Separated by
// '|'; dots, spaces and case do not matter.
constexpr absl::string_view kMorning =
    "am|a.m.|vm|ap|dop|de|fm|f.h.|öö|sa|pg|pd|p.d.|e paradites|paradite|π.μ.|πμ|пр.об.|пр.обяд|"
    "дп|до полудня|ص|صباحا|صباحًا|ق.ظ.|قبل‌ازظهر|قبل از "
    "ظهر|לפנה״צ|לפנה\"צ|"
    "म.पू.|पूर्वाह्न|सुबह|सकाळी|पूर्वाह्न|পূর্বাহ্ণ|পূর্বাহ্ন|সকাল|ভোর|"
    "上午|凌晨|清晨|早上|早晨|午前|深夜|半夜|오전|새벽|아침|ก่อนเที่ยง|ጥዋት|ጠዋት|in the morning|morning|"
    "da manhã|manhã|de la mañana|matin|du matin|mattina|dimineața|sabah|pagi|sáng|ráno|délelőtt|"
    "vormittags|morgens|om formiddagen|sn|asubuhi|utra|утра|ночи";
constexpr absl::string_view kAfternoon =
    "pm|p.m.|nm|ip|odp|du|em|e.h.|ös|ch|ptg|md|m.d.|mbasdite|e pasdites|pasdite|μ.μ.|μμ|сл.об.|"
    "сл.обяд|пп|после полудня|م|مساء|مساءً|ب.ظ.|بعدازظهر|بعد از ظهر|אחה״צ|אחה\"צ|"
    "म.उ.|म.नं.|अपराह्न|शाम|दोपहर|रात|संध्याकाळी|अपराह्न|অপরাহ্ণ|অপরাহ্ন|বিকাল|সন্ধ্যা|রাত|দুপুর|"
    "下午|傍晚|晚上|晚|午後|오후|저녁|밤|หลังเที่ยง|ከሰዓት|ከቀኑ|in the afternoon|in the evening|"
    "at night|afternoon|evening|night|da tarde|da noite|tarde|de la tarde|de la noche|soir|"
    "de l'après-midi|après-midi|pomeriggio|sera|după-amiaza|akşam|siang|sore|malam|petang|chiều|"
    "tối|délután|nachmittags|abends|om eftermiddagen|gn|mchana|jioni|usiku|дня|вечера";
constexpr absl::string_view kNoon = "中午|noon|midday|正午|정오";
// Beside them: they say nothing.
constexpr absl::string_view kBeside =
    "klo|kl|kell|at|à|um|uhr|h|saat|alle|alle ore|ore|às|as|a las|a la|las|ob|o|u|v|в|о|об|г|год|"
    "р|lúc|jam|pukul|pkl|ساعت|الساعة|في|を|に|de|ч|час|hod|val|plkst|be|ap|ah|ad|ce|বেলা|को|बजे|"
    "el|la|les|les les|në|na|om|die|ur|óra|시|ໂມງ|น|เวลา|दिन|yn|am "
    "um|的|во|zeg|ga|नि|هـ|ه.ش|,|،|、";

using HalfTable = absl::flat_hash_map<std::string, DayHalf>;

std::string WordKey(absl::string_view words) {
  // Hebrew has its own quotation mark and writes ours.
  return absl::StrReplaceAll(FoldText(words),
                             {{".", ""}, {" ", ""}, {",", ""}, {"،", ""}, {"\xD7\xB4", "\""}});
}

void AddWords(absl::string_view words, DayHalf half, HalfTable& table) {
  for (const absl::string_view word : absl::StrSplit(words, '|'))
    table.emplace(WordKey(word), half);
}

const HalfTable& OwnHalves() {
  static const HalfTable* table = [] {
    auto* out = new HalfTable;
    AddWords(kMorning, DayHalf::kMorning, *out);
    AddWords(kAfternoon, DayHalf::kAfternoon, *out);
    AddWords(kNoon, DayHalf::kNoon, *out);
    return out;
  }();
  return *table;
}

// All locales' words; built when a text has a word that is not among our own: it takes 40 ms.
const HalfTable& IcuHalves() {
  static const HalfTable* table = [] {
    auto* out = new HalfTable;
    int32_t count = 0;
    const icu::Locale* locales = icu::Locale::getAvailableLocales(count);
    for (int32_t i = 0; i < count; ++i) {
      UErrorCode error = U_ZERO_ERROR;
      const icu::DateFormatSymbols symbols(locales[i], error);
      int32_t halves = 0;
      const icu::UnicodeString* words = symbols.getAmPmStrings(halves);
      for (int32_t half = 0; U_SUCCESS(error) && half < 2 && half < halves; ++half) {
        std::string word;
        words[half].toUTF8String(word);
        out->emplace(WordKey(word), half == 0 ? DayHalf::kMorning : DayHalf::kAfternoon);
      }
    }
    return out;
  }();
  return *table;
}

bool IsBeside(const std::string& key) {
  static const auto* words = [] {
    auto* out = new absl::flat_hash_set<std::string>;
    for (const absl::string_view word : absl::StrSplit(kBeside, '|')) out->insert(WordKey(word));
    return out;
  }();
  return key.empty() || words->contains(key);
}

std::optional<DayHalf> FindHalf(const std::string& key) {
  if (const auto own = OwnHalves().find(key); own != OwnHalves().end()) return own->second;
  if (const auto icu = IcuHalves().find(key); icu != IcuHalves().end()) return icu->second;
  return std::nullopt;
}

}  // namespace

std::optional<DayHalf> ReadTimeWords(absl::string_view words) {
  words = TrimUnseen(words);
  if (words.empty()) return DayHalf::kNone;
  if (const auto spelt = OwnHalves().find(words); spelt != OwnHalves().end()) return spelt->second;
  const std::string all = WordKey(words);
  if (all.empty()) return DayHalf::kNone;
  if (const auto own = OwnHalves().find(all); own != OwnHalves().end()) return own->second;
  if (IsBeside(all)) return DayHalf::kNone;
  // "г., сл.об.", "klo ip.": what says nothing goes first.
  const std::vector<std::string> parts = absl::StrSplit(FoldText(words), ' ');
  std::string rest;
  for (const std::string& part : parts) {
    const std::string key = WordKey(part);
    if (IsBeside(key) && !OwnHalves().contains(key)) continue;
    rest += key;
  }
  if (rest.empty()) return DayHalf::kNone;
  return FindHalf(rest);
}

}  // namespace muster::archive

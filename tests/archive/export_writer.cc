#include "tests/archive/export_writer.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "archive/text_marks.h"

namespace muster::archive {
namespace {

constexpr char kMark[] = "\xE2\x80\x8E";
constexpr auto kDmy = DateOrder::kDayMonthYear;
constexpr auto kMdy = DateOrder::kMonthDayYear;
constexpr auto kYmd = DateOrder::kYearMonthDay;

std::string Digits(int value, int width, char32_t zero) {
  std::string plain = std::to_string(value);
  while (static_cast<int>(plain.size()) < width) plain.insert(plain.begin(), '0');
  std::string out;
  for (const char digit : plain) AppendUtf8(zero + static_cast<char32_t>(digit - '0'), out);
  return out;
}

std::string Field(char letter, int width, const ExportForm& form, absl::CivilSecond time) {
  const int hour = time.hour();
  switch (letter) {
    case 'd':
      return Digits(time.day(), width, form.zero);
    case 'M':
      return Digits(time.month(), width, form.zero);
    case 'y':
      return Digits(static_cast<int>(width == 2 ? time.year() % 100 : time.year()), width,
                    form.zero);
    case 'B':
      return Digits(static_cast<int>(time.year()) + 543, 4, form.zero);
    case 'H':
      return Digits(hour, width, form.zero);
    case 'h':
      return Digits(hour % 12 == 0 ? 12 : hour % 12, width, form.zero);
    case 'm':
      return Digits(time.minute(), width, form.zero);
    case 's':
      return Digits(time.second(), width, form.zero);
    case 'a':
      return hour < 12 ? form.morning : form.afternoon;
    default:
      return "";
  }
}

bool HasSeconds(const ExportForm& form) {
  return absl::string_view(form.stamp).find('s') != absl::string_view::npos;
}

class Writer {
 public:
  Writer(const ExportForm& form, const WriteOptions& options)
      : form_(form), options_(options), random_(options.seed * 7919 + 13) {}

  WrittenExport Write() {
    WrittenExport out;
    absl::CivilSecond time = options_.begin;
    if (options_.from_start) Push(out, time, EntryKind::kSystem, 0, "", form_.encrypted);
    const int64_t step = int64_t{options_.days} * 86400 * 2 / (options_.entries + 1);
    for (int i = 0; i < options_.entries; ++i) {
      time += Up(step);
      WriteOne(out, HasSeconds(form_) ? time : absl::CivilSecond(absl::CivilMinute(time)), i);
    }
    return out;
  }

 private:
  int64_t Up(int64_t below) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(below));
  }

  const char* Author() {
    static constexpr const char* kAuthors[] = {"Anna",        "Bob - work", "Ćirić Ω",
                                               "+1 555 0100", "~\u202FEve", "محمد"};
    return kAuthors[Up(std::size(kAuthors))];
  }

  std::string Words() {
    static constexpr const char* kWords[] = {"yes",   "at 10:30", "see: this", "été",      "😀",
                                             "12/12", "(really)", "<3",        "tomorrow", "да"};
    std::string out;
    for (int64_t i = Up(6) + 1; i > 0; --i)
      absl::StrAppend(&out, kWords[Up(std::size(kWords))], " ");
    return out + "end";
  }

  void WriteOne(WrittenExport& out, absl::CivilSecond time, int number) {
    const std::string mark = form_.ios ? kMark : "";
    switch (Up(10)) {
      case 0:
        return Push(out, time, EntryKind::kMessage, kOmitted, Author(), mark + form_.omitted);
      case 1: {
        const std::string name = absl::StrCat("IMG-20200102-WA", 1000 + number, ".jpg");
        const bool there = options_.media && Up(4) != 0;
        if (there) out.files.insert(name);
        return Push(out, time, EntryKind::kMessage, there ? kAttached : kMissing, Author(),
                    absl::StrCat(mark, form_.attached_before, name, form_.attached_after));
      }
      case 2:
        return Push(out, time, EntryKind::kMessage, kEdited, Author(),
                    absl::StrCat(Words(), " ", mark, form_.edited));
      case 3:
        return Push(out, time, EntryKind::kMessage, kDeleted, Author(), mark + form_.deleted);
      case 4:
        return Push(out, time, EntryKind::kMessage, 0, Author(),
                    absl::StrCat(Words(), options_.newline, "99/99/2020, 10:00 - no: time",
                                 options_.newline, options_.newline, Words()));
      default:
        return Push(out, time, EntryKind::kMessage, 0, Author(), Words());
    }
  }

  void Push(WrittenExport& out, absl::CivilSecond time, EntryKind kind, unsigned flags,
            const std::string& author, const std::string& text) {
    WrittenEntry entry;
    entry.time = time;
    entry.kind = kind;
    entry.flags = flags;
    entry.author = author;
    entry.line = WriteStamp(form_, time);
    if (!author.empty()) absl::StrAppend(&entry.line, author, ": ");
    absl::StrAppend(&entry.line, text, options_.newline);
    out.entries.push_back(std::move(entry));
  }

  const ExportForm& form_;
  const WriteOptions& options_;
  std::mt19937_64 random_;
};

}  // namespace

std::string WriteStamp(const ExportForm& form, absl::CivilSecond time) {
  std::string out;
  const absl::string_view pattern = form.stamp;
  for (size_t at = 0; at < pattern.size();) {
    if (pattern[at] == '\'') {
      const size_t end = pattern.find('\'', at + 1);
      absl::StrAppend(&out, pattern.substr(at + 1, end - at - 1));
      at = end + 1;
      continue;
    }
    size_t end = at + 1;
    while (end < pattern.size() && pattern[end] == pattern[at]) ++end;
    const std::string field = Field(pattern[at], static_cast<int>(end - at), form, time);
    if (field.empty()) {
      absl::StrAppend(&out, pattern.substr(at, end - at));
    } else {
      absl::StrAppend(&out, field);
    }
    at = end;
  }
  return out;
}

std::string WrittenExport::Text() const {
  std::string out;
  for (const WrittenEntry& entry : entries) out += entry.line;
  return out;
}

WrittenExport WriteExport(const ExportForm& form, const WriteOptions& options) {
  return Writer(form, options).Write();
}

namespace {

#define ENGLISH                                                                              \
  "Messages and calls are end-to-end encrypted. No one outside of this chat can read them.", \
      "<Media omitted>", "", " (file attached)", "<This message was edited>",                \
      "This message was deleted"
#define ENGLISH_IOS                                                                          \
  "Messages and calls are end-to-end encrypted. No one outside of this chat can read them.", \
      "image omitted", "<attached: ", ">", "<This message was edited>",                      \
      "This message was deleted."

constexpr ExportForm kForms[] = {
    {"en_US", "M/d/yy, h:mm\u202Fa - ", kMdy, "AM", "PM", U'0', ENGLISH, false},
    {"en_US old", "M/d/yy, h:mm a - ", kMdy, "AM", "PM", U'0', ENGLISH, false},
    {"en_GB", "dd/MM/yyyy, HH:mm - ", kDmy, "", "", U'0', ENGLISH, false},
    {"en_AU", "d/M/yy, h:mm a - ", kDmy, "am", "pm", U'0', ENGLISH, false},
    {"en_CA", "yyyy-MM-dd, h:mm a - ", kYmd, "a.m.", "p.m.", U'0', ENGLISH, false},
    {"en_ZA", "yyyy/MM/dd, HH:mm - ", kYmd, "", "", U'0', ENGLISH, false},
    {"en_IN dash", "dd-MM-yyyy, h:mm a - ", kDmy, "am", "pm", U'0', ENGLISH, false},
    {"ios en_US", "[M/d/yy, h:mm:ss\u202Fa] ", kMdy, "AM", "PM", U'0', ENGLISH_IOS, true},
    {"ios en_GB", "[dd/MM/yyyy, HH:mm:ss] ", kDmy, "", "", U'0', ENGLISH_IOS, true},
    {"ios no comma", "[dd/MM/yyyy HH:mm] ", kDmy, "", "", U'0', ENGLISH_IOS, true},
    {"ios iso", "\u200E[yyyy-MM-dd, HH:mm:ss] ", kYmd, "", "", U'0', ENGLISH_IOS, true},
    {"ios old", "d/M/yy, HH:mm:ss: ", kDmy, "", "", U'0', ENGLISH_IOS, true},
    {"de", "dd.MM.yy, HH:mm - ", kDmy, "", "", U'0',
     "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.", "<Medien ausgeschlossen>", "",
     " (Datei angehängt)", "<Diese Nachricht wurde bearbeitet.>", "Diese Nachricht wurde gelöscht.",
     false},
    {"ios de", "[dd.MM.yy, HH:mm:ss] ", kDmy, "", "", U'0',
     "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.", "Bild weggelassen", "<Anhang: ",
     ">", "<Diese Nachricht wurde bearbeitet.>", "Diese Nachricht wurde gelöscht.", true},
    {"es", "d/M/yy, h:mm\u00A0a - ", kDmy, "a.\u00A0m.", "p.\u00A0m.", U'0',
     "Los mensajes y las llamadas están cifrados de extremo a extremo.", "<Multimedia omitido>", "",
     " (archivo adjunto)", "<Se editó este mensaje.>", "Se eliminó este mensaje.", false},
    {"pt_BR", "dd/MM/yyyy HH:mm - ", kDmy, "", "", U'0',
     "As mensagens e as chamadas são protegidas com a criptografia de ponta a ponta.",
     "<Mídia oculta>", "", " (arquivo anexado)", "<Mensagem editada>", "Mensagem apagada", false},
    {"fr", "dd/MM/yyyy 'à' HH:mm - ", kDmy, "", "", U'0',
     "Les messages et les appels sont chiffrés de bout en bout.", "<Médias omis>", "",
     " (fichier joint)", "<Ce message a été modifié>", "Ce message a été supprimé", false},
    {"fr_CA", "yyyy-MM-dd HH 'h' mm - ", kYmd, "", "", U'0',
     "Les messages et les appels sont chiffrés de bout en bout.", "<Médias omis>", "",
     " (fichier joint)", "<Ce message a été modifié>", "Vous avez supprimé ce message", false},
    {"it", "dd/MM/yy, HH:mm - ", kDmy, "", "", U'0',
     "I messaggi e le chiamate sono crittografati end-to-end.", "<Media omessi>", "",
     " (file allegato)", "<Questo messaggio è stato modificato>",
     "Questo messaggio è stato eliminato", false},
    {"nl", "dd-MM-yyyy HH:mm - ", kDmy, "", "", U'0',
     "Berichten en gesprekken worden end-to-end versleuteld.", "<Media weggelaten>", "",
     " (bestand bijgevoegd)", "<Dit bericht is bewerkt>", "Dit bericht is verwijderd", false},
    {"tr", "d.MM.yyyy h:mm a - ", kDmy, "ÖÖ", "ÖS", U'0',
     "Mesajlar ve aramalar uçtan uca şifrelidir.", "<Medya dahil edilmedi>", "", " (dosya ekli)",
     "<Bu mesaj düzenlendi>", "Bu mesaj silindi", false},
    {"ru", "dd.MM.yyyy, HH:mm - ", kDmy, "", "", U'0',
     "Сообщения и звонки защищены сквозным шифрованием.", "<Без медиафайлов>", "",
     " (файл добавлен)", "<Сообщение изменено>", "Данное сообщение удалено", false},
    {"id", "dd/MM/yy HH.mm - ", kDmy, "", "", U'0',
     "Pesan dan panggilan terenkripsi secara end-to-end.", "<Media tidak disertakan>", "",
     " (file terlampir)", "<Pesan ini diedit>", "Pesan ini telah dihapus", false},
    {"ar", "\u200Fd\u200F/M\u200F/yyyy، h:mm a - ", kDmy, "ص", "م", U'٠',
     "الرسائل والمكالمات مشفرة تمامًا بين الطرفين.", "<تم استبعاد الوسائط>", "", " (الملف مرفق)",
     "<تم تعديل هذه الرسالة>", "تم حذف هذه الرسالة", false},
    {"hi", "dd/MM/yy, h:mm a - ", kDmy, "पूर्वाह्न", "अपराह्न", U'०',
     "मैसेजेस और कॉल्स एंड-टू-एंड एन्क्रिप्टेड हैं.", "<मीडिया के बिना>", "", " (फाइल अटैच कर दी गई है)",
     "<यह मैसेज एडिट किया गया>", "यह मैसेज डिलीट कर दिया गया है", false},
    {"ja", "yyyy/MM/dd HH:mm - ", kYmd, "", "", U'0',
     "メッセージと通話はエンドツーエンド暗号化されています。", "<メディアなし>", "",
     " (添付ファイル有り)", "<このメッセージは編集されました>", "このメッセージは削除されました",
     false},
    {"ko", "yyyy. M. d. a h:mm - ", kYmd, "오전", "오후", U'0',
     "메시지 및 전화는 종단간 암호화되어 안전합니다.", "<미디어 파일 제외됨>", "", " (파일 첨부됨)",
     "<이 메시지는 수정되었습니다>", "이 메시지는 삭제되었습니다", false},
    {"ios ko", "[yy. M. d. a h:mm:ss] ", kYmd, "오전", "오후", U'0',
     "메시지 및 전화는 종단간 암호화되어 안전합니다.", "이미지 생략됨", "<첨부: ", ">",
     "<이 메시지는 수정되었습니다>", "이 메시지는 삭제되었습니다", true},
    {"zh", "yyyy/M/d ah:mm - ", kYmd, "上午", "下午", U'0', "消息和通话都进行端到端加密。",
     "<省略多媒体文件>", "", " (文件附件)", "<此消息已编辑>", "这条消息已被删除", false},
    {"pl", "dd.MM.yyyy, HH:mm - ", kDmy, "", "", U'0',
     "Wiadomości i połączenia są w pełni zaszyfrowane.", "<Pominięto multimedia>", "",
     " (plik załączony)", "<Ta wiadomość została zmieniona>", "Ta wiadomość została usunięta",
     false},
    {"sv", "yyyy-MM-dd HH:mm - ", kYmd, "", "", U'0',
     "Meddelanden och samtal är komplett krypterade.", "<Media har utelämnats>", "",
     " (bifogad fil)", "<Det här meddelandet har redigerats>", "Det här meddelandet raderades",
     false},
    {"fi", "d.M.yyyy 'klo' H.mm - ", kDmy, "", "", U'0', "Viestit ja puhelut salataan täysin.",
     "<Media jätetty pois>", "", " (liitetiedosto)", "<Tätä viestiä on muokattu>",
     "Tämä viesti poistettiin", false},
    {"th", "d/M/B HH:mm - ", kDmy, "", "", U'0', "ข้อความและการโทรได้รับการเข้ารหัสจากต้นทางถึงปลายทาง",
     "<สื่อถูกลบ>", "", " (ไฟล์ที่แนบ)", "<ข้อความนี้ถูกแก้ไขแล้ว>", "ข้อความนี้ถูกลบแล้ว", false},
    {"hu", "yyyy. MM. dd. H:mm - ", kYmd, "", "", U'0',
     "Az üzenetek és hívások végpontok közötti titkosítással vannak védve.", "<Hiányzó médiafájl>",
     "", " (fájl csatolva)", "<Ez az üzenet szerkesztve lett>", "Ez az üzenet törlésre került",
     false},
    {"bg", "d.MM.yyyy 'г'., H:mm - ", kDmy, "", "", U'0',
     "Съобщенията и обажданията са криптирани от край до край с криптиране.", "<Без файл>", "",
     " (прикачен файл)", "<Съобщението беше редактирано>", "Съобщението беше изтрито", false},
    {"el", "d/M/yy, h:mm a - ", kDmy, "π.μ.", "μ.μ.", U'0',
     "Τα μηνύματα και οι κλήσεις κρυπτογραφούνται πλήρως.", "<Εξαίρεση πολυμέσων>", "",
     " (συνημμένο αρχείο)", "<Αυτό το μήνυμα υποβλήθηκε σε επεξεργασία>",
     "Αυτό το μήνυμα διαγράφηκε", false},
    {"vi", "dd/MM/yyyy, h:mm a - ", kDmy, "SA", "CH", U'0',
     "Tin nhắn và cuộc gọi được mã hóa đầu cuối.", "<Bỏ qua Media>", "", " (tệp đính kèm)",
     "<Tin nhắn này đã được chỉnh sửa>", "Tin nhắn này đã bị xóa", false},
};

}  // namespace

const std::vector<ExportForm>& ExportForms() {
  static const auto* forms = new std::vector<ExportForm>(std::begin(kForms), std::end(kForms));
  return *forms;
}

}  // namespace muster::archive

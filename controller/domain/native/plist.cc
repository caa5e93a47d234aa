#include "controller/domain/native/plist.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/domain/native/phone_file.h"

namespace muster::native {
namespace {

// '>' as well: "]]>" may not stand in text.
std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(PlainText(text), {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

}  // namespace

Plist::Plist()
    : out_(
          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
          "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
          "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
          "<plist version=\"1.0\">\n") {}

void Plist::Indent() { out_.append(open_.size() * 2, ' '); }

Plist& Plist::Open(absl::string_view tag) {
  Indent();
  absl::StrAppend(&out_, "<", tag, ">\n");
  open_.emplace_back(tag);
  return *this;
}

Plist& Plist::Close() {
  const std::string tag = std::move(open_.back());
  open_.pop_back();
  Indent();
  absl::StrAppend(&out_, "</", tag, ">\n");
  return *this;
}

Plist& Plist::Element(absl::string_view tag, absl::string_view text) {
  Indent();
  absl::StrAppend(&out_, "<", tag, ">", Escaped(text), "</", tag, ">\n");
  return *this;
}

Plist& Plist::Integer(int64_t value) { return Element("integer", absl::StrCat(value)); }

Plist& Plist::Boolean(bool value) {
  Indent();
  absl::StrAppend(&out_, value ? "<true/>\n" : "<false/>\n");
  return *this;
}

Plist& Plist::Strings(const std::vector<std::string>& texts) {
  OpenArray();
  for (const std::string& text : texts) String(text);
  return Close();
}

std::string Plist::Finish() const { return absl::StrCat(out_, "</plist>\n"); }

}  // namespace muster::native

#include "tests/integration/ber.h"

#include "absl/strings/str_cat.h"

namespace muster::ber {
namespace {

struct Head {
  uint8_t tag = 0;
  size_t header = 0, length = 0;
};

// header 0: not enough bytes.
std::optional<Head> ReadHead(absl::string_view in) {
  Head head;
  if (in.size() < 2) return head;
  head.tag = static_cast<uint8_t>(in[0]);
  if ((head.tag & 0x1f) == 0x1f) return std::nullopt;
  const auto first = static_cast<uint8_t>(in[1]);
  if (first < 0x80) {
    head.header = 2;
    head.length = first;
    return head;
  }
  const size_t bytes = first & 0x7f;
  if (bytes == 0 || bytes > 4) return std::nullopt;
  if (in.size() < 2 + bytes) return head;
  for (size_t i = 0; i < bytes; ++i) {
    head.length = head.length << 8 | static_cast<uint8_t>(in[2 + i]);
  }
  head.header = 2 + bytes;
  return head;
}

std::string PutAll(uint8_t tag, const std::vector<std::string>& texts) {
  std::string inner;
  for (const std::string& text : texts) inner += Put(kOctets, text);
  return Put(tag, inner);
}

std::optional<std::vector<std::string>> Texts(absl::string_view in) {
  std::vector<std::string> out;
  while (!in.empty()) {
    const auto text = Take(&in, kOctets);
    if (!text) return std::nullopt;
    out.emplace_back(*text);
  }
  return out;
}

std::optional<Control> ParseControl(absl::string_view in) {
  const auto oid = Take(&in, kOctets);
  if (!oid) return std::nullopt;
  Control out;
  out.oid = std::string(*oid);
  if (const auto critical = Take(&in, kBoolean))
    out.critical = *critical != absl::string_view("\0", 1);
  if (const auto value = Take(&in, kOctets)) out.value = std::string(*value);
  if (!in.empty()) return std::nullopt;
  return out;
}

std::string EncodeControl(const Control& control) {
  std::string inner = Put(kOctets, control.oid);
  if (control.critical) inner += Put(kBoolean, "\xff");
  if (control.value) inner += Put(kOctets, *control.value);
  return Put(kSequence, inner);
}

bool TakeNumber(absl::string_view* in, uint8_t tag, int64_t* out) {
  const auto value = Take(in, tag);
  const auto number = value ? ToNumber(*value) : std::nullopt;
  if (number) *out = *number;
  return number.has_value();
}

bool TakeText(absl::string_view* in, std::string* out) {
  const auto value = Take(in, kOctets);
  if (value) *out = std::string(*value);
  return value.has_value();
}

}  // namespace

std::optional<Tlv> Take(absl::string_view* in) {
  const auto head = ReadHead(*in);
  if (!head || head->header == 0 || head->length > in->size() - head->header) return std::nullopt;
  const Tlv out = {head->tag, in->substr(head->header, head->length)};
  in->remove_prefix(head->header + head->length);
  return out;
}

std::optional<absl::string_view> Take(absl::string_view* in, uint8_t tag) {
  if (in->empty() || static_cast<uint8_t>(in->front()) != tag) return std::nullopt;
  const auto out = Take(in);
  if (!out) return std::nullopt;
  return out->value;
}

std::optional<std::vector<Tlv>> TakeAll(absl::string_view in) {
  std::vector<Tlv> out;
  while (!in.empty()) {
    const auto next = Take(&in);
    if (!next) return std::nullopt;
    out.push_back(*next);
  }
  return out;
}

std::string Put(uint8_t tag, absl::string_view value) {
  std::string out(1, static_cast<char>(tag));
  if (value.size() < 0x80) {
    out.push_back(static_cast<char>(value.size()));
  } else {
    std::string length;
    for (size_t rest = value.size(); rest > 0; rest >>= 8) {
      length.insert(length.begin(), static_cast<char>(rest & 0xff));
    }
    out.push_back(static_cast<char>(0x80 | length.size()));
    out += length;
  }
  out.append(value.data(), value.size());
  return out;
}

std::string PutNumber(uint8_t tag, int64_t value) {
  std::string bytes;
  do {
    bytes.insert(bytes.begin(), static_cast<char>(value & 0xff));
    value >>= 8;
  } while (value != 0 && value != -1);
  const bool negative = (bytes.front() & 0x80) != 0;
  if (negative != (value < 0)) bytes.insert(bytes.begin(), value < 0 ? '\xff' : '\0');
  return Put(tag, bytes);
}

std::optional<int64_t> ToNumber(absl::string_view value) {
  if (value.empty() || value.size() > 8) return std::nullopt;
  uint64_t out = (value[0] & 0x80) != 0 ? ~uint64_t{0} : 0;
  for (const char byte : value) out = out << 8 | static_cast<uint8_t>(byte);
  return static_cast<int64_t>(out);
}

std::optional<size_t> MessageSize(absl::string_view head) {
  if (!head.empty() && static_cast<uint8_t>(head[0]) != kSequence) return std::nullopt;
  const auto read = ReadHead(head);
  if (!read || read->length > kMaxMessage) return std::nullopt;
  return read->header == 0 ? 0 : read->header + read->length;
}

std::optional<Message> ParseMessage(absl::string_view bytes) {
  auto inner = Take(&bytes, kSequence);
  Message out;
  if (!inner || !bytes.empty() || !TakeNumber(&*inner, kInteger, &out.id)) return std::nullopt;
  const auto op = Take(&*inner);
  if (!op) return std::nullopt;
  out.op = op->tag;
  out.body = std::string(op->value);
  if (inner->empty()) return out;
  auto controls = Take(&*inner, kControls);
  if (!controls || !inner->empty()) return std::nullopt;
  while (!controls->empty()) {
    const auto one = Take(&*controls, kSequence);
    const auto control = one ? ParseControl(*one) : std::nullopt;
    if (!control) return std::nullopt;
    out.controls.push_back(*control);
  }
  return out;
}

std::string Encode(const Message& message) {
  std::string inner = PutNumber(kInteger, message.id) + Put(message.op, message.body);
  std::string controls;
  for (const Control& control : message.controls) controls += EncodeControl(control);
  if (!controls.empty()) inner += Put(kControls, controls);
  return Put(kSequence, inner);
}

std::optional<SearchRequest> ParseSearch(absl::string_view body) {
  SearchRequest out;
  if (!TakeText(&body, &out.base) || !TakeNumber(&body, kEnumerated, &out.scope) ||
      !TakeNumber(&body, kEnumerated, &out.deref) ||
      !TakeNumber(&body, kInteger, &out.size_limit) ||
      !TakeNumber(&body, kInteger, &out.time_limit)) {
    return std::nullopt;
  }
  const auto types_only = Take(&body);
  const auto filter = types_only ? Take(&body) : std::nullopt;
  const auto names = filter ? Take(&body, kSequence) : std::nullopt;
  auto attributes = names ? Texts(*names) : std::nullopt;
  if (!attributes || !body.empty()) return std::nullopt;
  out.types_only = Put(types_only->tag, types_only->value);
  out.filter = Put(filter->tag, filter->value);
  out.attributes = *std::move(attributes);
  return out;
}

std::string Encode(const SearchRequest& search) {
  return absl::StrCat(Put(kOctets, search.base), PutNumber(kEnumerated, search.scope),
                      PutNumber(kEnumerated, search.deref), PutNumber(kInteger, search.size_limit),
                      PutNumber(kInteger, search.time_limit), search.types_only, search.filter,
                      PutAll(kSequence, search.attributes));
}

std::optional<Entry> ParseEntry(absl::string_view body) {
  Entry out;
  if (!TakeText(&body, &out.dn)) return std::nullopt;
  auto list = Take(&body, kSequence);
  if (!list || !body.empty()) return std::nullopt;
  while (!list->empty()) {
    auto one = Take(&*list, kSequence);
    Attribute attribute;
    if (!one || !TakeText(&*one, &attribute.name)) return std::nullopt;
    const auto set = Take(&*one, kSet);
    auto values = set ? Texts(*set) : std::nullopt;
    if (!values) return std::nullopt;
    attribute.values = *std::move(values);
    out.attributes.push_back(std::move(attribute));
  }
  return out;
}

std::string Encode(const Entry& entry) {
  std::string list;
  for (const Attribute& attribute : entry.attributes) {
    list += Put(kSequence, Put(kOctets, attribute.name) + PutAll(kSet, attribute.values));
  }
  return Put(kOctets, entry.dn) + Put(kSequence, list);
}

std::string ResultBody(int code, absl::string_view says) {
  return PutNumber(kEnumerated, code) + Put(kOctets, "") + Put(kOctets, says);
}

std::optional<int> ResultCode(absl::string_view body) {
  int64_t code = 0;
  if (!TakeNumber(&body, kEnumerated, &code)) return std::nullopt;
  return static_cast<int>(code);
}

std::optional<Page> ParsePage(absl::string_view value) {
  auto inner = Take(&value, kSequence);
  Page out;
  if (!inner || !TakeNumber(&*inner, kInteger, &out.size) || !TakeText(&*inner, &out.cookie)) {
    return std::nullopt;
  }
  return out;
}

std::string Encode(const Page& page) {
  return Put(kSequence, PutNumber(kInteger, page.size) + Put(kOctets, page.cookie));
}

}  // namespace muster::ber

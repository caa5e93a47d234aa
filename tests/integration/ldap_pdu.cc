#include "tests/integration/ldap_pdu.h"

#include <utility>

namespace muster {
namespace {

constexpr char kPageOid[] = "1.2.840.113556.1.4.319";
constexpr size_t kMaxBytes = 64 << 20;

// Header size and body size; nullopt: not all of the header is there, or it is none.
std::optional<std::pair<size_t, size_t>> Header(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto first = static_cast<uint8_t>(bytes[1]);
  if (first < 0x80) return std::pair<size_t, size_t>{2, first};
  const size_t count = first & 0x7f;
  if (count == 0 || count > 4 || bytes.size() < 2 + count) return std::nullopt;
  size_t size = 0;
  for (size_t i = 0; i < count; ++i) size = size << 8 | static_cast<uint8_t>(bytes[2 + i]);
  if (size > kMaxBytes) return std::nullopt;
  return std::pair{2 + count, size};
}

std::string Values(uint8_t tag, const std::vector<std::string>& values) {
  std::string body;
  for (const std::string& value : values) body += Encode(kOctets, value);
  return Encode(tag, body);
}

}  // namespace

std::string Encode(uint8_t tag, std::string_view body) {
  std::string out(1, static_cast<char>(tag));
  if (body.size() < 0x80) {
    out.push_back(static_cast<char>(body.size()));
  } else {
    out.push_back(static_cast<char>(0x84));
    for (int shift = 24; shift >= 0; shift -= 8) {
      out.push_back(static_cast<char>(body.size() >> shift));
    }
  }
  out += body;
  return out;
}

std::optional<Tlv> TakeTlv(std::string_view* bytes) {
  const auto header = Header(*bytes);
  if (!header || bytes->size() < header->first + header->second) return std::nullopt;
  Tlv out = {static_cast<uint8_t>((*bytes)[0]),
             std::string(bytes->substr(header->first, header->second))};
  bytes->remove_prefix(header->first + header->second);
  return out;
}

std::optional<std::vector<Tlv>> AllTlv(std::string_view bytes) {
  std::vector<Tlv> out;
  while (!bytes.empty()) {
    std::optional<Tlv> next = TakeTlv(&bytes);
    if (!next) return std::nullopt;
    out.push_back(*std::move(next));
  }
  return out;
}

bool Pdu::final() const {
  return op.tag == kBindResponse || op.tag == kSearchDone || op.tag == kModifyResponse ||
         op.tag == kCompareResponse || op.tag == kExtendedResponse;
}

size_t PduSize(std::string_view bytes) {
  const auto header = Header(bytes);
  if (!header || bytes.size() < header->first + header->second) return 0;
  return header->first + header->second;
}

std::optional<Pdu> ParsePdu(std::string_view bytes) {
  const std::optional<Tlv> message = TakeTlv(&bytes);
  if (!message || message->tag != kSequence) return std::nullopt;
  const auto parts = AllTlv(message->body);
  if (!parts || parts->size() < 2 || (*parts)[0].tag != kInteger) return std::nullopt;
  Pdu out = {(*parts)[0].body, (*parts)[1], ""};
  if (parts->size() > 2 && (*parts)[2].tag == kControls) out.controls = (*parts)[2].body;
  return out;
}

std::string Encode(const Pdu& pdu) {
  std::string body = Encode(kInteger, pdu.id) + Encode(pdu.op.tag, pdu.op.body);
  if (!pdu.controls.empty()) body += Encode(kControls, pdu.controls);
  return Encode(kSequence, body);
}

std::optional<SearchOp> ParseSearch(const Tlv& op) {
  auto parts = AllTlv(op.body);
  if (op.tag != kSearch || !parts || parts->size() != 8) return std::nullopt;
  SearchOp out;
  const auto names = AllTlv(parts->back().body);
  if (!names) return std::nullopt;
  for (const Tlv& name : *names) out.attributes.push_back(name.body);
  parts->pop_back();
  out.head = *std::move(parts);
  return out;
}

Tlv Encode(const SearchOp& search) {
  std::string body;
  for (const Tlv& part : search.head) body += Encode(part.tag, part.body);
  return {kSearch, body + Values(kSequence, search.attributes)};
}

std::optional<EntryOp> ParseEntry(const Tlv& op) {
  const auto parts = AllTlv(op.body);
  if (op.tag != kEntry || !parts || parts->size() != 2) return std::nullopt;
  EntryOp out = {(*parts)[0].body, {}};
  const auto attributes = AllTlv((*parts)[1].body);
  if (!attributes) return std::nullopt;
  for (const Tlv& attribute : *attributes) {
    const auto pair = AllTlv(attribute.body);
    if (!pair || pair->size() != 2) return std::nullopt;
    const auto values = AllTlv((*pair)[1].body);
    if (!values) return std::nullopt;
    out.attributes.push_back({(*pair)[0].body, {}});
    for (const Tlv& value : *values) out.attributes.back().values.push_back(value.body);
  }
  return out;
}

Tlv Encode(const EntryOp& entry) {
  std::string attributes;
  for (const EntryOp::Attribute& a : entry.attributes) {
    attributes += Encode(kSequence, Encode(kOctets, a.name) + Values(kSet, a.values));
  }
  return {kEntry, Encode(kOctets, entry.dn) + Encode(kSequence, attributes)};
}

Pdu SearchResult(const Pdu& request, int code, std::string_view says, std::string_view controls) {
  const std::string body = Encode(kEnum, std::string(1, static_cast<char>(code))) +
                           Encode(kOctets, "") + Encode(kOctets, says);
  return {request.id, {kSearchDone, body}, std::string(controls)};
}

std::string WithPageSize(std::string_view controls, int size) {
  std::string out;
  for (const Tlv& control : AllTlv(controls).value_or(std::vector<Tlv>())) {
    std::string body;
    const std::vector<Tlv> parts = AllTlv(control.body).value_or(std::vector<Tlv>());
    for (const Tlv& part : parts) {
      std::string_view value = part.body;
      const bool page = parts[0].body == kPageOid && &part == &parts.back();
      const std::optional<Tlv> sequence = page ? TakeTlv(&value) : std::nullopt;
      auto fields = sequence ? AllTlv(sequence->body) : std::nullopt;
      if (!fields || fields->size() != 2) {
        body += Encode(part.tag, part.body);
        continue;
      }
      const std::string number(1, static_cast<char>(size));
      body += Encode(kOctets, Encode(kSequence, Encode(kInteger, number) +
                                                    Encode(kOctets, (*fields)[1].body)));
    }
    out += Encode(control.tag, body);
  }
  return out;
}

std::string LastPageControl() {
  const std::string value =
      Encode(kSequence, Encode(kInteger, std::string(1, '\0')) + Encode(kOctets, ""));
  return Encode(kSequence, Encode(kOctets, kPageOid) + Encode(kOctets, value));
}

}  // namespace muster

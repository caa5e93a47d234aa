// The little of BER and LDAPv3 (RFC 4511, section 5.1) that the fault proxy reads and writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::ber {

inline constexpr size_t kMaxMessage = 64 << 20;

// Universal tags, then those of LDAP.
inline constexpr uint8_t kBoolean = 0x01, kInteger = 0x02, kOctets = 0x04, kEnumerated = 0x0a;
inline constexpr uint8_t kSequence = 0x30, kSet = 0x31;
inline constexpr uint8_t kBind = 0x60, kBindResult = 0x61, kUnbind = 0x42, kSearch = 0x63;
inline constexpr uint8_t kEntry = 0x64, kSearchResult = 0x65, kReference = 0x73;
inline constexpr uint8_t kModify = 0x66, kModifyResult = 0x67, kAbandon = 0x50;
inline constexpr uint8_t kCompare = 0x6e, kCompareResult = 0x6f, kIntermediate = 0x79;
inline constexpr uint8_t kControls = 0xa0;

// Views into what they were taken from.
struct Tlv {
  uint8_t tag = 0;
  absl::string_view value;
};

// Takes one element with a definite length off the front. nullopt: there is none, it is longer than
// `in`, or its tag or length has a form that LDAP does not use.
std::optional<Tlv> Take(absl::string_view* in);
// The same, of this tag only.
std::optional<absl::string_view> Take(absl::string_view* in, uint8_t tag);
// Every element of `in`; nullopt when one is malformed.
std::optional<std::vector<Tlv>> TakeAll(absl::string_view in);

std::string Put(uint8_t tag, absl::string_view value);
std::string PutNumber(uint8_t tag, int64_t value);
// nullopt: empty or more than eight bytes.
std::optional<int64_t> ToNumber(absl::string_view value);

// How long the message is whose first bytes these are; 0: not enough bytes to tell; nullopt: no
// message, or a longer one than kMaxMessage.
std::optional<size_t> MessageSize(absl::string_view head);

struct Control {
  std::string oid;
  bool critical = false;
  std::optional<std::string> value;
};

struct Message {
  int64_t id = 0;
  uint8_t op = 0;
  std::string body;  // what is inside of the operation's element
  std::vector<Control> controls;
};
std::optional<Message> ParseMessage(absl::string_view bytes);
std::string Encode(const Message& message);

struct SearchRequest {
  std::string base;
  int64_t scope = 0, deref = 0, size_limit = 0, time_limit = 0;
  std::string types_only, filter;  // whole elements
  std::vector<std::string> attributes;
};
std::optional<SearchRequest> ParseSearch(absl::string_view body);
std::string Encode(const SearchRequest& search);

struct Attribute {
  std::string name;
  std::vector<std::string> values;
};
struct Entry {
  std::string dn;
  std::vector<Attribute> attributes;
};
std::optional<Entry> ParseEntry(absl::string_view body);
std::string Encode(const Entry& entry);

// The body of any result (RFC 4511, section 4.1.9).
std::string ResultBody(int code, absl::string_view says);
std::optional<int> ResultCode(absl::string_view body);

// Of the paged results control (RFC 2696).
struct Page {
  int64_t size = 0;
  std::string cookie;
};
std::optional<Page> ParsePage(absl::string_view value);
std::string Encode(const Page& page);

}  // namespace muster::ber

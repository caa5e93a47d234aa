// LDAP messages (RFC 4511) taken apart and put together again, as far as a proxy must look into
// them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

// One BER element: definite lengths only, as LDAP demands.
struct Tlv {
  uint8_t tag = 0;
  std::string body;
};
std::string Encode(uint8_t tag, std::string_view body);
// The first element of `*bytes`, which is moved past it; nullopt: there is no whole one.
std::optional<Tlv> TakeTlv(std::string_view* bytes);
// All of them; nullopt when something else follows.
std::optional<std::vector<Tlv>> AllTlv(std::string_view bytes);

enum : uint8_t {
  kBoolean = 0x01,
  kInteger = 0x02,
  kOctets = 0x04,
  kEnum = 0x0a,
  kSequence = 0x30,
  kSet = 0x31,
  kUnbind = 0x42,
  kAbandon = 0x50,
  kBindResponse = 0x61,
  kSearch = 0x63,
  kEntry = 0x64,
  kSearchDone = 0x65,
  kModify = 0x66,
  kModifyResponse = 0x67,
  kCompareResponse = 0x6f,
  kReference = 0x73,
  kExtendedResponse = 0x78,
  kIntermediate = 0x79,
  kControls = 0xa0,
};

struct Pdu {
  std::string id;  // body of the message id
  Tlv op;
  std::string controls;  // what is inside; empty: none

  bool final() const;  // the last answer to its request
  bool HasControl(std::string_view oid) const { return controls.find(oid) != std::string::npos; }
};
// How many bytes the first message of `bytes` takes; 0: not all of it is there yet.
size_t PduSize(std::string_view bytes);
std::optional<Pdu> ParsePdu(std::string_view bytes);
std::string Encode(const Pdu& pdu);

struct SearchOp {
  std::vector<Tlv> head;  // base, scope, deref, limits, types only, filter
  std::vector<std::string> attributes;
  int scope() const { return head[1].body.empty() ? -1 : head[1].body[0]; }
};
std::optional<SearchOp> ParseSearch(const Tlv& op);
Tlv Encode(const SearchOp& search);

struct EntryOp {
  struct Attribute {
    std::string name;
    std::vector<std::string> values;
  };
  std::string dn;
  std::vector<Attribute> attributes;
};
std::optional<EntryOp> ParseEntry(const Tlv& op);
Tlv Encode(const EntryOp& entry);

// A result of `code` for the request that `request` made.
Pdu SearchResult(const Pdu& request, int code, std::string_view says, std::string_view controls);
// The controls of a request for pages (RFC 2696), for pages of `size` entries, below 128.
std::string WithPageSize(std::string_view controls, int size);
// RFC 2696, for a result: no more pages.
std::string LastPageControl();

}  // namespace muster

#include "controller/flow/records.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"

namespace muster {

std::string NamePart(absl::string_view name) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"%", "%25"}, {"/", "%2f"}});
}

std::string TicketKey(absl::string_view source, absl::string_view ticket) {
  // Opaque: another system's ids may differ in case alone.
  const auto part = [](absl::string_view text) {
    return absl::StrReplaceAll(text, {{"%", "%25"}, {"/", "%2f"}});
  };
  return absl::StrCat("ticket/", part(source), "/", part(ticket));
}

absl::StatusOr<std::vector<std::string>> KeyTails(const Snapshot& snapshot,
                                                  const std::string& prefix) {
  std::vector<std::string> out;
  std::string after;
  while (true) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> page, snapshot.Scan(prefix, after, 1'000));
    for (const Record& record : page) out.push_back(record.key.substr(prefix.size()));
    if (page.size() < 1'000) return out;
    after = page.back().key;
  }
}

absl::StatusOr<std::string> NextId(const Snapshot& snapshot, absl::string_view kind,
                                   Mutation& mutation) {
  const std::string key = CounterKey(kind);
  uint64_t last = 0;
  for (Mutation::Put& put : mutation.puts) {  // A second id within one mutation.
    if (put.key != key) continue;
    if (!absl::SimpleAtoi(put.bytes, &last)) break;
    put.bytes = absl::StrCat(last + 1);
    return absl::StrFormat("%s-%06d", kind, last + 1);
  }
  MUSTER_ASSIGN_OR_RETURN(const std::optional<Record> record, snapshot.Get(key));
  if (record && !absl::SimpleAtoi(record->bytes, &last)) {
    return absl::DataLossError(absl::StrCat("store: record ", key, " is damaged"));
  }
  mutation.expects.push_back({key, record ? record->revision : 0});
  // In front, where the next look for it begins: a sync may need thousands.
  mutation.puts.insert(mutation.puts.begin(), {key, absl::StrCat(last + 1)});
  return absl::StrFormat("%s-%06d", kind, last + 1);
}

}  // namespace muster

#include "agent/domain/receipt_match.h"

#include "common/time_proto.h"

namespace muster::agent {

const v1::ArchiveState::Export* FindBag(const v1::ArchiveState& state, const std::string& bag_id) {
  for (const v1::ArchiveState::Export& e : state.exports()) {
    if (e.packed() && e.seen().bag_id() == bag_id) return &e;
  }
  return nullptr;
}

v1::ArchiveState::Export* FindBag(v1::ArchiveState& state, const std::string& bag_id) {
  for (v1::ArchiveState::Export& e : *state.mutable_exports()) {
    if (e.packed() && e.seen().bag_id() == bag_id) return &e;
  }
  return nullptr;
}

std::string ReceiptFault(const v1::Receipt& receipt, const std::string& receipt_sha256,
                         const v1::ArchiveState::Export* packed, const std::string& device_id) {
  if (packed == nullptr) return "RECEIPT_WRONG_BAG";
  const v1::ExportSeen& seen = packed->seen();
  if (receipt.device_id() != device_id || receipt.export_sha256() != seen.export_sha256() ||
      receipt.person_id() != seen.person_id() || receipt.app_id() != seen.app_id() ||
      receipt.chat_key() != seen.chat_key() ||
      (!seen.repository_id().empty() && receipt.repository_id() != seen.repository_id())) {
    return "RECEIPT_WRONG_BAG";
  }
  // bag-info.txt and so the receipt say times in whole seconds.
  const auto second = [](const google::protobuf::Timestamp& t) { return t.seconds(); };
  if (receipt.export_bytes() != seen.bytes() || receipt.messages() != seen.messages() ||
      second(receipt.first_at()) != second(seen.first_at()) ||
      second(receipt.last_at()) != second(seen.last_at()) ||
      receipt.payload_oxum() != seen.payload_oxum() ||
      receipt.tagmanifest_sha256() != seen.tagmanifest_sha256()) {
    return "RECEIPT_SIZE";
  }
  if (!packed->receipt_sha256().empty() && packed->receipt_sha256() != receipt_sha256) {
    return "RECEIPT_CONFLICT";
  }
  return "";
}

}  // namespace muster::agent

#include "controller/domain/receipt.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/time_proto.h"

namespace muster {

std::pair<std::string, std::string> MatchReceipt(const v1::Receipt& receipt,
                                                 const v1::ExportRecord& record) {
  const v1::ExportSeen& seen = record.seen();
  const std::pair<bool, absl::string_view> same[] = {
      {receipt.bag_id() == seen.bag_id(), "bag"},
      {receipt.export_sha256() == seen.export_sha256(), "export"},
      {receipt.person_id() == seen.person_id(), "person"},
      {receipt.app_id() == seen.app_id(), "app"},
      {receipt.chat_key() == seen.chat_key(), "chat"},
      {receipt.device_id() == record.device_id(), "device"},
      {receipt.repository_id() == seen.repository_id(), "repository"}};
  for (const auto& [equal, what] : same) {
    if (equal) continue;
    return {"RECEIPT_WRONG_BAG",
            absl::StrCat("its ", what, " is not the one the agent reported for this bag")};
  }
  const auto seconds = [](const google::protobuf::Timestamp& t) {
    return absl::ToUnixSeconds(FromProto(t));
  };
  const std::pair<bool, absl::string_view> fits[] = {
      {receipt.export_bytes() == seen.bytes(), "number of bytes"},
      {receipt.messages() == seen.messages(), "number of messages"},
      {seconds(receipt.first_at()) == seconds(seen.first_at()), "first message's time"},
      {seconds(receipt.last_at()) == seconds(seen.last_at()), "last message's time"},
      {receipt.payload_oxum() == seen.payload_oxum(), "Payload-Oxum"},
      {receipt.tagmanifest_sha256() == seen.tagmanifest_sha256(), "tag manifest"}};
  for (const auto& [equal, what] : fits) {
    if (equal) continue;
    return {"RECEIPT_SIZE", absl::StrCat("its ", what, " is not what the agent reported")};
  }
  return {};
}

}  // namespace muster

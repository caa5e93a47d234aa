#include "cli/records_receipt.h"

#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

using archive::BagCode;
using archive::BagError;
using archive::DateOrder;
using archive::FindInfo;
using archive::ValidBag;

constexpr absl::Duration kReceiptLife = absl::Hours(24 * 36'525);  // 100 years
constexpr DateOrder kOrders[] = {DateOrder::kDayMonthYear, DateOrder::kMonthDayYear,
                                 DateOrder::kYearMonthDay};

absl::Status Malformed(absl::string_view label, absl::string_view why) {
  return BagError(BagCode::kMalformed, absl::StrCat("bag-info.txt: ", label, " ", why));
}

absl::StatusOr<std::string> IdIn(const ValidBag& bag, const char* label) {
  std::string value = FindInfo(bag.info, label);
  if (!archive::IsBagId(value)) return Malformed(label, "is missing or no id");
  return value;
}

absl::StatusOr<std::string> HashIn(const ValidBag& bag, const char* label) {
  std::string value = FindInfo(bag.info, label);
  if (value.size() != 64 || value.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return Malformed(label, "is missing or no hash");
  }
  return value;
}

absl::StatusOr<absl::Time> TimeIn(const ValidBag& bag, const char* label) {
  absl::Time time;
  std::string ignored;
  if (!absl::ParseTime(absl::RFC3339_full, FindInfo(bag.info, label), &time, &ignored)) {
    return Malformed(label, "is missing or no time");
  }
  return time;
}

absl::StatusOr<absl::TimeZone> ZoneIn(const ValidBag& bag) {
  absl::TimeZone zone;
  const std::string name = FindInfo(bag.info, archive::kInfoTimeZone);
  if (name.empty() || !absl::LoadTimeZone(name, &zone)) {
    return Malformed(archive::kInfoTimeZone, "is missing or no time zone");
  }
  return zone;
}

absl::StatusOr<DateOrder> OrderIn(const ValidBag& bag) {
  const std::string name = FindInfo(bag.info, archive::kInfoDateOrder);
  for (const DateOrder order : kOrders) {
    if (archive::DateOrderName(order) == name) return order;
  }
  return Malformed(archive::kInfoDateOrder, "is none of dmy, mdy, ymd");
}

absl::Status CheckIsOurs(const ValidBag& bag, const std::string& bag_id,
                         const std::string& tenant) {
  if (!bag.as_packed) {
    return BagError(BagCode::kChecksum,
                    "its tag files are not as an agent packs them, with SHA-256 and SHA-512");
  }
  if (FindInfo(bag.info, archive::kInfoBagId) != bag_id) {
    return BagError(BagCode::kExport,
                    absl::StrCat("this is the bag ", FindInfo(bag.info, archive::kInfoBagId),
                                 " in a folder of another name"));
  }
  if (FindInfo(bag.info, archive::kInfoTenant) != tenant) {
    return BagError(BagCode::kExport,
                    absl::StrCat("the bag is of the tenant ",
                                 FindInfo(bag.info, archive::kInfoTenant), ", not ", tenant));
  }
  if (bag.payload_files != 1 || bag.payload_bytes == 0) {
    return BagError(BagCode::kExport, "the bag does not hold one export");
  }
  return absl::OkStatus();
}

absl::Status Differs(absl::string_view what, absl::string_view said, absl::string_view is) {
  return BagError(BagCode::kExport, absl::StrCat("bag-info.txt says ", what, " ", said,
                                                 "; the export in the bag has ", is));
}

// Both ways: a wall clock's hour may be there twice, or not at all.
bool Same(absl::Time said, absl::CivilSecond read, absl::TimeZone zone) {
  return absl::ToCivilSecond(said, zone) == read || absl::FromCivil(read, zone) == said;
}

absl::Status ReceiptError(absl::string_view code, absl::string_view detail) {
  return absl::FailedPreconditionError(absl::StrCat(code, ": ", detail));
}

}  // namespace

absl::StatusOr<v1::Receipt> FactsOf(const ValidBag& bag, const std::string& bag_id,
                                    const std::string& tenant) {
  MUSTER_RETURN_IF_ERROR(CheckIsOurs(bag, bag_id, tenant));
  v1::Receipt facts;
  facts.set_bag_id(bag_id);
  MUSTER_ASSIGN_OR_RETURN(*facts.mutable_device_id(), IdIn(bag, archive::kInfoDevice));
  MUSTER_ASSIGN_OR_RETURN(*facts.mutable_person_id(), IdIn(bag, archive::kInfoPerson));
  MUSTER_ASSIGN_OR_RETURN(*facts.mutable_app_id(), IdIn(bag, archive::kInfoApp));
  MUSTER_ASSIGN_OR_RETURN(*facts.mutable_chat_key(), HashIn(bag, archive::kInfoChatKey));
  MUSTER_ASSIGN_OR_RETURN(*facts.mutable_export_sha256(), HashIn(bag, archive::kInfoExportSha256));
  facts.set_export_bytes(bag.payload_bytes);
  MUSTER_ASSIGN_OR_RETURN(const absl::Time first, TimeIn(bag, archive::kInfoFirst));
  MUSTER_ASSIGN_OR_RETURN(const absl::Time last, TimeIn(bag, archive::kInfoLast));
  if (last < first) return Malformed(archive::kInfoLast, "is before the first message");
  *facts.mutable_first_at() = ToProto(first);
  *facts.mutable_last_at() = ToProto(last);
  uint64_t messages = 0;
  const std::string count = FindInfo(bag.info, archive::kInfoMessages);
  if (!absl::SimpleAtoi(count, &messages) || absl::StrCat(messages) != count) {
    return Malformed(archive::kInfoMessages, "is missing or no number");
  }
  facts.set_messages(messages);
  MUSTER_RETURN_IF_ERROR(ZoneIn(bag).status());
  MUSTER_RETURN_IF_ERROR(OrderIn(bag).status());
  facts.set_payload_oxum(bag.payload_oxum);
  facts.set_tagmanifest_sha256(bag.tagmanifest_sha256);
  return facts;
}

DateOrder OrderOf(const ValidBag& bag) {
  const absl::StatusOr<DateOrder> order = OrderIn(bag);
  return order.ok() ? *order : DateOrder::kDayMonthYear;
}

absl::Status CheckExport(const ValidBag& bag, const v1::Receipt& facts,
                         const archive::ExportFileSummary& in_bag) {
  if (in_bag.sha256 != facts.export_sha256()) {
    return Differs("SHA-256", facts.export_sha256(), in_bag.sha256);
  }
  if (in_bag.file_bytes != facts.export_bytes()) {
    return Differs("bytes", absl::StrCat(facts.export_bytes()), absl::StrCat(in_bag.file_bytes));
  }
  if (in_bag.text.messages != facts.messages()) {
    return Differs("messages", absl::StrCat(facts.messages()), absl::StrCat(in_bag.text.messages));
  }
  MUSTER_ASSIGN_OR_RETURN(const absl::TimeZone zone, ZoneIn(bag));
  const archive::DatedRange& range = in_bag.text.range;
  if (!Same(FromProto(facts.first_at()), range.first, zone)) {
    return Differs("first message", FindInfo(bag.info, archive::kInfoFirst),
                   absl::FormatCivilTime(range.first));
  }
  if (!Same(FromProto(facts.last_at()), range.last, zone)) {
    return Differs("last message", FindInfo(bag.info, archive::kInfoLast),
                   absl::FormatCivilTime(range.last));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::SignedDoc> SignReceipt(v1::Receipt receipt, const PrivateKey& key,
                                          const Trust& trust, absl::Time now) {
  v1::DocumentHeader& header = *receipt.mutable_header();
  header.set_tenant(trust.tenant());
  header.set_kind(std::string(kReceiptKind.kind));
  header.set_name(ReceiptName(receipt.bag_id()));
  header.set_epoch(trust.epoch());
  header.set_version(1);
  *header.mutable_issued_at() = ToProto(now);
  *header.mutable_not_after() = ToProto(now + kReceiptLife);
  *receipt.mutable_received_at() = ToProto(now);
  MUSTER_ASSIGN_OR_RETURN(v1::SignedDoc doc, MakeSignedDoc(receipt, {key}));
  MUSTER_RETURN_IF_ERROR(
      VerifyReceipt({.doc = doc, .trust = trust, .name = header.name(), .floor = {}, .now = now})
          .status());
  return doc;
}

absl::StatusOr<v1::Receipt> ReadReceipt(const v1::SignedDoc& doc, const std::string& bag_id,
                                        const Trust& trust) {
  v1::AnyPayload any;
  absl::Time then = absl::UnixEpoch();
  if (any.ParseFromString(doc.payload())) then = FromProto(any.header().issued_at());
  MUSTER_ASSIGN_OR_RETURN(
      const Verified<v1::Receipt> verified,
      VerifyReceipt(
          {.doc = doc, .trust = trust, .name = ReceiptName(bag_id), .floor = {}, .now = then}));
  if (verified.payload().bag_id() != bag_id) {
    return ReceiptError("RECEIPT_WRONG_BAG",
                        absl::StrCat("it is for the bag ", verified.payload().bag_id()));
  }
  return verified.payload();
}

absl::Status CheckReceipt(const v1::Receipt& receipt, const v1::Receipt& facts) {
  if (receipt.export_bytes() != facts.export_bytes() ||
      receipt.payload_oxum() != facts.payload_oxum() || receipt.messages() != facts.messages() ||
      FromProto(receipt.first_at()) != FromProto(facts.first_at()) ||
      FromProto(receipt.last_at()) != FromProto(facts.last_at())) {
    return ReceiptError("RECEIPT_SIZE",
                        absl::StrCat("the receipt is for ", receipt.export_bytes(), " bytes, ",
                                     receipt.messages(), " messages; the bag has ",
                                     facts.export_bytes(), " bytes, ", facts.messages()));
  }
  if (receipt.tagmanifest_sha256() != facts.tagmanifest_sha256() ||
      receipt.export_sha256() != facts.export_sha256() ||
      receipt.device_id() != facts.device_id() || receipt.person_id() != facts.person_id() ||
      receipt.app_id() != facts.app_id() || receipt.chat_key() != facts.chat_key()) {
    return ReceiptError("RECEIPT_WRONG_BAG", "the receipt is for a bag of other content");
  }
  return absl::OkStatus();
}

}  // namespace muster::cli

#include "controller/flow/receipts.h"

#include <optional>
#include <utility>

#include "common/archive_limits.h"
#include "common/signed_doc.h"
#include "common/time_proto.h"
#include "controller/domain/receipt.h"
#include "controller/flow/audit.h"
#include "controller/flow/device_alarms.h"
#include "muster/v1/device_service.pb.h"

namespace muster {
namespace {

constexpr char kConflict[] = "RECEIPT_CONFLICT";

absl::StatusOr<Trust> TrustInForce(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(const auto doc, Load<v1::SignedDoc>(snapshot, DocumentKey(kRootName),
                                                              "there is no root of trust yet"));
  v1::Root root;
  if (!root.ParseFromString(doc.value.payload())) {
    return absl::DataLossError("the stored root of trust is damaged");
  }
  return Trust::FromRoot(root);
}

// One receipt against one view of the store.
class ReceiptWriter {
 public:
  ReceiptWriter(const Services& services, const Snapshot& snapshot, const Actor& actor,
                const v1::SignedDoc& doc)
      : s_(services), snapshot_(snapshot), actor_(actor), doc_(doc), now_(services.clock.Now()) {
    v1::Receipt peek;  // only for its name: nothing else of it counts before it is verified
    if (peek.ParseFromString(doc.payload())) out_.bag_id = peek.bag_id();
  }

  absl::Status Judge(const Trust& trust) {
    const auto verified = VerifyReceipt(
        {.doc = doc_, .trust = trust, .name = ReceiptName(out_.bag_id), .floor = {}, .now = now_});
    if (!verified.ok()) {
      const auto code = VerifyCodeOf(verified.status());
      if (!code) return verified.status();
      return Refuse(std::string(VerifyCodeName(*code)), std::string(verified.status().message()));
    }
    sha256_ = verified->sha256();
    const v1::Receipt& receipt = verified->payload();
    MUSTER_ASSIGN_OR_RETURN(const auto held,
                            Find<v1::ReceiptRecord>(snapshot_, ReceiptKey(out_.bag_id)));
    if (held) return Held(held->value);
    MUSTER_ASSIGN_OR_RETURN(const auto key, snapshot_.Get(BagKey(out_.bag_id)));
    if (!key) return Unknown(receipt);
    MUSTER_ASSIGN_OR_RETURN(const auto record, Find<v1::ExportRecord>(snapshot_, key->bytes));
    if (!record) return Unknown(receipt);  // no reason to refuse the others of the call
    mutation_.expects.push_back({key->bytes, record->revision});
    auto [code, detail] = MatchReceipt(receipt, record->value);
    if (!code.empty()) return Mismatch(key->bytes, record->value, std::move(code), detail);
    return Accept(receipt, key->bytes, record->value);
  }

  Mutation& mutation() { return mutation_; }
  bool writes() const { return !mutation_.puts.empty(); }
  ReceiptVerdict& verdict() { return out_; }
  const std::string& alarmed_device() const { return alarmed_device_; }

 private:
  absl::Status Refuse(std::string code, std::string detail) {
    out_.code = std::move(code);
    out_.detail = std::move(detail);
    return absl::OkStatus();
  }

  absl::Status Held(const v1::ReceiptRecord& held) {
    if (held.sha256() == sha256_) {
      return Refuse("RECEIPT_REPLAYED",
                    absl::StrCat("held since ", TimeText(FromProto(held.accepted_at()))));
    }
    alarmed_device_ = held.device_id();
    return Refuse(kConflict, "another receipt for this bag is held; that one stands");
  }

  absl::Status Unknown(const v1::Receipt& receipt) {
    MUSTER_ASSIGN_OR_RETURN(
        const auto record,
        Find<v1::ExportRecord>(snapshot_, ExportKey(receipt.person_id(), receipt.app_id(),
                                                    receipt.chat_key(), receipt.export_sha256())));
    if (record && !record->value.seen().bag_id().empty()) {
      return Refuse("RECEIPT_WRONG_BAG", "its export lies in another bag, its agent reported");
    }
    return Refuse("RECEIPT_UNKNOWN_EXPORT",
                  "no agent has reported this bag yet; send the receipt again later");
  }

  // It stays with the export until a good one comes.
  absl::Status Mismatch(const std::string& key, v1::ExportRecord record, std::string code,
                        const std::string& detail) {
    if (record.mismatch_code() != code) {
      record.set_mismatch_code(code);
      Put(mutation_, key, record);
      PutMark(mutation_, ArchiveWorkKey(record.seen().person_id()));
      Audit("receipt.mismatch", key, detail, code);
    }
    return Refuse(std::move(code), detail);
  }

  absl::Status Accept(const v1::Receipt& receipt, const std::string& key, v1::ExportRecord record) {
    v1::ReceiptRecord kept;
    *kept.mutable_doc() = doc_;
    kept.set_sha256(sha256_);
    kept.set_bag_id(receipt.bag_id());
    kept.set_device_id(record.device_id());
    *kept.mutable_accepted_at() = ToProto(now_);
    kept.set_accepted_by_upn(actor_.who.upn);
    kept.set_export_sha256(receipt.export_sha256());
    const std::string receipt_key = ReceiptKey(receipt.bag_id());
    mutation_.expects.push_back({receipt_key, 0});
    Put(mutation_, receipt_key, kept);
    mutation_.puts.push_back(
        {ReceiptPendingKey(record.device_id(), receipt.bag_id()), receipt_key});
    record.set_receipt_sha256(sha256_);
    *record.mutable_received_at() = receipt.received_at();
    record.clear_mismatch_code();
    Put(mutation_, key, record);
    PutMark(mutation_, ArchiveWorkKey(record.seen().person_id()));
    Audit("receipt.accept", key,
          absl::StrCat("bag ", receipt.bag_id(), ", repository ", receipt.repository_id()), "");
    out_.device_id = record.device_id();
    out_.detail = absl::StrCat("filed as ", receipt.filed_as());
    return absl::OkStatus();
  }

  void Audit(absl::string_view verb, const std::string& object, const std::string& reason,
             const std::string& code) {
    mutation_.audit.push_back(MakeAuditEntry(
        s_, actor_,
        {.verb = std::string(verb), .object = object, .reason = reason, .reason_code = code}));
  }

  const Services& s_;
  const Snapshot& snapshot_;
  const Actor& actor_;
  const v1::SignedDoc& doc_;
  const absl::Time now_;
  std::string sha256_, alarmed_device_;
  ReceiptVerdict out_;
  Mutation mutation_;
};

absl::StatusOr<ReceiptVerdict> TrySubmit(const Services& services, const Actor& actor,
                                         const v1::SignedDoc& doc, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const Trust trust, TrustInForce(*snapshot));
  ReceiptWriter writer(services, *snapshot, actor, doc);
  MUSTER_RETURN_IF_ERROR(writer.Judge(trust));
  if (dry_run) return writer.verdict();
  if (writer.writes()) {
    MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(writer.mutation())).status());
    services.work.Wake();
    if (!writer.verdict().device_id.empty()) {
      services.work.WakeDevice(writer.verdict().device_id);
    }
  }
  if (!writer.alarmed_device().empty()) {
    MUSTER_RETURN_IF_ERROR(
        RaiseNamedAlarm(services, writer.alarmed_device(), kConflict,
                        absl::StrCat("two receipts of the records key differ for bag ",
                                     writer.verdict().bag_id.substr(0, limits::kMaxTicketBytes))));
  }
  return writer.verdict();
}

}  // namespace

absl::StatusOr<std::vector<ReceiptVerdict>> SubmitReceipts(
    const Services& services, const Actor& actor, const std::vector<v1::SignedDoc>& receipts,
    bool dry_run) {
  if (receipts.empty()) return absl::InvalidArgumentError("no receipt was given");
  if (receipts.size() > limits::kMaxReceiptsPerCall) {
    return absl::InvalidArgumentError(absl::StrCat(receipts.size(), " receipts; at most ",
                                                   limits::kMaxReceiptsPerCall, " at once"));
  }
  std::vector<ReceiptVerdict> out;
  for (const v1::SignedDoc& doc : receipts) {
    MUSTER_ASSIGN_OR_RETURN(ReceiptVerdict verdict,
                            RetryAborted([&] { return TrySubmit(services, actor, doc, dry_run); }));
    out.push_back(std::move(verdict));
  }
  return out;
}

absl::StatusOr<std::shared_ptr<const std::string>> PendingReceipts(const Snapshot& snapshot,
                                                                   const std::string& device_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto pending,
                          snapshot.Scan(absl::StrCat("receipt_pending/", device_id, "/"), "",
                                        limits::kMaxReceiptsPending));
  v1::ControllerMessage message;
  for (const Record& mark : pending) {
    MUSTER_ASSIGN_OR_RETURN(const auto receipt, Find<v1::ReceiptRecord>(snapshot, mark.bytes));
    if (receipt) *message.mutable_receipts()->add_receipts() = receipt->value.doc();
  }
  if (!message.has_receipts()) return nullptr;
  return std::make_shared<const std::string>(message.SerializeAsString());
}

}  // namespace muster

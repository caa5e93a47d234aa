#include "cli/records_receive.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "archive/files/bag_files.h"
#include "cli/records_receipt.h"
#include "cli/records_repository.h"
#include "common/archive_limits.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

using archive::BagCode;
using archive::BagError;

struct Examined {
  archive::ValidBag bag;
  v1::Receipt facts;
};

// One run. What is to be sent is collected in `pending_`.
class Run {
 public:
  Run(const ReceiveInputs& in, RecordsRepository repository)
      : in_(in), repository_(std::move(repository)) {}

  absl::StatusOr<ReceiveOutcome> Go() {
    if (!in_.dry_run) MUSTER_RETURN_IF_ERROR(repository_.Lock());
    MUSTER_ASSIGN_OR_RETURN(filed_, repository_.Filed());
    MUSTER_ASSIGN_OR_RETURN(const std::vector<IncomingBag> bags, repository_.Incoming());
    const std::map<std::string, std::string> before = filed_;
    for (const IncomingBag& bag : bags) {
      MUSTER_ASSIGN_OR_RETURN(RecordsRow row, TakeIn(bag));
      Add(std::move(row));
    }
    for (const auto& [id, filed_as] : before) {
      if (repository_.Wants(id)) MUSTER_RETURN_IF_ERROR(GoOn(id, filed_as));
    }
    if (!in_.dry_run && in_.submit) out_.sent = Send();
    return std::move(out_);
  }

 private:
  void Add(RecordsRow row) {
    if (in_.progress) in_.progress(row);
    out_.rows.push_back(std::move(row));
  }

  absl::StatusOr<Examined> Examine(const std::string& path, const std::string& id) {
    Examined out;
    MUSTER_ASSIGN_OR_RETURN(out.bag, archive::ValidateBag(path));
    MUSTER_ASSIGN_OR_RETURN(out.facts, FactsOf(out.bag, id, in_.trust.tenant()));
    const std::string& payload = out.bag.payload_paths.front();
    MUSTER_ASSIGN_OR_RETURN(const int fd, archive::OpenBagFile(path, payload));
    const std::string name = payload.substr(payload.rfind('/') + 1);
    const absl::StatusOr<archive::ExportFileSummary> read =
        in_.read_export(fd, name, OrderOf(out.bag));
    close(fd);
    if (absl::IsInvalidArgument(read.status())) {
      return BagError(BagCode::kExport,
                      absl::StrCat("no export can be read in it: ", read.status().message()));
    }
    MUSTER_RETURN_IF_ERROR(read.status());
    MUSTER_RETURN_IF_ERROR(CheckExport(out.bag, out.facts, *read));
    return out;
  }

  // A bag that is refused is an answer; an error ends the run.
  absl::StatusOr<RecordsRow> TakeIn(const IncomingBag& bag) {
    if (!archive::IsBagId(bag.id)) {
      return RefusedRow(bag.id, BagError(BagCode::kPath, "the folder's name is no bag id"));
    }
    const auto receipt = repository_.Receipt(bag.id);
    if (!receipt.ok()) return RefusedRow(bag.id, receipt.status());
    if (filed_.count(bag.id) != 0 || receipt->has_value()) {
      return RefusedRow(bag.id, BagError(BagCode::kFiled, "a bag of this id was filed before"));
    }
    const absl::StatusOr<Examined> examined = Examine(bag.path, bag.id);
    if (!examined.ok()) return RefusedRow(bag.id, examined.status());
    const absl::CivilDay today = absl::ToCivilDay(in_.clock.Now(), absl::UTCTimeZone());
    RecordsRow row = {bag.id, "RECEIVED", "",
                      RecordsRepository::PlaceFor(static_cast<int>(today.year()),
                                                  examined->facts.person_id(), bag.id)};
    if (in_.dry_run) {
      row.result = "WOULD_RECEIVE";
      return row;
    }
    MUSTER_RETURN_IF_ERROR(repository_.File(bag, row.filed_as));
    filed_[bag.id] = row.filed_as;
    MUSTER_RETURN_IF_ERROR(Answer(examined->facts, row.filed_as));
    return row;
  }

  // Signs and keeps the receipt; it is sent with the others.
  absl::Status Answer(v1::Receipt receipt, const std::string& filed_as) {
    receipt.set_repository_id(in_.repository_id);
    receipt.set_filed_as(filed_as);
    MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc,
                            SignReceipt(receipt, in_.key, in_.trust, in_.clock.Now()));
    MUSTER_RETURN_IF_ERROR(repository_.SaveReceipt(receipt.bag_id(), doc));
    pending_.push_back({receipt.bag_id(), filed_as, doc});
    return absl::OkStatus();
  }

  // A bag that an earlier run filed: its receipt may be missing, or not sent.
  absl::Status GoOn(const std::string& id, const std::string& filed_as) {
    const auto receipt = repository_.Receipt(id);
    if (!receipt.ok()) {
      // One that is damaged holds up no other.
      RecordsRow damaged = RefusedRow(id, receipt.status());
      damaged.filed_as = filed_as;
      Add(std::move(damaged));
      return absl::OkStatus();
    }
    if (receipt->has_value()) {
      if (!repository_.IsSent(id, **receipt)) pending_.push_back({id, filed_as, **receipt});
      return absl::OkStatus();
    }
    absl::StatusOr<Examined> examined = BagError(BagCode::kPath, "the folder's name is no bag id");
    if (archive::IsBagId(id)) examined = Examine(repository_.PathOf(filed_as), id);
    RecordsRow row = {id, in_.dry_run ? "WOULD_RECEIVE" : "RECEIVED",
                      "filed by an earlier run that signed no receipt", filed_as};
    if (!examined.ok()) {
      row = RefusedRow(id, examined.status());
      row.filed_as = filed_as;
    } else if (!in_.dry_run) {
      MUSTER_RETURN_IF_ERROR(Answer(examined->facts, filed_as));
    }
    Add(std::move(row));
    return absl::OkStatus();
  }

  absl::Status Send() {
    for (size_t at = 0; at < pending_.size(); at += limits::kMaxReceiptsPerCall) {
      const size_t count = std::min(pending_.size() - at, limits::kMaxReceiptsPerCall);
      v1::SubmitReceiptsRequest request;
      for (size_t i = 0; i < count; ++i) *request.add_receipts() = pending_[at + i].doc;
      MUSTER_ASSIGN_OR_RETURN(const v1::SubmitReceiptsResponse response, in_.submit(request));
      if (static_cast<size_t>(response.items_size()) != count) {
        return absl::InternalError("the controller did not answer for each receipt");
      }
      for (size_t i = 0; i < count; ++i) {
        MUSTER_RETURN_IF_ERROR(Note(pending_[at + i], response.items(static_cast<int>(i))));
      }
    }
    return absl::OkStatus();
  }

  struct Pending {
    std::string bag_id, filed_as;
    v1::SignedDoc doc;
  };

  absl::Status Note(const Pending& sent, const v1::ReceiptResult& result) {
    if (!result.bag_id().empty() && result.bag_id() != sent.bag_id) {
      return absl::InternalError("the controller answered for another receipt");
    }
    const auto row = std::find_if(out_.rows.begin(), out_.rows.end(),
                                  [&](const RecordsRow& r) { return r.bag_id == sent.bag_id; });
    // That it has it already is what a run that was cut short could not write down.
    const bool held = result.code().empty() || result.code() == "RECEIPT_REPLAYED";
    if (held) MUSTER_RETURN_IF_ERROR(repository_.MarkSent(sent.bag_id, sent.doc));
    // A refused bag of the same id may have come in this run: it keeps its own row.
    if (row == out_.rows.end() || row->filed_as != sent.filed_as) {
      Add({sent.bag_id, held ? "RECEIVED" : result.code(),
           held ? "filed before; the controller has its receipt now" : result.detail(),
           sent.filed_as});
    } else if (!held) {
      row->result = result.code();
      row->detail = result.detail();
      if (in_.progress) in_.progress(*row);
    }
    return absl::OkStatus();
  }

  const ReceiveInputs& in_;
  RecordsRepository repository_;
  std::map<std::string, std::string> filed_;
  std::vector<Pending> pending_;
  ReceiveOutcome out_;
};

// Before anything is moved: what the key signs must be a receipt.
absl::Status CheckKey(const ReceiveInputs& in) {
  v1::Receipt receipt;
  receipt.set_repository_id("none");
  receipt.set_bag_id("none");
  receipt.set_device_id("none");
  receipt.set_export_sha256(std::string(64, '0'));
  receipt.set_export_bytes(1);
  return SignReceipt(receipt, in.key, in.trust, in.clock.Now()).status();
}

}  // namespace

RecordsRow RefusedRow(const std::string& bag_id, const absl::Status& status) {
  const std::string message(status.message());
  const size_t colon = message.find(": ");
  const bool code =
      absl::IsFailedPrecondition(status) && colon != std::string::npos &&
      std::all_of(message.begin(), message.begin() + static_cast<int>(colon), [](char c) {
        return c == '_' || absl::ascii_isupper(static_cast<unsigned char>(c));
      });
  if (!code) return {bag_id, "UNREADABLE", message, ""};
  return {bag_id, message.substr(0, colon), message.substr(colon + 2), ""};
}

absl::StatusOr<ReceiveOutcome> ReceiveBags(const ReceiveInputs& in) {
  MUSTER_RETURN_IF_ERROR(CheckKey(in));
  MUSTER_ASSIGN_OR_RETURN(RecordsRepository repository, RecordsRepository::Open(in.dir));
  return Run(in, std::move(repository)).Go();
}

}  // namespace muster::cli

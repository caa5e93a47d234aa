#include "cli/records_verify.h"

#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "archive/files/bag_files.h"
#include "cli/records_receipt.h"
#include "cli/records_repository.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

using archive::BagCode;
using archive::BagError;

absl::Status CheckFiled(const std::string& path, const v1::Receipt& receipt, const Trust& trust) {
  const absl::StatusOr<archive::ValidBag> bag = archive::ValidateBag(path);
  if (absl::IsNotFound(bag.status())) {
    return BagError(BagCode::kIncomplete,
                    absl::StrCat("the bag is not at ", receipt.filed_as(), ", where it was filed"));
  }
  MUSTER_RETURN_IF_ERROR(bag.status());
  MUSTER_ASSIGN_OR_RETURN(const v1::Receipt facts, FactsOf(*bag, receipt.bag_id(), trust.tenant()));
  return CheckReceipt(receipt, facts);
}

RecordsRow RowFor(const std::string& id, const absl::Status& status, const std::string& filed_as) {
  RecordsRow row = status.ok() ? RecordsRow{id, "OK", "", ""} : RefusedRow(id, status);
  row.filed_as = filed_as;
  return row;
}

absl::Status CheckOne(const RecordsRepository& repository, const std::string& id,
                      const std::string& filed_as, const Trust& trust) {
  const absl::StatusOr<std::optional<v1::SignedDoc>> doc = repository.Receipt(id);
  if (absl::IsDataLoss(doc.status())) {
    return VerifyError(VerifyCode::kMalformed, doc.status().message());
  }
  MUSTER_RETURN_IF_ERROR(doc.status());
  if (!doc->has_value()) {
    return absl::FailedPreconditionError("RECEIPT_MISSING: no receipt was signed for this bag");
  }
  MUSTER_ASSIGN_OR_RETURN(const v1::Receipt receipt, ReadReceipt(**doc, id, trust));
  if (filed_as.empty() || filed_as != receipt.filed_as()) {
    return BagError(BagCode::kIncomplete,
                    absl::StrCat("the bag is not at ", receipt.filed_as(), ", where it was filed"));
  }
  return CheckFiled(repository.PathOf(filed_as), receipt, trust);
}

// The bag's id as the receipt has it; it counts only once the signature holds.
absl::StatusOr<RecordsRow> VerifyOneReceipt(const std::string& path, const Trust& trust) {
  MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc, ReadReceiptFile(path));
  v1::Receipt claimed;
  if (!claimed.ParseFromString(doc.payload())) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no receipt"));
  }
  const absl::StatusOr<v1::Receipt> receipt = ReadReceipt(doc, claimed.bag_id(), trust);
  if (!receipt.ok()) return RowFor(claimed.bag_id(), receipt.status(), "");
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  RecordsRow row = RowFor(receipt->bag_id(), absl::OkStatus(), receipt->filed_as());
  if (folder.filename() != "receipts") {
    row.detail = "the receipt alone: its bag is not at hand";
    return row;
  }
  MUSTER_RETURN_IF_ERROR(archive::CheckBagPath(receipt->filed_as()));
  const std::string bag = absl::StrCat(folder.parent_path().string(), "/", receipt->filed_as());
  return RowFor(receipt->bag_id(), CheckFiled(bag, *receipt, trust), receipt->filed_as());
}

}  // namespace

absl::StatusOr<std::vector<RecordsRow>> VerifyRecords(
    const std::string& path, const Trust& trust,
    const std::function<void(const RecordsRow&)>& progress) {
  std::vector<RecordsRow> rows;
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    MUSTER_ASSIGN_OR_RETURN(RecordsRow row, VerifyOneReceipt(path, trust));
    progress(row);
    rows.push_back(std::move(row));
    return rows;
  }
  MUSTER_ASSIGN_OR_RETURN(const RecordsRepository repository, RecordsRepository::Open(path));
  MUSTER_ASSIGN_OR_RETURN(const auto filed, repository.Filed());
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> receipts, repository.ReceiptIds());
  std::set<std::string> ids(receipts.begin(), receipts.end());
  for (const auto& [id, filed_as] : filed) ids.insert(id);
  for (const std::string& id : ids) {
    if (!repository.Wants(id)) continue;
    const auto found = filed.find(id);
    const std::string filed_as = found == filed.end() ? "" : found->second;
    rows.push_back(RowFor(id, CheckOne(repository, id, filed_as, trust), filed_as));
    progress(rows.back());
  }
  return rows;
}

}  // namespace muster::cli

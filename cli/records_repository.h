// The record repository as a folder:
//   incoming/<bag id>                     as agents pack them
//   filed/<year>/<person id>/<bag id>     kept
//   receipts/<bag id>.receipt, .sent      the signed receipt; that the controller has it
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "archive/files/bag_folder.h"
#include "muster/v1/document.pb.h"

namespace muster::cli {

struct IncomingBag {
  std::string id;    // the folder's name, whatever it is
  std::string path;  // where it lies
};

// Thread-compatible. Errors of all members: UNAVAILABLE, RESOURCE_EXHAUSTED.
class RecordsRepository {
 public:
  // `dir`: the repository, or one bag, which is then the only one that has come; its repository is
  // the folder above incoming/, or the one it lies in. INVALID_ARGUMENT: neither.
  static absl::StatusOr<RecordsRepository> Open(const std::string& dir);

  const std::string& root() const { return root_; }
  // Whether the bag is of those that are asked for: all of them, or the one.
  bool Wants(const std::string& bag_id) const { return !only_ || only_->id == bag_id; }

  // Until this object goes, no other run. ABORTED: another one is at work.
  absl::Status Lock();

  // By name. Hidden names and plain files are none.
  absl::StatusOr<std::vector<IncomingBag>> Incoming() const;
  // Bag id -> place relative to the repository.
  absl::StatusOr<std::map<std::string, std::string>> Filed() const;
  std::string PathOf(const std::string& filed_as) const;

  // "filed/2026/p1/bag-1". Ids must be harmless (archive::IsBagId).
  static std::string PlaceFor(int year, const std::string& person, const std::string& bag);
  // Moves the bag there, durably. ALREADY_EXISTS.
  absl::Status File(const IncomingBag& bag, const std::string& filed_as) const;

  // nullopt: there is none. DATA_LOSS: it cannot be read.
  absl::StatusOr<std::optional<v1::SignedDoc>> Receipt(const std::string& bag_id) const;
  absl::StatusOr<std::vector<std::string>> ReceiptIds() const;  // sorted
  // Durably. ALREADY_EXISTS: never two for one bag.
  absl::Status SaveReceipt(const std::string& bag_id, const v1::SignedDoc& receipt) const;
  // Whether the controller is known to have this very receipt.
  bool IsSent(const std::string& bag_id, const v1::SignedDoc& receipt) const;
  absl::Status MarkSent(const std::string& bag_id, const v1::SignedDoc& receipt) const;

 private:
  std::string ReceiptPath(const std::string& bag_id, const char* end) const;

  std::string root_;
  std::optional<IncomingBag> only_;
  archive::OwnedFd lock_;
};

// INVALID_ARGUMENT: no file, or one that is no signed document.
absl::StatusOr<v1::SignedDoc> ReadReceiptFile(const std::string& path);

}  // namespace muster::cli

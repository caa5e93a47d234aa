// `musterctl records receive`: each bag that has come is read, filed, and answered for with a
// signed receipt. Every step is durable before the next, so a run that was cut short is gone on
// with by the next one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "archive/files/export_file.h"
#include "common/clock.h"
#include "common/crypto.h"
#include "common/signed_doc.h"
#include "muster/v1/archive_calls.pb.h"

namespace muster::cli {

// One line of the answer.
struct RecordsRow {
  std::string bag_id;
  std::string result;  // "RECEIVED", "WOULD_RECEIVE", "OK", or why not: a code
  std::string detail;  // in words
  std::string filed_as;
  bool good() const { return result == "RECEIVED" || result == "WOULD_RECEIVE" || result == "OK"; }
};

// A row for a status that carries a code in front of its message; else "UNREADABLE".
RecordsRow RefusedRow(const std::string& bag_id, const absl::Status& status);

using ExportFileReader = std::function<absl::StatusOr<archive::ExportFileSummary>(
    int fd, const std::string& name, archive::DateOrder order)>;

struct ReceiveInputs {
  std::string dir;
  std::string repository_id;  // empty: the name of the repository's folder
  const PrivateKey& key;
  const Trust& trust;
  const Clock& clock;
  ExportFileReader read_export;
  // Empty: nothing is sent.
  std::function<absl::StatusOr<v1::SubmitReceiptsResponse>(const v1::SubmitReceiptsRequest&)>
      submit;
  std::function<void(const RecordsRow&)> progress;  // as soon as a bag is decided on
  bool dry_run = false;
};

struct ReceiveOutcome {
  std::vector<RecordsRow> rows;
  absl::Status sent;  // why receipts were not sent; they are with the next run
};

// FAILED_PRECONDITION before anything is touched when the key may not sign receipts. Else an error
// is the repository's: ABORTED (another run), UNAVAILABLE, RESOURCE_EXHAUSTED, DATA_LOSS.
absl::StatusOr<ReceiveOutcome> ReceiveBags(const ReceiveInputs& in);

}  // namespace muster::cli

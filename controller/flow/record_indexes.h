// Which other records one record needs: the rules by which flows keep their indexes, for the check
// of a store. One function per kind of record; see RecordKind::indexes.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controller/flow/record_kinds.h"

namespace muster {

using IndexEntries = std::vector<IndexEntry>;

absl::Status IndexesOfPerson(const Snapshot& snapshot, const RecordView& record, IndexEntries& out);
absl::Status IndexesOfRequest(const Snapshot& snapshot, const RecordView& record,
                              IndexEntries& out);
absl::Status IndexesOfGrant(const Snapshot& snapshot, const RecordView& record, IndexEntries& out);
absl::Status IndexesOfDevice(const Snapshot& snapshot, const RecordView& record, IndexEntries& out);
absl::Status IndexesOfInventory(const Snapshot& snapshot, const RecordView& record,
                                IndexEntries& out);
absl::Status IndexesOfDocument(const Snapshot& snapshot, const RecordView& record,
                               IndexEntries& out);
absl::Status IndexesOfExport(const Snapshot& snapshot, const RecordView& record, IndexEntries& out);
absl::Status IndexesOfReceipt(const Snapshot& snapshot, const RecordView& record,
                              IndexEntries& out);
absl::Status IndexesOfIncident(const Snapshot& snapshot, const RecordView& record,
                               IndexEntries& out);
absl::Status IndexesOfRun(const Snapshot& snapshot, const RecordView& record, IndexEntries& out);
// Of "archive_next/": the entry of the agenda that it names.
absl::Status IndexesOfArchiveNext(const Snapshot& snapshot, const RecordView& record,
                                  IndexEntries& out);

// The document that a leaf stands for, by key.
std::string DocumentOfLeaf(const RecordView& record);

}  // namespace muster

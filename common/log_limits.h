// Caps of the audit log and of what proves it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace muster::limits {

// An entry's length is two bytes in a bundle (C2SP tlog-tiles).
inline constexpr size_t kMaxLogEntryBytes = 65'535;
inline constexpr size_t kMaxLogSubjects = 64;      // that one entry is about
inline constexpr size_t kMaxLogTextBytes = 2'048;  // one of its texts, before it is shortened
inline constexpr size_t kMaxLogNameBytes = 512;    // an id, a name or an address in it
inline constexpr size_t kMaxLogSubjectBytes = 160;

inline constexpr size_t kMaxNoteBytes = 16 << 10;  // C2SP signed-note
inline constexpr size_t kMaxNoteSignatures = 16;
inline constexpr size_t kMaxNoteKeys = 16;
inline constexpr size_t kMaxProofHashes = 64;  // of an inclusion proof: one per level
inline constexpr size_t kMaxConsistencyHashes = 2 * kMaxProofHashes;
inline constexpr size_t kMaxProofFileBytes = 128 << 10;  // the entry is in it

// The sequencer: commits that wait are written together.
inline constexpr absl::Duration kMinLogBatch = absl::Milliseconds(5);  // between two, under load
inline constexpr size_t kMaxBatchEntries = 4'096;
inline constexpr size_t kMaxBatchBytes = 8 << 20;
inline constexpr size_t kMaxWaitingCommits = 10'000;  // more are told to come back

// Reading it.
inline constexpr size_t kMaxLogReadEntries = 8'192;  // of one answer
inline constexpr size_t kMaxLogReadBytes = 3 << 20;
inline constexpr size_t kMaxSearchedEntries = 20'000;  // looked at for one page of a search
inline constexpr size_t kMaxSearchTextBytes = 256;
inline constexpr size_t kMaxAboutTerms = 64;  // that "everything about" one object looks for
// Two entries may be in the log the other way round than their times by this much.
inline constexpr absl::Duration kMaxLogDisorder = absl::Minutes(10);

// Retention: entries whose text goes with one commit, and such commits for one call.
inline constexpr size_t kMaxPrunedEntries = 4'096;
inline constexpr size_t kMaxPruneBatches = 64;
inline constexpr uint32_t kMinLogKeepYears = 3;
inline constexpr uint32_t kMaxLogKeepYears = 100;

// Witnesses.
inline constexpr absl::Duration kWitnessInterval = absl::Hours(24);  // between two reports of one
inline constexpr size_t kMaxConsistencyCache = 256;                  // proofs kept for one Beacon
inline constexpr size_t kMaxWitnessFiles = 100'000;                  // of one export
inline constexpr size_t kMaxLogFindings = 200;                       // listed of one verification

// The check of a whole store, and its backups.
inline constexpr size_t kMaxStoreFindings = 1'000;  // told one by one; the others are counted
inline constexpr size_t kStoreCheckPage = 500;      // records read at once
inline constexpr int kMaxReaderOpens = 50;          // of a store that is being written to
inline constexpr size_t kMaxBackupKeyBytes = 64 << 10;
inline constexpr size_t kMaxBackupValueBytes = 256 << 20;
inline constexpr size_t kRestoreBatchBytes = 4 << 20;
inline constexpr size_t kMaxWitnessNotes = 100'000;  // given to one restore

}  // namespace muster::limits

// What the store may hold: every kind of record by how its key begins, how its bytes are written,
// and which other records have to agree with it. Reads a snapshot where a rule needs it to.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "controller/flow/store.h"
#include "google/protobuf/message.h"

namespace muster {

// How the bytes of a record are written.
enum class RecordForm {
  kMessage,
  kMark,    // "1": that the key is there says it all
  kText,    // not empty
  kNumber,  // decimal
  kHashed,  // anything; the last part of the key is its SHA-256, lowercase hex
};

// A record with its message parsed; `message` is nullptr unless its form is kMessage.
struct RecordView {
  absl::string_view key, bytes;
  const google::protobuf::Message* message = nullptr;
};

// What a record demands of another one that lists or finds it.
struct IndexEntry {
  enum class Need {
    kExact,    // it is there, with these bytes
    kSome,     // it is there; another record may share it
    kAllowed,  // it may be there
  };
  std::string key, bytes;
  Need need = Need::kExact;
};

struct RecordKind {
  absl::string_view prefix;  // ends in '/'; else the whole key
  RecordForm form = RecordForm::kMessage;
  const google::protobuf::Message* (*prototype)() = nullptr;  // of kMessage
  // Where this record belongs, by its own word; empty: it does not say. nullptr: no rule.
  std::string (*key_of)(const RecordView& record) = nullptr;
  // Appends what must be there because of this record. nullptr: nothing.
  absl::Status (*indexes)(const Snapshot& snapshot, const RecordView& record,
                          std::vector<IndexEntry>& out) = nullptr;
  // The key of the record that this one is about, which has to exist; empty: this one points
  // nowhere. nullptr: it is about itself.
  std::string (*points_to)(const RecordView& record) = nullptr;
  // That record also has to name this one among its indexes.
  bool named_by_target = false;
};

// Every kind. The audit log's own entries are not among them.
absl::Span<const RecordKind> RecordKinds();
// The kind with the longest prefix that fits; nullptr: there is none.
const RecordKind* FindRecordKind(absl::string_view key);

}  // namespace muster

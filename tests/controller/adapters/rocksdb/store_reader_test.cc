// What `musterd fsck` finds in the audit log of a store whose files somebody edited, and that the
// reader sees what was acknowledged.
#include "controller/adapters/rocksdb/store_reader.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <functional>

#include "common/checkpoint.h"
#include "common/log_tiles.h"
#include "common/merkle.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/flow/records.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/policy.pb.h"
#include "muster/v1/report.pb.h"
#include "tests/controller/adapters/rocksdb/paced_writer.h"
#include "tests/controller/flow/whole_store.h"
#include "tests/support/temp_dir.h"

namespace muster {
namespace {

using Findings = std::vector<std::string>;

v1::AuditEntry EntryNo(int n) {
  v1::AuditEntry e;
  e.set_verb("request.approve");
  e.set_object(absl::StrCat("request/REQ-", n));
  e.set_ticket(absl::StrCat("INC", n));
  e.add_subjects(absl::StrCat("person/p", n % 7));
  return e;
}

void Fill(const std::string& db, int entries) {
  const auto store = *RocksDbStore::Open(db);
  for (int i = 0; i < entries;) {
    Mutation m;
    for (int n = 0; n < 100 && i < entries; ++n, ++i) m.audit.push_back(EntryNo(i));
    ASSERT_TRUE(store->Commit(std::move(m)).ok());
  }
}

using RawEdit = std::function<void(rocksdb::DB&)>;

void EditRaw(const std::string& db, const RawEdit& edit) {
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, db, &raw).ok());
  const std::unique_ptr<rocksdb::DB> owner(raw);
  edit(*owner);
  ASSERT_TRUE(owner->FlushWAL(true).ok());
}

std::string Bytes8(uint64_t v) {
  std::string out(8, '\0');
  for (size_t i = 8; i-- > 0; v >>= 8) out[i] = static_cast<char>(v & 0xff);
  return out;
}
std::string RawTile(char level, uint64_t index) {
  return "t/" + std::string(1, level) + Bytes8(index);
}
std::string RawTerm(const std::string& term, uint64_t sequence) {
  return "x/" + Sha256(term).substr(0, 8) + Bytes8(sequence);
}
std::string RawEntry(uint64_t sequence) { return "r/" + AuditKey(sequence); }

void Flip(rocksdb::DB& db, const std::string& key, size_t at) {
  std::string value;
  ASSERT_TRUE(db.Get({}, key, &value).ok());
  ASSERT_LT(at, value.size());
  value[at] = static_cast<char>(value[at] ^ 1);
  ASSERT_TRUE(db.Put({}, key, value).ok());
}

void ChangeRecord(rocksdb::DB& db, uint64_t sequence,
                  const std::function<void(v1::AuditRecord&)>& change) {
  std::string value;
  ASSERT_TRUE(db.Get({}, RawEntry(sequence), &value).ok());
  v1::AuditRecord record;
  ASSERT_TRUE(record.ParseFromString(value.substr(8)));
  change(record);
  ASSERT_TRUE(db.Put({}, RawEntry(sequence), value.substr(0, 8) + record.SerializeAsString()).ok());
}

void ForgetTerms(rocksdb::DB& db, int n) {
  for (const std::string& term :
       {absl::StrCat("object/request/req-", n), absl::StrCat("ticket/inc", n),
        std::string("verb/request.approve"), std::string("verb/request.*"),
        absl::StrCat("person/p", n % 7)}) {
    ASSERT_TRUE(db.Delete({}, RawTerm(term, static_cast<uint64_t>(n))).ok());
  }
}

TEST(StoreReader, EachFaultOfTheLogIsFound) {
  const struct {
    const char* name;
    RawEdit edit;
    Findings want;
  } kCases[] = {
      {"nothing", [](rocksdb::DB&) {}, {}},
      {"a text",
       [](rocksdb::DB& db) {
         ChangeRecord(db, 5, [](v1::AuditRecord& record) {
           v1::AuditEntry entry;
           ASSERT_TRUE(entry.ParseFromString(record.entry()));
           entry.set_reason("never said");
           record.set_entry(entry.SerializeAsString());
         });
       },
       {"LOG_ENTRY audit/0000000000000005: its text is not the one that was hashed"}},
      {"a text that is gone",
       [](rocksdb::DB& db) {
         ChangeRecord(db, 0, [](v1::AuditRecord& record) { record.clear_entry(); });
         ForgetTerms(db, 0);
       },
       {"LOG_ENTRY audit/0000000000000000: its text is gone, and was not pruned"}},
      {"an entry",
       [](rocksdb::DB& db) { ASSERT_TRUE(db.Delete({}, RawEntry(0x258)).ok()); },
       {"LOG_GAP audit/0000000000000258: entries 600 to 600 are missing",
        "LOG_TERM_EXTRA audit/0000000000000258: the index has ",
        "LOG_TERM_EXTRA audit/0000000000000258: the index has ",
        "LOG_TERM_EXTRA audit/0000000000000258: the index has ",
        "LOG_TERM_EXTRA audit/0000000000000258: the index has ",
        "LOG_TERM_EXTRA audit/0000000000000258: the index has "}},
      {"one too many",
       [](rocksdb::DB& db) {
         std::string value;
         ASSERT_TRUE(db.Get({}, RawEntry(0), &value).ok());
         ASSERT_TRUE(db.Put({}, RawEntry(601), value).ok());
       },
       {"LOG_BEYOND_END audit/0000000000000259: the log has 601 entries"}},
      {"a tile of leaves",
       [](rocksdb::DB& db) { Flip(db, RawTile(0, 1), 40); },
       {"LOG_TILE tile/0/1: it does not follow from the entries"}},
      {"a tile above",
       [](rocksdb::DB& db) { Flip(db, RawTile(1, 0), 40); },
       {"LOG_TILE tile/1/0: it does not follow from the entries"}},
      {"no tile",
       [](rocksdb::DB& db) { ASSERT_TRUE(db.Delete({}, RawTile(0, 0)).ok()); },
       {"LOG_TILE tile/0/0: it is missing or short"}},
      {"a tile too many",
       [](rocksdb::DB& db) { ASSERT_TRUE(db.Put({}, RawTile(0, 2), "x").ok()); },
       {"LOG_TILE tile/0/2: the log has not come so far"}},
      {"the root",
       [](rocksdb::DB& db) { Flip(db, "m/head", 20); },
       {"LOG_ROOT head: the entries do not lead to the log's root"}},
      {"a term less",
       [](rocksdb::DB& db) { ASSERT_TRUE(db.Delete({}, RawTerm("ticket/inc9", 9)).ok()); },
       {"LOG_TERM_MISSING audit/0000000000000009: not found by ticket/inc9"}},
      {"a term more",
       [](rocksdb::DB& db) { ASSERT_TRUE(db.Put({}, RawTerm("ticket/inc9", 8), "").ok()); },
       {"LOG_TERM_EXTRA audit/0000000000000008: the index has "}},
      {"another's key",
       [](rocksdb::DB& db) { ASSERT_TRUE(db.Put({}, "zzz", "x").ok()); },
       {"FOREIGN_KEY zzz: Muster writes no such key"}},
      {"a counter of an old store: musterd would not begin with it",
       [](rocksdb::DB& db) { ASSERT_TRUE(db.Put({}, "m/revision", Bytes8(7)).ok()); },
       {"FOREIGN_KEY m/revision: Muster writes no such key"}},
      {"a record of tomorrow",
       [](rocksdb::DB& db) { ASSERT_TRUE(db.Put({}, "r/policy_set", Bytes8(99) + "1").ok()); },
       {"REVISION policy_set: it is of revision 99, the store of 7"}},
  };
  for (const auto& c : kCases) {
    TempDir dir;
    const std::string db = dir.File("db");
    Fill(db, 601);
    EditRaw(db, c.edit);
    Findings got = FindingsIn(db);
    for (std::string& finding : got) {  // which hash it has is no matter
      if (const size_t has = finding.find("the index has "); has != std::string::npos) {
        finding.resize(has + sizeof("the index has ") - 1);
      }
    }
    EXPECT_EQ(got, c.want) << c.name;
  }
}

TEST(StoreReader, AnEntryThatSaysItIsAnotherIsFound) {
  TempDir dir;
  const std::string db = dir.File("db");
  Fill(db, 1);
  // The whole of a log of one entry, made anew around another text.
  EditRaw(db, [](rocksdb::DB& raw) {
    v1::AuditEntry entry = EntryNo(0);
    entry.set_sequence(7);
    entry.clear_subjects();
    entry.add_subjects("nobody");
    v1::AuditRecord record;
    record.set_entry(entry.SerializeAsString());
    record.set_leaf_hash(LeafHash(record.entry()));
    ASSERT_TRUE(raw.Put({}, RawEntry(0), Bytes8(1) + record.SerializeAsString()).ok());
    ASSERT_TRUE(raw.Put({}, "m/head", Bytes8(1) + Bytes8(1) + record.leaf_hash()).ok());
    ASSERT_TRUE(raw.Delete({}, RawTerm("person/p0", 0)).ok());
    ASSERT_TRUE(raw.Put({}, RawTerm("nobody", 0), "").ok());
  });
  EXPECT_EQ(FindingsIn(db),
            Findings({"LOG_SEQUENCE audit/0000000000000000: it says that it is entry 7",
                      "LOG_SUBJECT audit/0000000000000000: 'nobody'"}));
}

// Heads that devices were told, or that they told, of another log or a longer one.
TEST(StoreReader, AHeadThatIsNotOfThisLogIsFound) {
  TempDir dir;
  const std::string db = dir.File("db");
  Fill(db, 300);
  const auto store = *RocksDbStore::Open(db);
  const std::string good = *RootAt(*store->Read(), 280);
  const auto with = [&](uint64_t size, const std::string& root) {
    v1::Device device;
    device.set_device_id("d1");
    v1::AuditWitness witness;
    witness.set_device_id("d1");
    witness.set_checkpoint(CheckpointText({"agency/audit", size, root}) + "\n— x y\n");
    Mutation m;
    Put(m, DeviceKey("d1"), device);
    Put(m, WitnessKey("d1"), witness);
    EXPECT_TRUE(store->Commit(std::move(m)).ok());
    return FindingsIn(db);
  };
  EXPECT_EQ(with(280, good), Findings());
  EXPECT_EQ(with(280, Sha256("other")),
            Findings({"HEAD_NOT_ON_LOG witness/d1: with 280 entries the log had another root"}));
  EXPECT_EQ(with(301, good),
            Findings({"HEAD_AHEAD_OF_LOG witness/d1: it tells of 301 entries, there are 300"}));
  EXPECT_EQ(with(280, good), Findings());
  v1::Beacon beacon;
  beacon.mutable_header()->set_name(kBeaconName);
  beacon.set_audit_size(280);
  beacon.set_audit_root(Sha256("other"));
  v1::SignedDoc doc;
  doc.set_payload(beacon.SerializeAsString());
  Mutation m;
  Put(m, DocumentKey(kBeaconName), doc);
  ASSERT_TRUE(store->Commit(std::move(m)).ok());
  EXPECT_EQ(
      FindingsIn(db),
      Findings({"HEAD_NOT_ON_LOG document/beacon: with 280 entries the log had another root"}));
}

TEST(StoreReader, PrunedTextsAreNoFault) {
  TempDir dir;
  const std::string db = dir.File("db");
  Fill(db, 300);
  EditRaw(db, [](rocksdb::DB& raw) {
    for (int i = 0; i < 3; ++i) {
      ChangeRecord(raw, static_cast<uint64_t>(i),
                   [](v1::AuditRecord& record) { record.clear_entry(); });
      ForgetTerms(raw, i);
    }
    ASSERT_TRUE(raw.Put({}, absl::StrCat("r/", kPrunedBelowKey), Bytes8(1) + "3").ok());
  });
  EXPECT_EQ(FindingsIn(db), Findings());
  EditRaw(db, [](rocksdb::DB& raw) {
    ASSERT_TRUE(raw.Put({}, absl::StrCat("r/", kPrunedBelowKey), Bytes8(1) + "4").ok());
  });
  EXPECT_EQ(
      FindingsIn(db),
      Findings(
          {"LOG_ENTRY audit/0000000000000003: its text was to be pruned, and is still there"}));
}

// A writer whose files come and go meanwhile: what was acknowledged before is there, and all of it
// fits together.
TEST(StoreReader, BesideAWriterItSeesWhatWasAcknowledged) {
  constexpr int kRounds = 10, kAhead = 40;
  TempDir dir;
  const std::string db = dir.File("db");
  const auto store = *RocksDbStore::Open(db);
  const std::string bulk(300'000, 'b');  // a flush every 30 commits
  PacedWriter writer(*store, kRounds * kAhead, [&](int i) {
    Mutation m;
    m.puts.push_back({"policy_set", "1"});
    m.puts.push_back({"archive_walk", absl::StrCat(i, bulk)});
    m.audit.push_back(EntryNo(i));
    return m;
  });
  uint64_t last = 0;
  for (int round = 0; round <= kRounds; ++round) {
    if (round < kRounds) {
      writer.Let(kAhead);
    } else {
      writer.Finish();
    }
    const uint64_t before = writer.acknowledged();
    const auto reader = StoreReader::Open(db);
    ASSERT_TRUE(reader.ok()) << reader.status();
    const auto snapshot = (*reader)->Read();
    EXPECT_GE(snapshot->revision(), before);
    EXPECT_GE(snapshot->revision(), last);
    last = snapshot->revision();
    EXPECT_EQ(snapshot->log_head().size, snapshot->revision());
    const auto check =
        CheckStore(*snapshot, (*reader)->internals(), [](absl::string_view, uint64_t) {});
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_EQ(check->found, 0u);
  }
  EXPECT_EQ(last, static_cast<uint64_t>(kRounds * kAhead));
}

TEST(StoreReader, AStoreWithoutAHeadIsNoneOfThis) {
  TempDir dir;
  Fill(dir.File("db"), 3);
  EditRaw(dir.File("db"), [](rocksdb::DB& db) { ASSERT_TRUE(db.Delete({}, "m/head").ok()); });
  EXPECT_EQ(StoreReader::Open(dir.File("db")).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EditRaw(dir.File("db"), [](rocksdb::DB& db) { ASSERT_TRUE(db.Put({}, "m/head", "x").ok()); });
  EXPECT_EQ(StoreReader::Open(dir.File("db")).status().code(), absl::StatusCode::kDataLoss);
}

TEST(StoreReader, WhereNoStoreIsNothingIsMade) {
  TempDir dir;
  EXPECT_EQ(StoreReader::Open(dir.File("db")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(dir.File("db")));
}

}  // namespace
}  // namespace muster

// Every rule about records that `musterd fsck` has, broken once.
#include "controller/flow/store_check.h"

#include <functional>

#include "common/signed_doc.h"
#include "common/time_proto.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/flow/publish.h"
#include "controller/flow/record_kinds.h"
#include "controller/flow/records.h"
#include "muster/v1/archive_calls.pb.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/policy.pb.h"
#include "muster/v1/report.pb.h"
#include "tests/controller/flow/whole_store.h"
#include "tests/support/temp_dir.h"

namespace muster {
namespace {

using Findings = std::vector<std::string>;
using Edit = std::function<void(Mutation&)>;

v1::Request TheRequest() {
  v1::Request r;
  r.set_request_id("REQ-000002");
  r.set_state(v1::Request::PROVISIONING);
  r.set_app_id("wa");
  r.set_person_id("p1");
  r.set_ticket_source("desk");
  r.set_ticket("INC1");
  return r;
}

v1::Person ThePerson() {
  v1::Person p;
  p.set_person_id("p1");
  p.set_upn("alice@agency.test");
  p.set_account_name("alice");
  p.set_employee_id("E1");
  p.add_aliases("al@agency.test");
  return p;
}

v1::Device TheDevice() {
  v1::Device d;
  d.set_device_id("d1");
  d.set_state(v1::Device::ENROLLED);
  d.set_owner_id("p1");
  d.add_local_accounts("alice");
  return d;
}

v1::SignedDoc Document(const std::string& name, v1::CohortPolicy policy = {}) {
  policy.mutable_header()->set_name(name);
  policy.mutable_header()->set_version(3);
  v1::SignedDoc doc;
  doc.set_payload_type("muster.v1.CohortPolicy");
  doc.set_payload(policy.SerializeAsString());
  return doc;
}

void WritePeople(Mutation& m) {
  Put(m, PersonKey("p1"), ThePerson());
  m.puts.push_back({UpnKey("alice@agency.test"), "p1"});
  m.puts.push_back({AccountKey("alice"), "p1"});
  PutMark(m, AliasKey("al@agency.test", "p1"));
  PutMark(m, EmployeeKey("E1", "p1"));
  v1::Membership member;
  member.set_app_id("wa");
  member.set_person_id("p1");
  Put(m, MemberKey("wa", "p1"), member);
  v1::SyncRun run;
  run.set_run_id("RUN-000001");
  run.set_state(v1::SyncRun::HELD);
  Put(m, RunKey("RUN-000001"), run);
  m.puts.push_back({kHeldRunKey, "RUN-000001"});
  m.puts.push_back({CounterKey("RUN"), "1"});
}

void WriteRequests(Mutation& m) {
  Put(m, RequestKey("REQ-000002"), TheRequest());
  PutMark(m, PersonRequestKey("p1", "REQ-000002"));
  m.puts.push_back({OpenRequestKey("p1", "wa"), "REQ-000002"});
  m.puts.push_back({TicketKey("desk", "INC1"), "REQ-000002"});
  PutMark(m, RequestWorkKey("REQ-000002"));
  m.puts.push_back({CounterKey("REQ"), "2"});
  for (const auto& [id, state] :
       {std::pair("GR-000001", v1::Grant::ACTIVE), std::pair("GR-000002", v1::Grant::REVOKING)}) {
    v1::Grant grant;
    grant.set_grant_id(id);
    grant.set_state(state);
    grant.set_app_id("wa");
    grant.set_person_id("p1");
    Put(m, GrantKey(id), grant);
    PutMark(m, PersonGrantKey("p1", id));
  }
  m.puts.push_back({LiveGrantKey("p1", "wa"), "GR-000001"});
  PutMark(m, GrantWorkKey("GR-000002"));
  m.puts.push_back({CounterKey("GR"), "2"});
}

void WriteDevices(Mutation& m) {
  Put(m, DeviceKey("d1"), TheDevice());
  PutMark(m, DeviceOwnerKey("p1", "d1"));
  PutMark(m, DeviceAccountKey("alice", "d1"));
  v1::DeviceInventory inventory;
  inventory.set_device_id("d1");
  inventory.add_items()->set_app_id("wa");
  Put(m, InventoryKey("d1"), inventory);
  PutMark(m, InstalledKey("wa", "d1"));
  v1::CohortPolicy policy;
  policy.add_chunks()->set_sha256(Sha256Hex("chunk"));
  ASSERT_TRUE(PutDocument(m, Document("cohort/linux", policy)).ok());
  m.puts.push_back({ChunkKey("cohort/linux", Sha256Hex("chunk")), "chunk"});
  ASSERT_TRUE(PutDocument(m, Document("assignment/d1")).ok());
}

void WriteArchive(Mutation& m) {
  v1::ExportRecord record;
  record.mutable_seen()->set_person_id("p1");
  record.mutable_seen()->set_app_id("wa");
  record.mutable_seen()->set_export_sha256("ee");
  record.mutable_seen()->set_bag_id("bag-1");
  const std::string key = ExportKey("p1", "wa", "", "ee");
  Put(m, key, record);
  m.puts.push_back({BagKey("bag-1"), key});
  v1::ReceiptRecord receipt;
  receipt.set_bag_id("bag-1");
  receipt.set_device_id("d1");
  Put(m, ReceiptKey("bag-1"), receipt);
  m.puts.push_back({ReceiptPendingKey("d1", "bag-1"), ReceiptKey("bag-1")});
  v1::Incident incident;
  incident.set_incident_id("LOSS-000001");
  incident.set_state(v1::Incident::REPORTED);
  incident.set_person_id("p1");
  incident.set_app_id("wa");
  incident.set_device_id("d1");
  Put(m, IncidentKey("LOSS-000001"), incident);
  m.puts.push_back({OpenIncidentKey("p1", "wa", "d1"), "LOSS-000001"});
  m.puts.push_back({IncidentTimerKey("LOSS-000001"), "LOSS-000001"});
  m.puts.push_back({CounterKey("LOSS"), "1"});
  const std::string due = ArchiveDueKey(absl::FromUnixSeconds(9), "p1");
  m.puts.push_back({ArchiveNextKey("p1"), due});
  PutMark(m, due);
}

Findings FindingsAfter(const Edit& edit) {
  TempDir dir;
  const auto store = *RocksDbStore::Open(dir.File("db"));
  Mutation whole, broken;
  WritePeople(whole);
  WriteRequests(whole);
  WriteDevices(whole);
  WriteArchive(whole);
  EXPECT_TRUE(store->Commit(std::move(whole)).ok());
  edit(broken);
  EXPECT_TRUE(store->Commit(std::move(broken)).ok());
  return FindingsIn(dir.File("db"));
}

Edit Drop(const std::string& key) {
  return [key](Mutation& m) { m.deletes.push_back(key); };
}
Edit Set(const std::string& key, const std::string& bytes) {
  return [key, bytes](Mutation& m) { m.puts.push_back({key, bytes}); };
}

TEST(StoreCheck, AWholeStoreIsClean) {
  EXPECT_EQ(FindingsAfter([](Mutation&) {}), Findings());
}

// Each key without which a record is not found, and the record that asks for it.
TEST(StoreCheck, EveryIndexIsMissed) {
  const std::string due = ArchiveDueKey(absl::FromUnixSeconds(9), "p1");
  const std::pair<std::string, std::string> kCases[] = {
      {UpnKey("alice@agency.test"), "person/p1"},
      {AccountKey("alice"), "person/p1"},
      {AliasKey("al@agency.test", "p1"), "person/p1"},
      {EmployeeKey("E1", "p1"), "person/p1"},
      {kHeldRunKey, "run/RUN-000001"},
      {PersonRequestKey("p1", "REQ-000002"), "request/REQ-000002"},
      {OpenRequestKey("p1", "wa"), "request/REQ-000002"},
      {TicketKey("desk", "INC1"), "request/REQ-000002"},
      {RequestWorkKey("REQ-000002"), "request/REQ-000002"},
      {PersonGrantKey("p1", "GR-000001"), "grant/GR-000001"},
      {LiveGrantKey("p1", "wa"), "grant/GR-000001"},
      {GrantWorkKey("GR-000002"), "grant/GR-000002"},
      {DeviceOwnerKey("p1", "d1"), "device/d1"},
      {DeviceAccountKey("alice", "d1"), "device/d1"},
      {InstalledKey("wa", "d1"), "inventory/d1"},
      {LeafKey("cohort/linux"), "document/cohort/linux"},
      {LeafKey("assignment/d1"), "document/assignment/d1"},
      {ChunkKey("cohort/linux", Sha256Hex("chunk")), "document/cohort/linux"},
      {BagKey("bag-1"), "export/p1/wa/-/ee"},
      {ReceiptPendingKey("d1", "bag-1"), "receipt/bag-1"},
      {OpenIncidentKey("p1", "wa", "d1"), "incident/LOSS-000001"},
      {IncidentTimerKey("LOSS-000001"), "incident/LOSS-000001"},
      {due, "archive_next/p1"},
  };
  for (const auto& [key, of] : kCases) {
    EXPECT_EQ(FindingsAfter(Drop(key)),
              Findings({absl::StrCat("MISSING_INDEX ", key, ": it has to be there for ", of)}));
  }
}

// Each entry of an index that leads to nothing, or to a record that says otherwise.
TEST(StoreCheck, EveryIndexIsLedBack) {
  const std::string later = ArchiveDueKey(absl::FromUnixSeconds(10), "p1");
  const struct {
    std::string key, bytes, want;
  } kCases[] = {
      {UpnKey("other@agency.test"), "p1", "person/p1 says otherwise"},
      {UpnKey("other@agency.test"), "p9", "there is no person/p9"},
      {AccountKey("other"), "p1", "person/p1 says otherwise"},
      {AliasKey("other@agency.test", "p1"), "1", "person/p1 says otherwise"},
      {EmployeeKey("E2", "p1"), "1", "person/p1 says otherwise"},
      {RoleMemberKey("auditor", "p9"), "1", "there is no person/p9"},
      {kReleasedRunKey, "RUN-000001", "run/RUN-000001 says otherwise"},
      {PersonRequestKey("p2", "REQ-000002"), "1", "request/REQ-000002 says otherwise"},
      {OpenRequestKey("p1", "signal"), "REQ-000002", "request/REQ-000002 says otherwise"},
      {OpenRequestKey("p1", "signal"), "REQ-000009", "there is no request/REQ-000009"},
      {TicketKey("desk", "INC2"), "REQ-000002", "request/REQ-000002 says otherwise"},
      {RequestWorkKey("REQ-000001"), "1", "there is no request/REQ-000001"},
      {GrantWorkKey("GR-000009"), "1", "there is no grant/GR-000009"},
      {JoinWorkKey("GR-000009"), "1", "there is no grant/GR-000009"},
      {PersonGrantKey("p2", "GR-000001"), "1", "grant/GR-000001 says otherwise"},
      {LiveGrantKey("p1", "signal"), "GR-000002", "grant/GR-000002 says otherwise"},
      {DeviceOwnerKey("p2", "d1"), "1", "device/d1 says otherwise"},
      {DeviceAccountKey("bob", "d1"), "1", "device/d1 says otherwise"},
      {InstalledKey("signal", "d1"), "1", "inventory/d1 says otherwise"},
      {ReceiptPendingKey("d2", "bag-1"), "receipt/bag-1", "receipt/bag-1 says otherwise"},
      {OpenIncidentKey("p1", "wa", "d2"), "LOSS-000001", "incident/LOSS-000001 says otherwise"},
      {later, "1", "archive_next/p1 says otherwise"},
  };
  for (const auto& c : kCases) {
    // The ids that these name have been given.
    EXPECT_EQ(FindingsAfter([&](Mutation& m) {
                m.puts.push_back({c.key, c.bytes});
                m.puts.push_back({CounterKey("REQ"), "9"});
                m.puts.push_back({CounterKey("GR"), "9"});
              }),
              Findings({absl::StrCat("STALE_INDEX ", c.key, ": ", c.want)}))
        << c.key;
  }
}

TEST(StoreCheck, AnIndexWithAnotherValueIsFound) {
  const auto wrong = [](const std::string& key, const std::string& of) {
    return Findings(
        {absl::StrCat("WRONG_INDEX ", key, ": it has another value than ", of, " asks for")});
  };
  v1::DocumentLeaf leaf;
  leaf.set_name("cohort/linux");
  leaf.set_version(2);
  EXPECT_EQ(FindingsAfter(Set(LeafKey("cohort/linux"), leaf.SerializeAsString())),
            wrong("leaf/cohort%2flinux", "document/cohort/linux"));
  EXPECT_EQ(FindingsAfter(Set(BagKey("bag-1"), "export/p1/wa/-/ff")),
            wrong("bag/bag-1", "export/p1/wa/-/ee"));
}

TEST(StoreCheck, BytesThatAKindDoesNotHaveAreFound) {
  const std::string chunk = ChunkKey("cohort/linux", Sha256Hex("chunk"));
  const struct {
    std::string key, bytes, want;
  } kCases[] = {
      {"hold/HOLD-1", "\xff\xff", "its bytes are not what its kind has"},
      {"hold/HOLD-1", "\xfa\x3f\x01x", "its bytes are not what its kind has"},  // field 1023
      {"blocklist/wa", "0", "it is a mark, and its value is not 1"},
      {"figures_day", "", "its value is empty"},
      {"counter/X", "many", "its value is no number"},
      {chunk, "chunk!", "its bytes do not have the hash that it is named by"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(FindingsAfter(Set(c.key, c.bytes)),
              Findings({absl::StrCat("DAMAGED ", c.key, ": ", c.want)}));
  }
}

TEST(StoreCheck, ARecordInAnothersPlaceIsFound) {
  v1::Hold hold;
  hold.set_hold_id("HOLD-7");
  EXPECT_EQ(FindingsAfter([&](Mutation& m) {
              Put(m, HoldKey("HOLD-8"), hold);
              m.puts.push_back({CounterKey("HOLD"), "8"});
            }),
            Findings({"MISPLACED hold/HOLD-8: it says that it is hold/HOLD-7"}));
}

TEST(StoreCheck, RecordsThatExcludeEachOtherAreFound) {
  v1::Membership member;
  member.set_app_id("wa");
  member.set_person_id("p1");
  member.set_inactive_because("disabled");
  EXPECT_EQ(FindingsAfter([&](Mutation& m) { Put(m, InactiveMemberKey("wa", "p1"), member); }),
            Findings({"CONFLICT inactive_member/wa/p1: member/wa/p1 is there too"}));
}

TEST(StoreCheck, ACounterThatWouldGiveAnIdTwiceIsFound) {
  EXPECT_EQ(FindingsAfter(Set(CounterKey("REQ"), "1")),
            Findings({"COUNTER_BEHIND counter/REQ: it is at 1, but there is REQ-000002"}));
  EXPECT_EQ(FindingsAfter(Drop(CounterKey("GR"))),
            Findings({"COUNTER_BEHIND counter/GR: it is at 0, but there is GR-000002"}));
}

TEST(StoreCheck, WhatIsNoRecordOfMustersIsFound) {
  EXPECT_EQ(FindingsAfter(Set("mystery/1", "x")),
            Findings({"UNKNOWN_KIND mystery/1: no record of Muster's has such a key"}));
  EXPECT_EQ(FindingsAfter(Set("audit/x", "x")),
            Findings({"UNKNOWN_KIND audit/x: no entry of the audit log has such a key"}));
}

TEST(StoreCheck, OfVeryManyFindingsSomeAreTold) {
  TempDir dir;
  const auto store = *RocksDbStore::Open(dir.File("db"));
  Mutation m;
  for (int i = 0; i < 1'200; ++i) m.puts.push_back({absl::StrCat("mystery/", i), "x"});
  ASSERT_TRUE(store->Commit(std::move(m)).ok());
  const auto reader = *StoreReader::Open(dir.File("db"));
  const auto check =
      CheckStore(*reader->Read(), reader->internals(), [](absl::string_view, uint64_t) {});
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(check->found, 1'200u);
  EXPECT_EQ(check->findings.size(), 1'000u);
  EXPECT_EQ(check->records, 1'200u);
}

TEST(RecordKinds, TheLongestPrefixDecides) {
  const std::pair<std::string, std::string> kCases[] = {
      {"work/incident/LOSS-1", "work/incident/"},
      {"request/REQ-1", "request/"},
      {"role_member/auditor/p", "role_member/"},
      {"guidance", "guidance"},
      {"guidance/x", "none"},
      {"request/", "none"},
  };
  for (const auto& [key, want] : kCases) {
    const RecordKind* kind = FindRecordKind(key);
    EXPECT_EQ(kind == nullptr ? "none" : std::string(kind->prefix), want) << key;
  }
  for (const RecordKind& kind : RecordKinds()) {
    EXPECT_EQ(kind.form == RecordForm::kMessage, kind.prototype != nullptr) << kind.prefix;
  }
}

}  // namespace
}  // namespace muster

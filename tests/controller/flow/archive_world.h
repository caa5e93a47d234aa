// A world in which alice has a grant for WhatsApp and a device whose agent reports exports.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "common/archive_limits.h"
#include "controller/domain/grant.h"
#include "controller/flow/obligations.h"
#include "controller/flow/receipts.h"
#include "tests/controller/flow/world.h"

namespace muster {

class ArchiveWorld : public World {
 protected:
  static constexpr char kApp[] = "whatsapp";

  void SetUp() override {
    LoadCatalogue();
    ASSERT_TRUE(Sync().ok());
    alice_ = Enrol("alice");
    const auto request = SubmitFor("alice");
    ASSERT_TRUE(request.ok()) << request.status();
    ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
    Settle();
    Run();
    ASSERT_TRUE(RunArchive().ok());
    grant_ = HoldingGrant(*store_->Read(), IdOf(kAlice), kApp)->value().value.grant_id();
    // Long enough for a clock that runs out.
    v1::Grant grant = GrantNow(grant_);
    StartTerm(grant, absl::Hours(24 * 300), clock_.Now());
    Mutation mutation;
    PutGrant(mutation, grant);
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }

  TestDevice Enrol(const std::string& owner, const std::vector<std::string>& accounts = {}) {
    TestDevice device;
    device.id = EnrolDevice(device.key, owner, accounts).device.device_id();
    return device;
  }

  absl::Status RunArchive() { return RunArchiveDeadlines(*services_); }

  void Advance(int days) { clock_.Advance(absl::Hours(24 * days)); }
  // The agent is there: it says something each day.
  void Live(int days) {
    for (int i = 0; i < days; ++i) {
      Advance(1);
      ASSERT_TRUE(Hear(alice_).ok());
      ASSERT_TRUE(RunArchive().ok());
    }
  }

  absl::Status Ingest(TestDevice& device, v1::Report report) {
    return IngestReport(*services_, device.id, device.Sign(std::move(report)), {}).status();
  }
  absl::Status Hear(TestDevice& device) {
    v1::Report report;
    report.mutable_status()->set_mode(v1::StatusReport::ENFORCING);
    return Ingest(device, report);
  }
  absl::Status Install(TestDevice& device, bool installed) {
    v1::Report report;
    report.mutable_inventory()->set_full(true);
    if (installed) {
      v1::InventoryItem* item = report.mutable_inventory()->add_installed();
      item->set_origin(v1::Origin::DPKG);
      item->set_package_id(kApp);
      item->set_app_id(kApp);
    }
    return Ingest(device, report);
  }

  static std::string Hash(const std::string& of) { return Sha256Hex(of); }

  // An export of alice's chat that ends now; `from` days ago it begins.
  v1::ExportSeen Seen(const std::string& chat, int from_days, const std::string& name) {
    v1::ExportSeen seen;
    seen.set_export_sha256(Hash(name));
    seen.set_person_id(IdOf(kAlice));
    seen.set_app_id(kApp);
    seen.set_account_name("alice");
    seen.set_chat_key(Hash(chat));
    seen.set_source(v1::Platform::ANDROID);
    seen.set_bytes(1'000);
    seen.set_messages(10);
    seen.set_participants(1);
    seen.add_participant_keys(Hash("bob"));
    *seen.mutable_first_at() = ToProto(clock_.Now() - absl::Hours(24 * from_days));
    *seen.mutable_last_at() = ToProto(clock_.Now());
    *seen.mutable_made_at() = ToProto(clock_.Now());
    *seen.mutable_seen_at() = ToProto(clock_.Now());
    seen.set_time_zone("UTC");
    seen.set_date_order("dmy");
    seen.set_from_start(true);
    return seen;
  }
  static v1::ExportSeen Packed(v1::ExportSeen seen, const std::string& bag) {
    seen.set_bag_id(bag);
    seen.set_repository_id("records-1");
    seen.set_payload_oxum("1000.1");
    seen.set_tagmanifest_sha256(Hash(bag));
    *seen.mutable_packed_at() = seen.seen_at();
    return seen;
  }
  absl::Status Tell(TestDevice& device, const std::vector<v1::ExportSeen>& exports) {
    v1::Report report;
    for (const v1::ExportSeen& seen : exports) *report.mutable_archive()->add_exports() = seen;
    return Ingest(device, report);
  }

  v1::Receipt ReceiptFor(const v1::ExportSeen& seen, const std::string& device) {
    v1::Receipt receipt;
    v1::DocumentHeader* header = receipt.mutable_header();
    header->set_tenant("agency");
    header->set_kind("receipt");
    header->set_name(ReceiptName(seen.bag_id()));
    header->set_epoch(signer_.epoch());
    header->set_version(1);
    *header->mutable_issued_at() = ToProto(clock_.Now());
    *header->mutable_not_after() = ToProto(clock_.Now() + absl::Hours(24 * 365));
    receipt.set_repository_id(seen.repository_id());
    receipt.set_bag_id(seen.bag_id());
    receipt.set_device_id(device);
    receipt.set_person_id(seen.person_id());
    receipt.set_app_id(seen.app_id());
    receipt.set_chat_key(seen.chat_key());
    receipt.set_export_sha256(seen.export_sha256());
    receipt.set_export_bytes(seen.bytes());
    *receipt.mutable_first_at() = seen.first_at();
    *receipt.mutable_last_at() = seen.last_at();
    receipt.set_messages(seen.messages());
    receipt.set_payload_oxum(seen.payload_oxum());
    receipt.set_tagmanifest_sha256(seen.tagmanifest_sha256());
    *receipt.mutable_received_at() = ToProto(clock_.Now());
    receipt.set_filed_as("filed/2027/x");
    return receipt;
  }
  // The root in force names the records office's key from now on.
  void NameRecordsKey() {
    const auto stored = Load<v1::SignedDoc>(*store_->Read(), DocumentKey(kRootName), "missing");
    v1::Root root;
    ASSERT_TRUE(root.ParseFromString(stored->value.payload()));
    auto* roles = root.mutable_roles();
    roles->erase(std::remove_if(roles->begin(), roles->end(),
                                [](const auto& role) { return role.role() == "records"; }),
                 roles->end());
    v1::TrustedKey* key = root.add_keys();
    key->set_key_id(records_.key_id());
    key->set_spki(records_.spki());
    key->set_algorithm(std::string(kEcdsaP256Sha256));
    v1::TrustedRole* role = root.add_roles();
    role->set_role("records");
    role->add_key_ids(records_.key_id());
    role->set_threshold(1);
    v1::SignedDoc doc = stored->value;
    doc.set_payload(root.SerializeAsString());
    Mutation mutation;
    ASSERT_TRUE(PutDocument(mutation, doc).ok());
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  v1::SignedDoc Signed(const v1::Receipt& receipt) { return *MakeSignedDoc(receipt, {records_}); }
  std::string Submit(const v1::SignedDoc& doc, bool dry_run = false) {
    const auto verdicts = SubmitReceipts(*services_, Who("second"), {doc}, dry_run);
    EXPECT_TRUE(verdicts.ok()) << verdicts.status();
    return verdicts->at(0).code;
  }

  // All of alice's, as "device chat STATE level".
  std::vector<std::string> Owed() {
    std::vector<std::string> out;
    const auto owed = ObligationsOf(*store_->Read(), IdOf(kAlice), kApp);
    for (const v1::Obligation& o : *owed) {
      out.push_back(absl::StrCat(o.device_id(), " ", o.chat_key().substr(0, 4), " ",
                                 v1::Obligation::State_Name(o.state()), " ",
                                 v1::Evidence::Level_Name(o.level())));
    }
    return out;
  }
  std::string Line(const std::string& device, const std::string& chat, const std::string& rest) {
    return absl::StrCat(device, " ", chat.empty() ? "" : Hash(chat).substr(0, 4), " ", rest);
  }
  std::vector<std::string> Verbs(const std::string& prefix) {
    std::vector<std::string> out;
    for (const auto found = store_->Read()->Scan("audit/", "", 100'000); const Record& r : *found) {
      v1::AuditRecord stored;
      v1::AuditEntry entry;
      EXPECT_TRUE(stored.ParseFromString(r.bytes) && entry.ParseFromString(stored.entry()));
      if (absl::StartsWith(entry.verb(), prefix)) out.push_back(entry.verb());
    }
    return out;
  }

  TestDevice alice_;
  std::string grant_;
  PrivateKey records_ = *PrivateKey::Generate(kEcdsaP256Sha256);
};

}  // namespace muster

// A year of 50 people with 300 chats over the real flow, hour by hour: every obligation, reminder,
// suspension and incident is what a simple model of the truth says, on every day. With both changes
// of the clock, a leap day, new laptops, a new phone, lost and silent devices, gaps that are filled
// or not, late and wrong receipts, blocked exports and Capstone appointments.
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_split.h"
#include "common/trust_root.h"
#include "controller/domain/retention.h"
#include "controller/flow/incident_decisions.h"
#include "controller/flow/obligations.h"
#include "controller/flow/person_writes.h"
#include "controller/flow/receipts.h"
#include "tests/controller/flow/world.h"
#include "tests/controller/flow/year_model.h"
#include "tests/controller/flow/year_names.h"

namespace muster {
namespace {

class PlayedYearTest : public World {
 protected:
  PlayedYearTest() {
    clock_.Set(calendar_.At(0));
    WriteEverybody();
    directory_->edit = [this](DirectorySnapshot& read) {
      for (int p : appointed_) read.persons.at(PersonIdOf(p)).set_capstone(true);
    };
    LoadCatalogue();
    TrustRecordsKey();
    EXPECT_TRUE(Sync().ok());
    v1::RetentionPolicy policy;
    policy.set_time_zone("America/New_York");
    *policy.mutable_overdue_grace() = ToProto(absl::Hours(24 * 5));
    *policy.mutable_silent_after() = ToProto(absl::Hours(24 * 3));
    Mutation mutation;
    Put(mutation, kRetentionKey, policy);
    EXPECT_TRUE(store_->Commit(std::move(mutation)).ok());
    for (int p = 0; p < kYearPersons; ++p) person_of_[PersonIdOf(p)] = p;
    for (int p = 0; p < kYearPersons; ++p) {
      for (int c = 0; c < kYearChats; ++c) chat_of_[ChatKeyOf(p, c)] = c;
    }
  }

  void WriteEverybody() {
    std::string text = "version: 1\n\n";
    int n = 0;
    for (const char* name : {"alice", "bob", "desk", "soc", "second"}) {
      text += PersonLdif(name, ++n);
    }
    for (int p = 0; p < kYearPersons; ++p) text += PersonLdif(NameOf(p), 10 + p);
    text +=
        "dn: cn=wa,dc=agency,dc=test\nobjectClass: groupOfNames\nentryUUID: "
        "00000000-0000-4000-9000-000000000001\ncn: wa\n"
        "member: cn=placeholder,dc=agency,dc=test\n";
    ASSERT_TRUE(WriteFileAtomically(dir_.File("d.ldif"), text, 0600).ok());
  }

  // The next root names a records key. It lives a year: a day less than is played.
  void TrustRecordsKey() {
    const auto first = Load<v1::SignedDoc>(*store_->Read(), DocumentKey(kRootName), "missing");
    root_ = *NextRoot(
        *RootOf(first->value),
        {.role = "records", .add = {*TrustedKeyFromSpki(records_.spki())}, .threshold = 1},
        clock_.Now());
    std::vector<PrivateKey> keys;
    for (const char* name : {"root-1", "root-2"}) {
      keys.push_back(
          *PrivateKey::FromPem(*ReadFile(dir_.File(absl::StrCat("t/root-keys/", name, ".key")))));
    }
    const auto published =
        PublishTrust(*services_, signer_, Who("soc"), {*MakeSignedDoc(root_, keys)}, false);
    ASSERT_TRUE(published.ok()) << published.status();
  }

  TestDevice& DeviceOf(const YearEvent& e) { return devices_[{e.person, e.device}]; }

  void Ingest(const YearEvent& e, const v1::Report& report) {
    TestDevice& device = DeviceOf(e);
    const auto outcome = IngestReport(*services_, device.id, device.Sign(report), {});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
  }

  void Play(const YearEvent& e) {
    switch (e.what) {
      case YearEvent::kEnrol:
        return Enrol(e);
      case YearEvent::kGrant:
        return Grant(e);
      case YearEvent::kInstall:
      case YearEvent::kUninstall:
        return Installed(e);
      case YearEvent::kHello:
        EXPECT_TRUE(RecordHello(*services_, DeviceOf(e).id, HelloOf(e)).ok());
        return;
      case YearEvent::kExport:
        return Exported(e);
      case YearEvent::kReceipt:
      case YearEvent::kBadReceipt:
        return Received(e);
      case YearEvent::kBlocked:
      case YearEvent::kUnblocked:
        return Said(e);
      case YearEvent::kAppoint:
        appointed_.insert(e.person);
        EXPECT_TRUE(Sync().ok());
        return;
      case YearEvent::kDismiss:
        return Dismissed(e);
      case YearEvent::kRetire:
        EXPECT_TRUE(RetireDevice(*services_, Who("soc"), DeviceOf(e).id, e.reason, false).ok());
        return;
      case YearEvent::kRevoke:
        EXPECT_TRUE(Revoke(grants_[e.person], "no longer needed").ok());
        return;
    }
  }

  v1::Hello HelloOf(const YearEvent& e) {
    v1::Hello out;
    out.set_report_seq(DeviceOf(e).seq);
    out.set_report_sha256(DeviceOf(e).last_sha256);
    return out;
  }

  void Enrol(const YearEvent& e) {
    TestDevice& device = DeviceOf(e);
    device.id = EnrolDevice(device.key, NameOf(e.person)).device.device_id();
    device_of_[device.id] = e.device;
  }

  void Grant(const YearEvent& e) {
    const auto request = Submit(*services_, Who("desk"),
                                {.person_upn = NameOf(e.person) + "@agency.test",
                                 .app_id = "whatsapp",
                                 .ticket = absl::StrCat("INC", ++tickets_),
                                 .justification = "liaison",
                                 .device_id = "",
                                 .training_acknowledged = "2026-1",
                                 .term = absl::Hours(24 * 365)},
                                false);
    ASSERT_TRUE(request.ok()) << request.status();
    ASSERT_TRUE(ApproveBy("soc", request->request.request_id()).ok());
    Settle();
    grants_[e.person] = RequestNow(request->request.request_id()).grant_id();
    ASSERT_NE(grants_[e.person], "");
    person_of_[grants_[e.person]] = e.person;
  }

  void Installed(const YearEvent& e) {
    v1::Report report;
    auto* inventory = report.mutable_inventory();
    inventory->set_full(true);
    if (e.what == YearEvent::kInstall) {
      auto* item = inventory->add_installed();
      item->set_origin(v1::Origin::DPKG);
      item->set_package_id("whatsapp");
      item->set_app_id("whatsapp");
    }
    Ingest(e, report);
  }

  v1::ExportSeen SeenOf(int index) {
    const YearExport& e = script_.exports[index];
    v1::ExportSeen out;
    out.set_export_sha256(ShaOf(index));
    out.set_person_id(PersonIdOf(e.person));
    out.set_app_id("whatsapp");
    out.set_account_name(NameOf(e.person));
    out.set_chat_key(ChatKeyOf(e.person, e.chat));
    out.set_source(v1::Platform::ANDROID);
    out.set_bytes(1'000 + static_cast<uint64_t>(index));
    out.set_messages(10);
    out.set_time_zone("America/New_York");
    out.set_date_order("mdy");
    out.set_damaged(e.damaged);
    out.set_from_start(e.from_start);
    if (e.continues >= 0) out.set_continues(ShaOf(e.continues));
    *out.mutable_first_at() = ToProto(calendar_.At(e.first));
    *out.mutable_last_at() = ToProto(calendar_.At(e.last));
    *out.mutable_made_at() = ToProto(calendar_.At(e.made));
    *out.mutable_seen_at() = ToProto(clock_.Now());
    out.set_bag_id(absl::StrCat("bag-", index));
    out.set_repository_id("archive");
    out.set_payload_oxum("1000.1");
    out.set_tagmanifest_sha256(Sha256Hex(absl::StrCat("bag ", index)));
    *out.mutable_packed_at() = ToProto(clock_.Now());
    return out;
  }

  // All of one hour go in one report, as an agent tells of a folder.
  void Exported(const YearEvent& e) {
    *told_[{e.person, e.device}].mutable_archive()->add_exports() = SeenOf(e.export_index);
  }
  void SendExports() {
    for (const auto& [who, report] : told_) {
      Ingest({.person = who.first, .device = who.second}, report);
    }
    told_.clear();
  }

  void Received(const YearEvent& e) {
    const v1::ExportSeen seen = SeenOf(e.export_index);
    v1::Receipt receipt;
    v1::DocumentHeader& header = *receipt.mutable_header();
    header.set_tenant("agency");
    header.set_kind(std::string(kReceiptKind.kind));
    header.set_name(ReceiptName(seen.bag_id()));
    header.set_epoch(root_.header().epoch());
    header.set_version(1);
    *header.mutable_issued_at() = ToProto(clock_.Now());
    *header.mutable_not_after() = ToProto(clock_.Now() + absl::Hours(24 * 365));
    receipt.set_repository_id(seen.repository_id());
    receipt.set_bag_id(seen.bag_id());
    receipt.set_device_id(DeviceOf(e).id);
    receipt.set_person_id(seen.person_id());
    receipt.set_app_id(seen.app_id());
    receipt.set_chat_key(seen.chat_key());
    receipt.set_export_sha256(seen.export_sha256());
    receipt.set_export_bytes(seen.bytes());
    *receipt.mutable_first_at() = seen.first_at();
    *receipt.mutable_last_at() = seen.last_at();
    receipt.set_messages(seen.messages() + (e.what == YearEvent::kBadReceipt ? 1 : 0));
    receipt.set_payload_oxum(seen.payload_oxum());
    receipt.set_tagmanifest_sha256(seen.tagmanifest_sha256());
    *receipt.mutable_received_at() = ToProto(clock_.Now());
    receipt.set_filed_as(seen.bag_id());
    const auto verdicts =
        SubmitReceipts(*services_, Who("second"), {*MakeSignedDoc(receipt, {records_})}, false);
    ASSERT_TRUE(verdicts.ok()) << verdicts.status();
    EXPECT_EQ(verdicts->at(0).code, e.what == YearEvent::kBadReceipt ? "RECEIPT_SIZE" : "")
        << verdicts->at(0).detail;
  }

  void Said(const YearEvent& e) {
    v1::Report report;
    v1::ArchiveStatement& said = *report.mutable_archive()->add_statements();
    said.set_kind(e.what == YearEvent::kBlocked ? v1::ArchiveStatement::EXPORT_BLOCKED
                                                : v1::ArchiveStatement::NO_MESSAGES);
    said.set_person_id(PersonIdOf(e.person));
    said.set_app_id("whatsapp");
    said.set_account_name(NameOf(e.person));
    said.set_chat_key(ChatKeyOf(e.person, e.chat));
    *said.mutable_through() = *said.mutable_at() = ToProto(clock_.Now());
    Ingest(e, report);
  }

  void Dismissed(const YearEvent& e) {
    const auto open =
        store_->Read()->Get(OpenIncidentKey(PersonIdOf(e.person), "whatsapp", DeviceOf(e).id));
    ASSERT_TRUE(open.ok());
    if (!*open) return;  // it was dismissed before
    for (const IncidentVerb verb : {IncidentVerb::kAssess, IncidentVerb::kDismiss}) {
      const auto out = DecideIncident(
          *services_, Who("second"),
          {.verb = verb, .incident_id = (*open)->bytes, .reason = "the person deleted it"}, false);
      ASSERT_TRUE(out.ok()) << out.status();
    }
  }

  // "p3 d0 c2 STATE E3 since h100 compliant incident".
  std::string LineOf(const v1::Obligation& o) {
    return absl::StrCat(
        NameOf(person_of_.at(o.person_id())), " d", device_of_.at(o.device_id()), " ",
        o.chat_key().empty() ? "-" : absl::StrCat("c", chat_of_.at(o.chat_key())), " ",
        v1::Obligation::State_Name(o.state()), " E", o.level() == 1 ? 0 : o.level(),
        o.has_uncovered_since()
            ? absl::StrCat(" since h", calendar_.HourOf(FromProto(o.uncovered_since())))
            : "",
        o.compliant() ? " compliant" : "", o.incident_id().empty() ? "" : " incident");
  }

  // "p3 d0 c2", "p3 d0 GAP" or "p3" of the object of an audit entry.
  std::string Whom(const v1::AuditEntry& entry) {
    const Lines parts = absl::StrSplit(entry.object(), '/');
    if (parts.at(0) == "grant") return NameOf(person_of_.at(parts.at(1)));
    if (parts.at(0) == "obligation") {
      return absl::StrCat(NameOf(person_of_.at(parts.at(1))), " d", device_of_.at(parts.at(3)), " ",
                          parts.at(4) == "-" ? "-" : absl::StrCat("c", chat_of_.at(parts.at(4))));
    }
    const auto incident =
        Load<v1::Incident>(*store_->Read(), IncidentKey(parts.at(1)), "missing")->value;
    return absl::StrCat(NameOf(person_of_.at(incident.person_id())), " d",
                        device_of_.at(incident.device_id()),
                        entry.verb() == "incident.open"
                            ? absl::StrCat(" ", v1::Incident::Cause_Name(incident.cause()))
                            : "");
  }

  YearDay Real() {
    static const std::set<std::string> kVerbs = {
        "archive.due-soon",  "archive.urgent", "archive.overdue", "archive.export-only",
        "archive.resumed",   "archive.gap",    "archive.loss",    "archive.unknown",
        "archive.receipted", "incident.open",  "incident.covered"};
    YearDay out;
    const auto snapshot = store_->Read();
    for (int p = 0; p < kYearPersons; ++p) {
      for (const auto owed = ObligationsOf(*snapshot, PersonIdOf(p), "whatsapp");
           const v1::Obligation& o : *owed) {
        out.obligations.push_back(LineOf(o));
      }
    }
    for (const auto found = snapshot->Scan("audit/", audited_, 100'000); const Record& r : *found) {
      v1::AuditRecord stored;
      v1::AuditEntry entry;
      EXPECT_TRUE(stored.ParseFromString(r.bytes) && entry.ParseFromString(stored.entry()));
      audited_ = r.key;
      if (!kVerbs.contains(entry.verb())) continue;
      out.events.push_back(absl::StrCat("h", calendar_.HourOf(FromProto(entry.at())), " ",
                                        entry.verb(), " ", Whom(entry)));
    }
    std::sort(out.obligations.begin(), out.obligations.end());
    std::sort(out.events.begin(), out.events.end());
    return out;
  }

  // Every export of an appointed person is permanent from the first that reaches into the time.
  void CheckRetention(int person, int appointed) {
    const auto snapshot = store_->Read();
    const auto now = Load<v1::Person>(*snapshot, PersonKey(PersonIdOf(person)), "missing")->value;
    const RetentionFacts facts = {.roles = AllRoles(now, *PastRoles(*snapshot, now.person_id())),
                                  .zone = calendar_.zone()};
    for (size_t i = 0; i < script_.exports.size(); ++i) {
      const YearExport& e = script_.exports[i];
      if (e.person != person || e.damaged) continue;
      EXPECT_EQ(RetentionOf(SeenOf(static_cast<int>(i)), facts).state,
                e.last >= appointed ? v1::Retention::PERMANENT : v1::Retention::UNSCHEDULED_KEEP)
          << person << " " << i;
    }
  }

  YearCalendar calendar_;
  YearScript script_{20270701};
  PrivateKey records_ = *PrivateKey::Generate(kEcdsaP256Sha256);
  v1::Root root_;
  std::map<std::pair<int, int>, TestDevice> devices_;
  std::map<std::pair<int, int>, v1::Report> told_;
  std::map<int, std::string> grants_;
  std::map<std::string, int> person_of_, device_of_, chat_of_;  // of ids, also of grants
  std::set<int> appointed_;
  std::string audited_;
};

TEST_F(PlayedYearTest, ComesToExactlyTheTruth) {
  YearModel model(script_, calendar_, ChatOrder());
  size_t next = 0, told = 0;
  std::map<int, int> appointed;
  for (int hour = 0; hour < kYearDays * 24; ++hour) {
    clock_.Set(calendar_.At(hour));
    for (; next < script_.events.size() && script_.events[next].hour == hour; ++next) {
      const YearEvent& e = script_.events[next];
      if (e.what == YearEvent::kAppoint) appointed[e.person] = hour;
      if (e.what != YearEvent::kExport) SendExports();
      Play(e);
      model.Take(e);
    }
    SendExports();
    ASSERT_TRUE(RunArchiveDeadlines(*services_).ok());
    model.Look(hour);
    if (calendar_.DayOf(hour + 1) == calendar_.DayOf(hour)) continue;
    const YearDay want = model.EndOfDay(), real = Real();
    told += want.events.size();
    ASSERT_EQ(Differences(real.events, want.events), Lines()) << calendar_.At(hour);
    ASSERT_EQ(Differences(real.obligations, want.obligations), Lines()) << calendar_.At(hour);
    ASSERT_EQ(real.events.size(), want.events.size());
  }
  EXPECT_EQ(next, script_.events.size());
  EXPECT_GT(told, 5'000u);
  EXPECT_EQ(appointed.size(), 2u);
  for (const auto& [person, hour] : appointed) CheckRetention(person, hour);
}

}  // namespace
}  // namespace muster

#include "controller/flow/device_reports.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/escaping.h"
#include "common/agent_limits.h"
#include "common/signed_doc.h"
#include "common/time_proto.h"
#include "controller/domain/proof.h"
#include "controller/flow/archive_reports.h"
#include "controller/flow/audit.h"
#include "controller/flow/device_alarms.h"
#include "controller/flow/device_documents.h"
#include "controller/flow/enroll.h"
#include "controller/flow/gone.h"
#include "controller/flow/kept_status.h"
#include "controller/flow/lookup.h"
#include "controller/flow/phone_reports.h"
#include "controller/flow/witness.h"

namespace muster {
namespace {

Actor DeviceActor(const v1::Device& device) {
  return {{absl::StrCat("device/", device.device_id()), device.owner_upn()},
          "device certificate",
          device.hostname()};
}

// One app in two homes is two items.
using ItemKey = std::tuple<int, std::string, std::string>;
ItemKey KeyOf(const v1::InventoryItem& item) {
  return {item.origin(), item.package_id(), item.account_name()};
}

// One report's whole effect, as one mutation.
class ReportWriter {
 public:
  ReportWriter(const Services& services, const Snapshot& snapshot, v1::Device device,
               const std::map<std::string, Delivery>& deliveries)
      : services_(services),
        snapshot_(snapshot),
        deliveries_(deliveries),
        before_(device),
        device_(std::move(device)),
        actor_(DeviceActor(before_)) {}

  absl::Status Write(const v1::Report& report, const std::string& sha256) {
    CheckChain(report);
    if (MayTell(report.body_case())) {
      MUSTER_RETURN_IF_ERROR(WriteBody(report));
    } else {
      Audit("report.refused", "no phone and no bridge tells such things");
    }
    MUSTER_RETURN_IF_ERROR(MarkHeardAgain(services_, snapshot_, before_, mutation_));
    device_.set_last_report_seq(report.seq());
    device_.set_last_report_sha256(sha256);
    *device_.mutable_last_seen_at() = ToProto(services_.clock.Now());
    Put(mutation_, DeviceKey(device_.device_id()), device_);
    return absl::OkStatus();
  }

  Mutation& mutation() { return mutation_; }
  bool persons_changed() const { return persons_changed_; }

 private:
  // A bridge says whose its phones are: what speaks for a person is not its to tell.
  bool MayTell(v1::Report::BodyCase body) const {
    switch (body) {
      case v1::Report::kExec:
      case v1::Report::kDisarm:
      case v1::Report::kArchive:
        return !before_.bridge() && before_.bridge_id().empty();
      case v1::Report::kInventory:
      case v1::Report::kPolicy:
      case v1::Report::kStatus:
      case v1::Report::kWitness:
      case v1::Report::kPhone:
      case v1::Report::kBridge:
      case v1::Report::BODY_NOT_SET:
        return true;
    }
    return false;
  }

  absl::Status WriteBody(const v1::Report& report) {
    switch (report.body_case()) {
      case v1::Report::kInventory:
        MUSTER_RETURN_IF_ERROR(WriteInventory(report.inventory()));
        break;
      case v1::Report::kExec:
        MUSTER_RETURN_IF_ERROR(WriteExecs(report));
        break;
      case v1::Report::kPolicy:
        MUSTER_RETURN_IF_ERROR(WritePolicy(report.policy()));
        break;
      case v1::Report::kStatus:
        MUSTER_RETURN_IF_ERROR(WriteStatus(report.status()));
        break;
      case v1::Report::kDisarm:
        WriteDisarm(report.disarm());
        break;
      case v1::Report::kArchive:
        MUSTER_RETURN_IF_ERROR(WriteArchive(report.archive()));
        break;
      case v1::Report::kWitness:
        MUSTER_RETURN_IF_ERROR(
            WriteWitness(services_, snapshot_, report.witness(), device_, mutation_));
        break;
      case v1::Report::kPhone:
        MUSTER_RETURN_IF_ERROR(WritePhone(report.phone()));
        break;
      case v1::Report::kBridge:
        WriteBridge(report.bridge());
        break;
      case v1::Report::BODY_NOT_SET:
        break;  // A newer agent's kind of report: its place in the chain still counts.
    }
    return absl::OkStatus();
  }

  void Audit(absl::string_view verb, std::string reason, std::string after = "") {
    v1::AuditEntry entry = MakeAuditEntry(services_, actor_,
                                          {.verb = std::string(verb),
                                           .object = absl::StrCat("device/", device_.device_id()),
                                           .reason = std::move(reason)});
    entry.set_after(std::move(after));
    mutation_.audit.push_back(std::move(entry));
  }

  void CheckChain(const v1::Report& report) {
    if (report.dropped_before() > 0) {
      device_.set_reports_dropped(device_.reports_dropped() + report.dropped_before());
      Audit("report.dropped",
            absl::StrCat(report.dropped_before(), " reports lost on the device before report ",
                         report.seq()));
      return;
    }
    if (report.seq() != before_.last_report_seq() + 1 ||
        report.prev_sha256() != before_.last_report_sha256()) {
      Audit("report.chain-break",
            absl::StrCat("report ", report.seq(), " does not follow report ",
                         before_.last_report_seq(), "; reports are missing or were changed"));
    }
  }

  absl::Status WriteInventory(const v1::InventoryReport& report) {
    const std::string& id = device_.device_id();
    MUSTER_ASSIGN_OR_RETURN(const auto known,
                            Find<v1::DeviceInventory>(snapshot_, InventoryKey(id)));
    std::map<ItemKey, v1::InventoryItem> old, now;
    if (known) {
      for (const v1::InventoryItem& item : known->value.items()) old[KeyOf(item)] = item;
    }
    if (!report.full()) now = old;
    for (const v1::InventoryItem& item : report.removed()) now.erase(KeyOf(item));
    for (const v1::InventoryItem& item : report.installed()) now[KeyOf(item)] = item;
    if (now.size() > limits::kMaxInventoryItems) {
      return absl::InvalidArgumentError(absl::StrCat(
          "an inventory of ", now.size(), " items; at most ", limits::kMaxInventoryItems));
    }
    v1::DeviceInventory inventory;
    inventory.set_device_id(id);
    *inventory.mutable_updated_at() = ToProto(services_.clock.Now());
    for (auto& [key, item] : now) *inventory.add_items() = item;
    Put(mutation_, InventoryKey(id), inventory);
    return WriteInstalledIndex(old, now);
  }

  // Which catalogued apps the device has; each arrival and departure is an audit entry.
  absl::Status WriteInstalledIndex(const std::map<ItemKey, v1::InventoryItem>& old,
                                   const std::map<ItemKey, v1::InventoryItem>& now) {
    std::map<std::string, std::string> had, has;
    for (const auto& [key, item] : old) {
      if (!item.app_id().empty()) had[item.app_id()] = item.package_id();
    }
    for (const auto& [key, item] : now) {
      if (!item.app_id().empty()) has[item.app_id()] = item.package_id();
    }
    for (const auto& [app, package] : has) {
      PutMark(mutation_, InstalledKey(app, device_.device_id()));
      if (had.contains(app)) continue;
      Audit("app.installed", absl::StrCat(app, " appeared as ", package));
      MUSTER_RETURN_IF_ERROR(WriteAppThere(services_, snapshot_, device_, app, mutation_));
    }
    for (const auto& [app, package] : had) {
      if (has.contains(app)) continue;
      mutation_.deletes.push_back(InstalledKey(app, device_.device_id()));
      Audit("app.removed", absl::StrCat(app, " is gone (was ", package, ")"));
      MUSTER_RETURN_IF_ERROR(WriteAppGone(services_, snapshot_, device_, app, mutation_));
    }
    return absl::OkStatus();
  }

  absl::Status WriteExecs(const v1::Report& report) {
    int index = 0;
    for (const v1::ExecReport::Item& item : report.exec().items()) {
      if (index >= static_cast<int>(limits::kMaxExecItemsPerReport)) break;
      v1::ExecRecord record;
      record.set_device_id(device_.device_id());
      record.set_report_seq(report.seq());
      *record.mutable_item() = item;
      *record.mutable_reported_at() = ToProto(services_.clock.Now());
      Put(mutation_, ExecKey(device_.device_id(), report.seq(), index++), record);
    }
    // Keep the newest: keys sort by report number.
    MUSTER_ASSIGN_OR_RETURN(const auto known,
                            KeyTails(snapshot_, absl::StrCat("exec/", device_.device_id(), "/")));
    const size_t total = known.size() + static_cast<size_t>(index);
    for (size_t i = 0; i < known.size() && total - i > limits::kMaxExecRecordsPerDevice; ++i) {
      mutation_.deletes.push_back(absl::StrCat("exec/", device_.device_id(), "/", known[i]));
    }
    return absl::OkStatus();
  }

  absl::Status WritePolicy(const v1::PolicyReport& policy) {
    MUSTER_ASSIGN_OR_RETURN(const bool ran, WriteReported(services_, snapshot_, device_, policy,
                                                          deliveries_, mutation_));
    if (ran) AddAlarm(kNotEnforced, ProofOf(device_.mode(), policy).detail);
    return absl::OkStatus();
  }

  // Within this report's mutation. No more often than the device's word changes.
  void AddAlarm(absl::string_view code, const std::string& detail) {
    v1::Alarm* alarm = device_.add_alarms();
    *alarm->mutable_at() = ToProto(services_.clock.Now());
    alarm->set_detail(Shortened(absl::StrCat(code, ": ", detail), limits::kMaxReasonBytes));
    auto* alarms = device_.mutable_alarms();
    if (static_cast<size_t>(alarms->size()) > limits::kMaxAlarms) alarms->DeleteSubrange(0, 1);
    mutation_.audit.push_back(
        MakeAuditEntry(services_, MusterItself(),
                       {.verb = "device.alarm",
                        .object = absl::StrCat("device/", device_.device_id()),
                        .reason = device_.alarms(device_.alarms_size() - 1).detail(),
                        .reason_code = std::string(code)}));
  }

  // Each entry is told once, however often the agent repeats it.
  absl::Status WriteTampering(const v1::StatusReport& status) {
    const std::string key = TamperingKey(device_.device_id());
    MUSTER_ASSIGN_OR_RETURN(const auto known, Find<v1::StatusReport>(snapshot_, key));
    std::set<std::string> told;
    if (known) {
      for (const v1::Tampering& t : known->value.tampering()) told.insert(t.SerializeAsString());
    }
    v1::StatusReport kept;
    std::string newest;
    for (const v1::Tampering& t : status.tampering()) {
      if (static_cast<size_t>(kept.tampering_size()) >= limits::kMaxTampering) break;
      *kept.add_tampering() = t;
      if (told.contains(t.SerializeAsString())) continue;
      newest = Shortened(t.what(), limits::kMaxReasonBytes);
      Audit("device.tampering", absl::StrCat(newest, " (", TimeText(FromProto(t.at())), ")"));
    }
    if (newest.empty()) return absl::OkStatus();
    Put(mutation_, key, kept);
    AddAlarm("TAMPERING", newest);
    return absl::OkStatus();
  }

  absl::Status WriteStatus(const v1::StatusReport& status) {
    if (status.mode() != before_.mode()) {
      Audit("device.mode", absl::StrCat(v1::StatusReport::Mode_Name(before_.mode()), " -> ",
                                        v1::StatusReport::Mode_Name(status.mode())));
    }
    device_.set_mode(status.mode());
    if (CannotProve(status.mode())) {
      MUSTER_RETURN_IF_ERROR(WithdrawVerified(services_, snapshot_, device_, mutation_));
    }
    MUSTER_RETURN_IF_ERROR(WriteTampering(status));
    const std::vector<std::string> reasons = KeptReasons(status);
    device_.mutable_cannot_enforce()->Assign(reasons.begin(), reasons.end());
    device_.set_agent_version(Shortened(status.agent_version(), limits::kMaxTicketBytes));
    device_.set_kernel(Shortened(status.kernel(), limits::kMaxHostnameBytes));
    // A phone has one person, whom the directory knows by its user's name; nobody reports others.
    if (before_.bridge() || !before_.bridge_id().empty()) return absl::OkStatus();
    if (!status.hostname().empty()) {
      device_.set_hostname(Shortened(status.hostname(), limits::kMaxHostnameBytes));
    }
    return SetAccounts(KeptAccounts(status));
  }

  absl::Status SetAccounts(const std::vector<std::string>& accounts) {
    device_.mutable_local_accounts()->Assign(accounts.begin(), accounts.end());
    persons_changed_ =
        !std::equal(accounts.begin(), accounts.end(), before_.local_accounts().begin(),
                    before_.local_accounts().end());
    if (!persons_changed_) return absl::OkStatus();
    WriteAccountIndex(before_, device_, mutation_);
    MUSTER_RETURN_IF_ERROR(MarkPersonsOf(snapshot_, before_, mutation_));
    return MarkPersonsOf(snapshot_, device_, mutation_);
  }

  absl::Status WriteArchive(const v1::ArchiveReport& archive) {
    MUSTER_RETURN_IF_ERROR(
        WriteArchiveReport(services_, snapshot_, actor_, device_, archive, mutation_));
    if (archive.receipts_refused().empty()) return absl::OkStatus();
    AddAlarm("RECEIPT_REFUSED", absl::StrCat("the device refused ", archive.receipts_refused_size(),
                                             " of the receipts "
                                             "it was sent; see `musterctl audit list`"));
    return absl::OkStatus();
  }

  absl::Status WritePhone(const v1::PhoneReport& phone) {
    if (before_.bridge_id().empty()) {
      Audit("report.refused", "the report of a phone from a device that is none");
      return absl::OkStatus();
    }
    MUSTER_ASSIGN_OR_RETURN(persons_changed_, WritePhoneReport(services_, snapshot_, actor_, phone,
                                                               device_, mutation_));
    return absl::OkStatus();
  }

  void WriteBridge(const v1::BridgeReport& bridge) {
    if (!before_.bridge()) {
      return Audit("report.refused", "the report of a bridge from a device that is none");
    }
    *device_.mutable_bridge_report() = KeptBridgeReport(bridge);
  }

  void WriteDisarm(const v1::DisarmReport& disarm) {
    if (disarm.rearmed()) {
      device_.clear_disarmed_until();
    } else {
      *device_.mutable_disarmed_until() = disarm.until();
    }
    Audit(disarm.rearmed() ? "device.rearm" : "device.disarm", disarm.reason(), ToJson(disarm));
  }

  const Services& services_;
  const Snapshot& snapshot_;
  const std::map<std::string, Delivery>& deliveries_;
  const v1::Device before_;
  v1::Device device_;
  const Actor actor_;
  Mutation mutation_;
  bool persons_changed_ = false;
};

// The same number with other bytes: two agents write one chain, or one was put back.
absl::Status CheckRepeated(const Services& services, const v1::Device& device,
                           const v1::Report& report, const std::string& sha256) {
  if (report.seq() != device.last_report_seq() || sha256 == device.last_report_sha256()) {
    return absl::OkStatus();
  }
  return RaiseAlarm(services, device.device_id(), v1::Alarm::STATE_ROLLED_BACK,
                    absl::StrCat("report ", report.seq(),
                                 " came twice with different contents: the agent's state was "
                                 "copied or put back from a backup"));
}

absl::StatusOr<ReportOutcome> TryIngest(const Services& services, const std::string& device_id,
                                        const v1::SignedDoc& doc,
                                        const std::map<std::string, Delivery>& deliveries) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*snapshot, device_id));
  if (device.value.state() != v1::Device::ENROLLED) {
    return absl::PermissionDeniedError(absl::StrCat("device ", device_id, " is retired"));
  }
  MUSTER_ASSIGN_OR_RETURN(
      const PublicKey key,
      PublicKey::FromSpki(absl::HexStringToBytes(device.value.certificate_spki()),
                          kEcdsaP256Sha256));
  MUSTER_ASSIGN_OR_RETURN(v1::Report report, VerifyReport(doc, key, device_id));
  // Nothing bounds what nobody knows, and it would make equal records differ.
  report.DiscardUnknownFields();
  const std::string sha256 = Sha256Hex(doc.payload());
  if (report.seq() <= device.value.last_report_seq()) {
    MUSTER_RETURN_IF_ERROR(CheckRepeated(services, device.value, report, sha256));
    return LastReportOf(device.value);
  }
  ReportWriter writer(services, *snapshot, device.value, deliveries);
  MUSTER_RETURN_IF_ERROR(writer.Write(report, sha256));
  writer.mutation().expects.push_back({DeviceKey(device_id), device.revision});
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(writer.mutation())).status());
  if (writer.persons_changed()) services.work.WakeDevice(device_id);
  for (const auto& attested : report.archive().attestations()) {
    services.work.WakePerson(attested.person_id());
  }
  if (report.has_policy() || report.has_archive() || report.has_inventory()) services.work.Wake();
  return ReportOutcome{report.seq(), sha256, report.has_policy(), report.has_archive()};
}

}  // namespace

absl::StatusOr<ReportOutcome> IngestReport(const Services& services, const std::string& device_id,
                                           const v1::SignedDoc& report,
                                           const std::map<std::string, Delivery>& deliveries) {
  return RetryAborted([&] { return TryIngest(services, device_id, report, deliveries); });
}

}  // namespace muster

#include "controller/flow/archive_reports.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/domain/archive_shapes.h"
#include "controller/flow/attestations.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

bool HasBag(const v1::ExportSeen& seen) { return !seen.bag_id().empty(); }

void CopyBag(const v1::ExportSeen& from, v1::ExportSeen& to) {
  to.set_bag_id(from.bag_id());
  to.set_repository_id(from.repository_id());
  to.set_payload_oxum(from.payload_oxum());
  to.set_tagmanifest_sha256(from.tagmanifest_sha256());
  if (from.has_packed_at()) *to.mutable_packed_at() = from.packed_at();
}

// One device's report. Each item stands for itself: what is wrong with one is audited and spoils
// no other.
class ArchiveWriter {
 public:
  ArchiveWriter(const Services& services, const Snapshot& snapshot, const Actor& actor,
                const v1::Device& device, Mutation& mutation)
      : s_(services),
        snapshot_(snapshot),
        actor_(actor),
        device_(device),
        mutation_(mutation),
        now_(services.clock.Now()) {}

  absl::Status Write(const v1::ArchiveReport& report) {
    MUSTER_RETURN_IF_ERROR(CheckCaps(report));
    MUSTER_ASSIGN_OR_RETURN(const auto persons, PersonsOfDevice(snapshot_, device_));
    for (const v1::Person& person : persons) persons_[person.person_id()] = person;
    for (const v1::ExportSeen& seen : report.exports()) MUSTER_RETURN_IF_ERROR(WriteExport(seen));
    for (const auto& said : report.statements()) MUSTER_RETURN_IF_ERROR(WriteStatement(said));
    for (const v1::ExportWindow& window : report.windows()) WriteWindow(window);
    for (const auto& read : report.attestations()) {
      MUSTER_RETURN_IF_ERROR(WriteAttested(read));
    }
    for (const v1::UnreadableExport& file : report.unreadable()) WriteUnreadable(file);
    MUSTER_RETURN_IF_ERROR(WriteHeld(report));
    for (auto& [key, record] : exports_) Put(mutation_, key, record);
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckCaps(const v1::ArchiveReport& report) {
    const int most =
        std::max({report.exports_size(), report.statements_size(), report.windows_size(),
                  report.attestations_size(), report.unreadable_size()});
    const int receipts = std::max(report.receipts_held_size(), report.receipts_refused_size());
    if (static_cast<size_t>(most) <= limits::kMaxExportsPerReport &&
        static_cast<size_t>(receipts) <= limits::kMaxReceiptsPending) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat("an archive report names at most ", limits::kMaxExportsPerReport,
                     " of each kind and ", limits::kMaxReceiptsPending, " receipts"));
  }

  void Audit(absl::string_view verb, std::string object, std::string reason,
             const google::protobuf::Message* after = nullptr, std::string code = "") {
    mutation_.audit.push_back(MakeAuditEntry(s_, actor_,
                                             {.verb = std::string(verb),
                                              .object = std::move(object),
                                              .after = after,
                                              .reason = std::move(reason),
                                              .reason_code = std::move(code)}));
  }

  // Says nothing of what was sent: it may hold what must not get here.
  absl::Status Refuse(absl::string_view what, absl::string_view why) {
    Audit("archive.refused", absl::StrCat("device/", device_.device_id()),
          absl::StrCat(what, " was left out: ", why), nullptr, "ARCHIVE_REFUSED");
    return absl::OkStatus();
  }

  // Why the device may not speak for this person, or not under this account; empty: it may.
  std::string SpeakerProblem(const std::string& person_id, const std::string& account) const {
    const auto person = persons_.find(person_id);
    if (person == persons_.end()) return "it is about somebody who does not count on this device";
    const auto& local = device_.local_accounts();
    const bool known = account.empty() || account == person->second.account_name() ||
                       std::find(local.begin(), local.end(), account) != local.end();
    return known ? "" : "it names an account that is not one of this device's";
  }

  absl::StatusOr<std::string> AppProblem(const std::string& app_id) const {
    // Longer or with a '/' it could be another key.
    if (!IsPlainId(app_id)) return std::string("its app is none");
    MUSTER_ASSIGN_OR_RETURN(const auto app, snapshot_.Get(AppKey(app_id)));
    return std::string(app ? "" : "its app is not in the catalogue");
  }

  absl::Status WriteExport(const v1::ExportSeen& sent) {
    constexpr absl::string_view kWhat = "an export";
    v1::ExportSeen seen = sent;
    seen.DiscardUnknownFields();
    std::string problem = ExportProblem(seen, now_);
    if (problem.empty()) problem = SpeakerProblem(seen.person_id(), seen.account_name());
    if (problem.empty()) {
      MUSTER_ASSIGN_OR_RETURN(problem, AppProblem(seen.app_id()));
    }
    if (!problem.empty()) return Refuse(kWhat, problem);
    const std::string key =
        ExportKey(seen.person_id(), seen.app_id(), seen.chat_key(), seen.export_sha256());
    MUSTER_ASSIGN_OR_RETURN(v1::ExportRecord record, FindExport(key));
    if (record.has_seen()) return AddBag(seen, key, record);
    MUSTER_ASSIGN_OR_RETURN(problem, MakeRoom(seen));
    if (!problem.empty()) return Refuse(kWhat, problem);
    v1::ExportSeen bag = seen;
    for (const auto clear :
         {&v1::ExportSeen::clear_bag_id, &v1::ExportSeen::clear_repository_id,
          &v1::ExportSeen::clear_payload_oxum, &v1::ExportSeen::clear_tagmanifest_sha256,
          &v1::ExportSeen::clear_packed_at}) {
      (seen.*clear)();
    }
    *record.mutable_seen() = seen;
    record.set_device_id(device_.device_id());
    *record.mutable_reported_at() = ToProto(now_);
    exports_[key] = record;
    v1::ExportSeen shown = seen;  // the keys of participants are many, and tell a reader nothing
    shown.clear_participant_keys();
    Audit("archive.export", key, absl::StrCat(seen.messages(), " messages"), &shown);
    PutMark(mutation_, ArchiveWorkKey(seen.person_id()));
    return HasBag(bag) ? AddBag(bag, key, record) : absl::OkStatus();
  }

  // What this report already changed counts.
  absl::StatusOr<v1::ExportRecord> FindExport(const std::string& key) {
    if (const auto it = exports_.find(key); it != exports_.end()) return it->second;
    MUSTER_ASSIGN_OR_RETURN(const auto stored, Find<v1::ExportRecord>(snapshot_, key));
    mutation_.expects.push_back({key, stored ? stored->revision : 0});
    return stored ? stored->value : v1::ExportRecord();
  }

  absl::Status AddBag(const v1::ExportSeen& sent, const std::string& key, v1::ExportRecord record) {
    if (!HasBag(sent) || record.seen().bag_id() == sent.bag_id()) return absl::OkStatus();
    if (HasBag(record.seen())) return Refuse("a bag", "its export lies in another bag");
    MUSTER_ASSIGN_OR_RETURN(const auto taken, snapshot_.Get(BagKey(sent.bag_id())));
    if ((taken && taken->bytes != key) || !bags_.emplace(sent.bag_id()).second) {
      return Refuse("a bag", "its id is another export's");
    }
    CopyBag(sent, *record.mutable_seen());
    // The bag names the device that packed it, and so does its receipt; another one of the person's
    // may have read the same file first.
    record.set_device_id(device_.device_id());
    exports_[key] = record;
    mutation_.expects.push_back({BagKey(sent.bag_id()), taken ? taken->revision : 0});
    mutation_.puts.push_back({BagKey(sent.bag_id()), key});
    Audit("archive.packed", key, absl::StrCat("bag ", sent.bag_id()));
    PutMark(mutation_, ArchiveWorkKey(sent.person_id()));
    return absl::OkStatus();
  }

  // Chats and exports have caps. Of a full chat the oldest export goes that another one holds
  // whole; without one nothing more is taken.
  absl::StatusOr<std::string> MakeRoom(const v1::ExportSeen& seen) {
    const std::string prefix = absl::StrCat("export/", seen.person_id(), "/", seen.app_id(), "/");
    const bool is_new = !chats_.contains(prefix);
    auto& counts = chats_[prefix];
    if (is_new) {
      MUSTER_RETURN_IF_ERROR(ForEach<v1::ExportRecord>(
          snapshot_, prefix, [&](const std::string&, const Versioned<v1::ExportRecord>& record) {
            ++counts[record.value.seen().chat_key()];
            return absl::OkStatus();
          }));
    }
    if (!counts.contains(seen.chat_key()) && counts.size() >= limits::kMaxChatsPerPerson) {
      return absl::StrCat("this person has ", limits::kMaxChatsPerPerson, " chats already");
    }
    if (counts[seen.chat_key()] >= limits::kMaxExportsPerChat) {
      MUSTER_ASSIGN_OR_RETURN(const bool dropped, DropCovered(seen));
      if (!dropped) {
        return absl::StrCat("this chat has ", limits::kMaxExportsPerChat, " exports already");
      }
      --counts[seen.chat_key()];
    }
    ++counts[seen.chat_key()];
    return std::string();
  }

  absl::StatusOr<bool> DropCovered(const v1::ExportSeen& seen) {
    std::vector<std::pair<std::string, v1::ExportRecord>> all;
    MUSTER_RETURN_IF_ERROR(ForEach<v1::ExportRecord>(
        snapshot_, ExportPrefix(seen.person_id(), seen.app_id(), seen.chat_key()),
        [&](const std::string& key, const Versioned<v1::ExportRecord>& record) {
          if (!dropped_.contains(key)) all.emplace_back(key, record.value);
          return absl::OkStatus();
        }));
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return FromProto(a.second.seen().last_at()) < FromProto(b.second.seen().last_at());
    });
    for (const auto& old : all) {
      const std::string& key = old.first;
      if (exports_.contains(key)) continue;  // this report changes it
      // Its receipt is still to come, and must find it.
      if (HasBag(old.second.seen()) && old.second.receipt_sha256().empty()) continue;
      const bool held = std::any_of(all.begin(), all.end(), [&](const auto& other) {
        return other.first != key && Holds(other.second, old.second);
      });
      if (!held) continue;
      mutation_.deletes.push_back(key);
      dropped_.insert(key);
      Audit("archive.superseded", key, "a later export holds all of it");
      return true;
    }
    return false;
  }

  // Also no less sure.
  static bool Holds(const v1::ExportRecord& outer, const v1::ExportRecord& inner) {
    return FromProto(outer.seen().first_at()) <= FromProto(inner.seen().first_at()) &&
           FromProto(outer.seen().last_at()) >= FromProto(inner.seen().last_at()) &&
           outer.seen().messages() >= inner.seen().messages() && !outer.seen().damaged() &&
           !outer.seen().ambiguous() && !outer.receipt_sha256().empty();
  }

  absl::Status WriteStatement(const v1::ArchiveStatement& sent) {
    v1::StatementRecord record;
    *record.mutable_statement() = sent;
    record.DiscardUnknownFields();
    record.set_device_id(device_.device_id());
    std::string problem = StatementProblem(sent, now_);
    if (problem.empty()) problem = SpeakerProblem(sent.person_id(), sent.account_name());
    if (problem.empty()) {
      MUSTER_ASSIGN_OR_RETURN(problem, AppProblem(sent.app_id()));
    }
    if (!problem.empty()) return Refuse("a statement", problem);
    const std::string key = StatementKey(sent.person_id(), sent.app_id(), sent.chat_key());
    MUSTER_ASSIGN_OR_RETURN(const bool fits, StatementFits(sent, key));
    if (!fits) return Refuse("a statement", "this person has said something of too many chats");
    Put(mutation_, key, record);
    PutMark(mutation_, ArchiveWorkKey(sent.person_id()));
    Audit("archive.statement", key, v1::ArchiveStatement::Kind_Name(sent.kind()),
          &record.statement());
    return absl::OkStatus();
  }

  // What is said of a chat replaces what was said of it; of new ones there are so many.
  absl::StatusOr<bool> StatementFits(const v1::ArchiveStatement& sent, const std::string& key) {
    const std::string prefix =
        absl::StrCat("statement/", sent.person_id(), "/", sent.app_id(), "/");
    const bool is_new = !statements_.contains(prefix);
    auto& said = statements_[prefix];
    if (is_new) {
      MUSTER_ASSIGN_OR_RETURN(const auto stored,
                              snapshot_.Scan(prefix, "", limits::kMaxChatsPerPerson));
      for (const Record& record : stored) said.insert(record.key);
    }
    if (!said.contains(key) && said.size() >= limits::kMaxChatsPerPerson) return false;
    said.insert(key);
    return true;
  }

  void WriteWindow(const v1::ExportWindow& sent) {
    v1::ExportWindow window = sent;
    window.DiscardUnknownFields();
    const std::string problem = SpeakerProblem(sent.person_id(), sent.account_name());
    if (!problem.empty() || !IsPlainId(sent.app_id())) {
      (void)Refuse("an export window", problem.empty() ? "its app is none" : problem);
      return;
    }
    Audit("archive.window", absl::StrCat("device/", device_.device_id()),
          absl::StrCat(sent.app_id(), " was open for the export of chats until ",
                       TimeText(FromProto(sent.until()))),
          &window);
  }

  absl::Status WriteAttested(const v1::GuidanceAttestation& sent) {
    v1::GuidanceAttestation attestation = sent;
    attestation.DiscardUnknownFields();
    std::string problem = AttestationProblem(sent, now_);
    if (problem.empty()) problem = SpeakerProblem(sent.person_id(), sent.account_name());
    if (!problem.empty()) return Refuse("an attestation", problem);
    // One person's word once: a second would change the same records.
    if (!attested_.insert(sent.person_id()).second) return absl::OkStatus();
    return WriteAttestation(s_, snapshot_, actor_, sent.person_id(), attestation, mutation_);
  }

  void WriteUnreadable(const v1::UnreadableExport& sent) {
    Audit("archive.unreadable", absl::StrCat("device/", device_.device_id()),
          IsSha256Hex(sent.sha256()) ? absl::StrCat("sha256 ", sent.sha256())
                                     : std::string("it could not be hashed"),
          nullptr, CodeOrUnknown(sent.code()));
  }

  // What the device holds, or will never take, is not sent again.
  absl::Status WriteHeld(const v1::ArchiveReport& report) {
    const std::set<std::string> held(report.receipts_held().begin(), report.receipts_held().end());
    std::map<std::string, std::string> refused;  // by hash: the code
    for (const v1::ReceiptRefusal& refusal : report.receipts_refused()) {
      refused[refusal.receipt_sha256()] = CodeOrUnknown(refusal.code());
    }
    if (held.empty() && refused.empty()) return absl::OkStatus();
    const std::string prefix = absl::StrCat("receipt_pending/", device_.device_id(), "/");
    MUSTER_ASSIGN_OR_RETURN(const auto pending, snapshot_.Scan(prefix, "", kMostPending));
    for (const Record& mark : pending) {
      // The mark's value is the receipt's key.
      MUSTER_ASSIGN_OR_RETURN(auto receipt, Find<v1::ReceiptRecord>(snapshot_, mark.bytes));
      if (!receipt) continue;
      const bool is_held = held.contains(receipt->value.sha256());
      const auto no = refused.find(receipt->value.sha256());
      if (!is_held && no == refused.end()) continue;
      if (is_held) {
        *receipt->value.mutable_held_at() = ToProto(now_);
        receipt->value.clear_refused_code();
      } else {
        receipt->value.set_refused_code(no->second);
      }
      mutation_.deletes.push_back(mark.key);
      mutation_.expects.push_back({mark.bytes, receipt->revision});
      Put(mutation_, mark.bytes, receipt->value);
      Audit(is_held ? "receipt.held" : "receipt.refused", mark.bytes,
            is_held ? "the device holds it" : "the device refused it", nullptr,
            is_held ? "" : no->second);
    }
    return absl::OkStatus();
  }

  static constexpr size_t kMostPending = 1'000;

  const Services& s_;
  const Snapshot& snapshot_;
  const Actor& actor_;
  const v1::Device& device_;
  Mutation& mutation_;
  const absl::Time now_;
  std::map<std::string, v1::Person> persons_;
  std::map<std::string, v1::ExportRecord> exports_;             // changed by this report
  std::map<std::string, std::map<std::string, size_t>> chats_;  // exports of each chat
  std::map<std::string, std::set<std::string>> statements_;     // keys, of each person and app
  std::set<std::string> bags_, dropped_, attested_;
};

}  // namespace

absl::Status WriteArchiveReport(const Services& services, const Snapshot& snapshot,
                                const Actor& actor, const v1::Device& device,
                                const v1::ArchiveReport& report, Mutation& mutation) {
  return ArchiveWriter(services, snapshot, actor, device, mutation).Write(report);
}

}  // namespace muster

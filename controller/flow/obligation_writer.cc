#include "controller/flow/obligation_writer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/domain/archive_suspension.h"
#include "controller/flow/audit.h"
#include "controller/flow/incidents.h"
#include "controller/flow/obligation_facts.h"
#include "controller/flow/retention.h"

namespace muster {
namespace {

constexpr const char* kSuspended[] = {"grant.suspend", "archive.export-only"};
constexpr const char* kResumed[] = {"grant.resume", "archive.resumed"};

// A grant that ended longer ago and owes nothing that is stored ended before there were
// obligations.
constexpr absl::Duration kLateEnd = absl::Hours(24 * (limits::kLastDay + 1));

std::string KeyOf(const v1::Obligation& o) {
  return ObligationKey(o.person_id(), o.app_id(), o.device_id(), o.chat_key());
}

// One obligation as it is now, and what it was decided from.
struct Judged {
  OwedChat chat;
  ObligationFacts facts;
  v1::Obligation now_is;
  bool needs_incident = false;
};

// Everything that one person's obligations come to now, as one mutation.
class ObligationsWriter {
 public:
  ObligationsWriter(const Services& services, const Snapshot& snapshot, std::string person_id)
      : s_(services),
        snapshot_(snapshot),
        person_id_(std::move(person_id)),
        now_(services.clock.Now()) {}

  absl::Status Write() {
    MUSTER_ASSIGN_OR_RETURN(const v1::RetentionPolicy policy, LoadRetention(snapshot_));
    MUSTER_ASSIGN_OR_RETURN(settings_, ClockSettingsOf(policy));
    MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot_, PersonKey(person_id_)));
    if (person) {
      MUSTER_ASSIGN_OR_RETURN(const auto apps, ArchiveAppsOf(snapshot_, person_id_));
      for (const std::string& app : apps) MUSTER_RETURN_IF_ERROR(WriteApp(person->value, app));
    }
    return WriteNext();
  }

  bool changed() const { return changed_; }  // something that is to be committed
  bool visible() const { return visible_; }  // to devices
  Mutation& mutation() { return mutation_; }

 private:
  absl::Status WriteApp(const v1::Person& person, const std::string& app) {
    MUSTER_ASSIGN_OR_RETURN(const ArchiveFacts facts,
                            LoadArchiveFacts(snapshot_, person, app, now_));
    std::vector<Judged> judged;
    if (facts.grant) {
      const auto ended = EndOf(facts.grant->value);
      const bool late = ended && now_ - *ended > kLateEnd;
      for (OwedChat& chat : OwedChats(facts.exports, facts.devices, facts.stored, !ended)) {
        if (late && facts.stored.empty()) break;
        judged.push_back(Judge(facts, std::move(chat)));
      }
    }
    MUSTER_RETURN_IF_ERROR(OpenIncident(facts, judged));
    MUSTER_RETURN_IF_ERROR(NoteCovered(facts, judged));
    WriteObligations(facts, judged);
    if (facts.grant) WriteGrant(*facts.grant, judged);
    return absl::OkStatus();
  }

  v1::Obligation EvaluateNow(const ArchiveFacts& facts, const Judged& judged) const {
    v1::Obligation before = judged.chat.before;
    before.set_device_id(judged.chat.device_id);
    before.set_person_id(person_id_);
    before.set_person_upn(facts.person.upn());
    before.set_app_id(facts.app_id);
    before.set_chat_key(judged.chat.chat_key);
    before.set_grant_id(facts.grant->value.grant_id());
    before.set_office(facts.person.office());
    return Evaluate(before, judged.facts, settings_, now_);
  }

  Judged Judge(const ArchiveFacts& facts, OwedChat chat) const {
    Judged out{.chat = std::move(chat), .facts = {}, .now_is = {}};
    out.facts = FactsOf(facts, out.chat);
    out.needs_incident = NeedsIncident(out.facts, facts.devices.at(out.chat.device_id));
    out.now_is = EvaluateNow(facts, out);
    return out;
  }

  // At most one in one commit: ids are reserved one at a time. What is left brings the person back.
  absl::Status OpenIncident(const ArchiveFacts& facts, std::vector<Judged>& judged) {
    const auto unheard = [](const Judged& j) {
      return j.needs_incident && j.facts.incident_id.empty();
    };
    const auto first = std::find_if(judged.begin(), judged.end(), unheard);
    if (first == judged.end()) return absl::OkStatus();
    if (std::exchange(incident_opened_, true)) {
      again_ = true;
      return absl::OkStatus();
    }
    const std::string device_id = first->chat.device_id;
    const ArchiveDevice& device = facts.devices.at(device_id);
    Suspicion suspicion;
    std::vector<Judged*> about;
    for (Judged& j : judged) {
      if (!unheard(j)) continue;
      if (j.chat.device_id != device_id) {
        again_ = true;
        continue;
      }
      about.push_back(&j);
      suspicion.obligations.push_back(j.now_is);
    }
    Describe(device, *first, suspicion);
    MUSTER_ASSIGN_OR_RETURN(const std::string id,
                            WriteSuspicion(s_, snapshot_, suspicion, mutation_));
    for (Judged* j : about) {
      j->facts.incident_id = id;
      j->now_is = EvaluateNow(facts, *j);
      j->now_is.set_incident_id(id);
      const bool gap = suspicion.cause == v1::Incident::GAP;
      Audit(gap ? "archive.gap" : "archive.loss", j->chat.before, j->now_is,
            suspicion.circumstances, v1::Incident::Cause_Name(suspicion.cause));
    }
    return absl::OkStatus();
  }

  static void Describe(const ArchiveDevice& device, const Judged& first, Suspicion& out) {
    if (!device.gone_at || first.facts.coverage.newest_until >= *device.gone_at) {
      const auto& gap = *first.facts.coverage.gap;
      out.cause = v1::Incident::GAP;
      out.happened_at = gap.first;
      out.circumstances = absl::StrCat("No export shows what was written between ",
                                       TimeText(gap.first), " and ", TimeText(gap.second), ".");
      return;
    }
    out.cause = device.back_at ? v1::Incident::REINSTALLED : device.cause;
    out.happened_at = *device.gone_at;
    out.circumstances = absl::StrCat(
        device.counts ? "The app is gone from the device since "
                      : "The device is no longer in use since ",
        TimeText(out.happened_at),
        device.back_at ? absl::StrCat(" and back since ", TimeText(*device.back_at)) : "",
        "; not everything written before was exported.");
  }

  // An incident ends its being a suspicion when nothing it was about is missing any more.
  absl::Status NoteCovered(const ArchiveFacts& facts, std::vector<Judged>& judged) {
    for (const auto& [id, incident] : facts.incidents) {
      if (!IncidentIsOpen(facts, id)) continue;
      bool missing = false, known = false;
      for (const Judged& j : judged) {
        if (j.facts.incident_id != id) continue;
        known = true;
        missing = missing || j.needs_incident;
      }
      if (missing || !known || incident.has_covered_at()) continue;
      MUSTER_RETURN_IF_ERROR(WriteCoveredAfterAll(s_, snapshot_, id, mutation_));
      changed_ = true;
    }
    return absl::OkStatus();
  }

  void WriteObligations(const ArchiveFacts& facts, std::vector<Judged>& judged) {
    std::map<std::string, std::string> stored;
    for (const v1::Obligation& o : facts.stored) stored[KeyOf(o)] = o.SerializeAsString();
    for (Judged& j : judged) {
      Remind(j);
      Tell(j);
      next_ = std::min(next_, NextChange(j.now_is, j.facts, settings_, now_));
      const std::string key = KeyOf(j.now_is), bytes = j.now_is.SerializeAsString();
      const auto old = stored.find(key);
      const bool same = old != stored.end() && old->second == bytes;
      if (old != stored.end()) stored.erase(old);
      if (same) continue;
      mutation_.puts.push_back({key, bytes});
      changed_ = visible_ = true;
    }
    for (const auto& [key, bytes] : stored) {
      mutation_.deletes.push_back(key);
      changed_ = visible_ = true;
    }
  }

  void Remind(Judged& j) {
    const auto threshold = ReminderOwed(j.now_is, settings_, now_);
    if (!threshold) return;
    MarkReminded(*threshold, now_, j.now_is);
    absl::string_view verb = "archive.due-soon";
    if (*threshold == v1::Obligation::URGENT) verb = "archive.urgent";
    if (*threshold == v1::Obligation::OVERDUE) verb = "archive.overdue";
    Audit(verb, j.chat.before, j.now_is, j.now_is.detail(), v1::Obligation::State_Name(*threshold));
  }

  void Tell(const Judged& j) {
    const v1::Obligation& before = j.chat.before;
    if (j.now_is.state() == v1::Obligation::UNKNOWN && before.state() != v1::Obligation::UNKNOWN) {
      Audit("archive.unknown", before, j.now_is, j.now_is.detail(), "UNKNOWN");
    }
    if (j.now_is.level() == v1::Evidence::E3_RECEIPTED &&
        before.level() != v1::Evidence::E3_RECEIPTED) {
      Audit("archive.receipted", before, j.now_is, j.now_is.detail(), "RECEIPTED");
    }
  }

  void WriteGrant(const Versioned<v1::Grant>& before, const std::vector<Judged>& judged) {
    std::vector<v1::Obligation> obligations;
    for (const Judged& j : judged) obligations.push_back(j.now_is);
    auto after = SuspendForArchive(before.value, obligations, now_);
    const bool suspends = after.has_value();
    if (!suspends) after = ResumeFromArchive(before.value, obligations, now_);
    if (!after) return;
    const std::string reason = suspends ? after->suspend_reason() : "nothing is overdue any more";
    mutation_.expects.push_back({GrantKey(after->grant_id()), before.revision});
    Put(mutation_, GrantKey(after->grant_id()), *after);
    changed_ = visible_ = true;
    // Once for what the grant is now, once for whom the archive's words go to.
    for (const char* verb : suspends ? kSuspended : kResumed) {
      mutation_.audit.push_back(MakeAuditEntry(s_, MusterItself(),
                                               {.verb = verb,
                                                .object = absl::StrCat("grant/", after->grant_id()),
                                                .before = &before.value,
                                                .after = &*after,
                                                .reason = reason,
                                                .reason_code = "ARCHIVE_OVERDUE",
                                                .transaction_id = after->transaction_id()}));
    }
  }

  void Audit(absl::string_view verb, const v1::Obligation& before, const v1::Obligation& after,
             const std::string& reason, const std::string& code) {
    changed_ = true;
    mutation_.audit.push_back(
        MakeAuditEntry(s_, MusterItself(),
                       {.verb = std::string(verb),
                        .object = KeyOf(after),
                        .before = before.device_id().empty() ? nullptr : &before,
                        .after = &after,
                        .reason = reason,
                        .reason_code = code}));
  }

  // When to look again, and that this look is done.
  absl::Status WriteNext() {
    const std::string key = ArchiveNextKey(person_id_), work = ArchiveWorkKey(person_id_);
    MUSTER_ASSIGN_OR_RETURN(const auto stored, snapshot_.Get(key));
    mutation_.expects.push_back({key, stored ? stored->revision : 0});
    const std::string due =
        next_ == absl::InfiniteFuture() ? "" : ArchiveDueKey(std::max(next_, now_), person_id_);
    const std::string was = stored ? stored->bytes : "";
    if (due != was) {
      changed_ = true;
      if (!was.empty()) mutation_.deletes.push_back(was);
      if (!due.empty()) PutMark(mutation_, due);
      if (due.empty()) {
        mutation_.deletes.push_back(key);
      } else {
        mutation_.puts.push_back({key, due});
      }
    }
    MUSTER_ASSIGN_OR_RETURN(const auto mark, snapshot_.Get(work));
    if (again_) {
      PutMark(mutation_, work);
    } else if (mark) {
      // A mark that is set meanwhile is for what this look has not seen.
      mutation_.expects.push_back({work, mark->revision});
      mutation_.deletes.push_back(work);
      changed_ = true;
    }
    return absl::OkStatus();
  }

  const Services& s_;
  const Snapshot& snapshot_;
  const std::string person_id_;
  const absl::Time now_;
  ClockSettings settings_;
  Mutation mutation_;
  absl::Time next_ = absl::InfiniteFuture();
  bool changed_ = false, visible_ = false, incident_opened_ = false, again_ = false;
};

}  // namespace

absl::StatusOr<bool> ReviewOnce(const Services& services, const std::string& person_id) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  ObligationsWriter writer(services, *snapshot, person_id);
  MUSTER_RETURN_IF_ERROR(writer.Write());
  if (!writer.changed()) return false;
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(writer.mutation())).status());
  if (writer.visible()) services.work.WakePerson(person_id);
  return true;
}

}  // namespace muster

#include "controller/flow/obligation_facts.h"

#include <algorithm>

#include "common/time_proto.h"
#include "controller/domain/grant.h"
#include "controller/flow/lookup.h"
#include "muster/v1/phone.pb.h"

namespace muster {
namespace {

// Nobody could use an unsanctioned one; one without training never ran.
bool EverRan(const v1::Grant& grant) {
  if (grant.state() == v1::Grant::UNSANCTIONED || grant.state() == v1::Grant::ADOPTED) return false;
  return !grant.break_glass_because().empty() || !grant.training_acknowledged().empty();
}

absl::Status LoadGrant(const Snapshot& snapshot, ArchiveFacts& out) {
  const std::string& person_id = out.person.person_id();
  MUSTER_ASSIGN_OR_RETURN(out.grant, HoldingGrant(snapshot, person_id, out.app_id));
  if (!out.grant) {
    MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(snapshot, person_id));
    const v1::Grant* last = nullptr;
    for (const v1::Grant& grant : grants) {
      if (grant.app_id() != out.app_id) continue;
      if (last == nullptr || FromProto(last->granted_at()) <= FromProto(grant.granted_at())) {
        last = &grant;
      }
    }
    if (last != nullptr) {
      MUSTER_ASSIGN_OR_RETURN(out.grant, Find<v1::Grant>(snapshot, GrantKey(last->grant_id())));
    }
  }
  if (out.grant && !EverRan(out.grant->value)) out.grant.reset();
  return absl::OkStatus();
}

absl::Status LoadTold(const Snapshot& snapshot, ArchiveFacts& out) {
  const std::string tail = absl::StrCat(out.person.person_id(), "/", out.app_id, "/");
  MUSTER_RETURN_IF_ERROR(ForEach<v1::ExportRecord>(
      snapshot, absl::StrCat("export/", tail),
      [&](const std::string&, Versioned<v1::ExportRecord>& record) {
        out.exports[record.value.seen().chat_key()].push_back(std::move(record.value));
        return absl::OkStatus();
      }));
  return ForEach<v1::StatementRecord>(
      snapshot, absl::StrCat("statement/", tail),
      [&](const std::string&, Versioned<v1::StatementRecord>& record) {
        const v1::ArchiveStatement& said = record.value.statement();
        out.statements[said.chat_key()] = said;
        return absl::OkStatus();
      });
}

absl::Status LoadGone(const Snapshot& snapshot, const std::string& key, ArchiveDevice& device) {
  MUSTER_ASSIGN_OR_RETURN(const auto gone, Find<v1::Incident>(snapshot, key));
  if (!gone) return absl::OkStatus();
  device.gone_at = FromProto(gone->value.happened_at());
  device.cause = gone->value.cause();
  if (gone->value.has_covered_at()) device.back_at = FromProto(gone->value.covered_at());
  return absl::OkStatus();
}

// A bridge may tell of a phone that the UEM itself has not heard of for long, or that it manages no
// longer.
absl::Status LoadPhoneFacts(const Snapshot& snapshot, const std::string& id,
                            ArchiveDevice& device) {
  MUSTER_ASSIGN_OR_RETURN(const auto status, Find<v1::PhoneStatus>(snapshot, PhoneKey(id)));
  if (status && status->value.report().facts().has_last_seen_at()) {
    device.last_seen_at =
        std::min(device.last_seen_at, FromProto(status->value.report().facts().last_seen_at()));
  }
  ArchiveDevice whole;
  MUSTER_RETURN_IF_ERROR(LoadGone(snapshot, DeviceGoneKey(id), whole));
  // Where one app went before the phone did, it went then.
  if (whole.gone() && !device.gone()) {
    device.gone_at = whole.gone_at;
    device.cause = whole.cause;
    device.back_at.reset();
  } else if (whole.back_at && !device.gone_at) {
    device.gone_at = whole.gone_at;
    device.back_at = whole.back_at;
    device.cause = whole.cause;
  }
  return absl::OkStatus();
}

// `ended`: when an obligation on it ended, as stored, else now.
absl::Status LoadDeviceFacts(const Snapshot& snapshot, const std::string& id, bool counts,
                             absl::Time ended, ArchiveFacts& out) {
  ArchiveDevice& device = out.devices[id];
  device.counts = counts;
  MUSTER_ASSIGN_OR_RETURN(const auto stored, Find<v1::Device>(snapshot, DeviceKey(id)));
  if (stored) {
    device.enrolled_at = FromProto(stored->value.enrolled_at());
    device.last_seen_at = FromProto(stored->value.has_last_seen_at() ? stored->value.last_seen_at()
                                                                     : stored->value.enrolled_at());
  }
  MUSTER_ASSIGN_OR_RETURN(const auto installed, snapshot.Get(InstalledKey(out.app_id, id)));
  device.installed = installed.has_value();
  MUSTER_RETURN_IF_ERROR(LoadGone(snapshot, AppGoneKey(out.app_id, id), device));
  if (stored && !stored->value.bridge_id().empty()) {
    device.exports_elsewhere = true;
    MUSTER_RETURN_IF_ERROR(LoadPhoneFacts(snapshot, id, device));
  }
  if (!stored || stored->value.state() != v1::Device::ENROLLED) {
    MUSTER_RETURN_IF_ERROR(LoadGone(snapshot, DeviceGoneKey(id), device));
    device.back_at.reset();
  }
  // Not retired, and yet no longer the person's: the account is gone from it, or its owner changed.
  if (!counts && !device.gone()) {
    device.back_at.reset();
    device.gone_at = ended;
    device.cause = v1::Incident::OTHER;
  }
  return absl::OkStatus();
}

absl::Status LoadDevices(const Snapshot& snapshot, absl::Time now, ArchiveFacts& out) {
  MUSTER_ASSIGN_OR_RETURN(const auto own, DevicesOfPerson(snapshot, out.person));
  std::map<std::string, absl::Time> past;
  for (const v1::Obligation& o : out.stored) {
    past[o.device_id()] = o.has_ended_at() ? FromProto(o.ended_at()) : now;
  }
  for (const auto& [chat, records] : out.exports) {
    for (const v1::ExportRecord& record : records) past.try_emplace(record.device_id(), now);
  }
  for (const std::string& id : own) past.try_emplace(id, now);
  for (const auto& [id, ended] : past) {
    MUSTER_RETURN_IF_ERROR(LoadDeviceFacts(snapshot, id, own.contains(id), ended, out));
  }
  return absl::OkStatus();
}

const v1::ArchiveStatement* Said(const ArchiveFacts& facts, const std::string& chat_key) {
  auto it = facts.statements.find(chat_key);
  if (it == facts.statements.end()) it = facts.statements.find("");  // of all chats
  return it == facts.statements.end() ? nullptr : &it->second;
}

// One that was opened over a gap says nothing of a device that went while it was open, unless it
// was extended with this chat: that is for another one.
bool TellsOfGone(const v1::Incident& incident, const std::string& chat_key, absl::Time ended) {
  if (incident.cause() != v1::Incident::GAP) return true;
  const auto& chats = incident.chats();
  return std::any_of(chats.begin(), chats.end(), [&](const v1::Incident::Chat& chat) {
    return chat.chat_key() == chat_key && ended <= FromProto(chat.uncovered_until());
  });
}

// Where the clock of the chat begins: as it did before, unless what it was about is over.
absl::Time BeganAt(const ArchiveFacts& facts, const OwedChat& chat, const ArchiveDevice& device) {
  const v1::Grant& grant = facts.grant->value;
  const v1::Obligation& before = chat.before;
  const absl::Time usable = UsableSince(grant);
  if (before.device_id().empty()) {
    return chat.chat_key.empty() ? std::max(usable, device.enrolled_at) : usable;
  }
  absl::Time began = FromProto(before.began_at());
  const bool renewed = before.grant_id() != grant.grant_id() && before.has_ended_at() &&
                       before.state() == v1::Obligation::CLEAR;
  if (renewed) began = std::max(began, usable);
  if (before.incident_id().empty() || IncidentIsOpen(facts, before.incident_id())) return began;
  // Somebody decided about it: from there on it counts anew.
  if (before.has_gap_until()) began = std::max(began, FromProto(before.gap_until()));
  if (!device.gone_at) return began;
  const auto incident = facts.incidents.find(before.incident_id());
  const absl::Time ended = std::min(*device.gone_at, EndOf(grant).value_or(*device.gone_at));
  const bool told =
      incident == facts.incidents.end() || TellsOfGone(incident->second, before.chat_key(), ended);
  return told ? std::max(began, *device.gone_at) : began;
}

// The chat ended before `ended` with nothing of it left to export, as one of a laptop that was
// retired: what is written since is of another chat.
bool IsOver(const ArchiveFacts& facts, const std::string& chat, absl::Time ended) {
  bool known = false;
  for (const v1::Obligation& o : facts.stored) {
    if (o.chat_key() != chat) continue;
    if (!o.has_ended_at() || FromProto(o.ended_at()) >= ended) return false;
    if (o.state() != v1::Obligation::CLEAR || o.has_uncovered_since()) return false;
    known = true;
  }
  return known;
}

// When the last of the known chats ended; InfiniteFuture: one goes on.
absl::Time LastEnd(const ArchiveFacts& facts) {
  absl::Time last = absl::InfinitePast();
  for (const v1::Obligation& o : facts.stored) {
    if (o.chat_key().empty()) continue;
    last = std::max(last, o.has_ended_at() ? FromProto(o.ended_at()) : absl::InfiniteFuture());
  }
  return last;
}

// What is proven of every known chat of the person: the worst of each. A gap in one is that chat's
// own incident; until somebody decides about it nothing here is as it should be. `ended`: when the
// phone's own obligation did. Where every chat is over, the last of them says how far it goes.
Coverage CoverageOfAll(const ArchiveFacts& facts, absl::Time began_at, absl::Time ended) {
  ended = std::min(ended, LastEnd(facts));
  std::optional<Coverage> all;
  for (const auto& [chat, records] : facts.exports) {
    if (IsOver(facts, chat, ended)) continue;
    absl::Time began = began_at;
    for (const v1::Obligation& o : facts.stored) {
      if (o.chat_key() == chat) began = std::max(began, FromProto(o.began_at()));
    }
    Coverage one = CoverageOf(records, began);
    if (one.gap) {
      one.gap.reset();
      one.seen_until = one.newest_until;
      one.earlier_unreceipted = true;
    }
    if (!all) {
      all = std::move(one);
      continue;
    }
    if (one.receipted_until < all->receipted_until) all->intervals = std::move(one.intervals);
    all->seen_until = std::min(all->seen_until, one.seen_until);
    all->receipted_until = std::min(all->receipted_until, one.receipted_until);
    all->newest_until = std::min(all->newest_until, one.newest_until);
    all->newest_receipted_until = std::min(all->newest_receipted_until, one.newest_receipted_until);
    all->newest_level = std::min(all->newest_level, one.newest_level);
    all->earlier_unreceipted = all->earlier_unreceipted || one.earlier_unreceipted;
    all->mismatch = all->mismatch || one.mismatch;
  }
  if (!all) return CoverageOf({}, began_at);
  all->messages = 0;  // counted with their chats
  all->exports = 0;
  return *std::move(all);
}

}  // namespace

absl::StatusOr<std::set<std::string>> ArchiveAppsOf(const Snapshot& snapshot,
                                                    const std::string& person_id) {
  std::set<std::string> apps;
  MUSTER_ASSIGN_OR_RETURN(const auto grants, GrantsOfPerson(snapshot, person_id));
  for (const v1::Grant& grant : grants) apps.insert(grant.app_id());
  MUSTER_RETURN_IF_ERROR(
      ForEach<v1::Obligation>(snapshot, absl::StrCat("obligation/", person_id, "/"),
                              [&](const std::string&, const Versioned<v1::Obligation>& obligation) {
                                apps.insert(obligation.value.app_id());
                                return absl::OkStatus();
                              }));
  return apps;
}

absl::StatusOr<ArchiveFacts> LoadArchiveFacts(const Snapshot& snapshot, const v1::Person& person,
                                              const std::string& app_id, absl::Time now) {
  ArchiveFacts out;
  out.person = person;
  out.app_id = app_id;
  MUSTER_RETURN_IF_ERROR(LoadGrant(snapshot, out));
  MUSTER_RETURN_IF_ERROR(ForEach<v1::Obligation>(
      snapshot, absl::StrCat("obligation/", person.person_id(), "/", app_id, "/"),
      [&](const std::string&, Versioned<v1::Obligation>& obligation) {
        out.stored.push_back(std::move(obligation.value));
        return absl::OkStatus();
      }));
  MUSTER_RETURN_IF_ERROR(LoadTold(snapshot, out));
  MUSTER_RETURN_IF_ERROR(LoadDevices(snapshot, now, out));
  for (const v1::Obligation& o : out.stored) {
    if (o.incident_id().empty() || out.incidents.contains(o.incident_id())) continue;
    MUSTER_ASSIGN_OR_RETURN(auto incident,
                            Find<v1::Incident>(snapshot, IncidentKey(o.incident_id())));
    if (incident) out.incidents[o.incident_id()] = std::move(incident->value);
  }
  return out;
}

absl::Time UsableSince(const v1::Grant& grant) {
  absl::Time since = FromProto(grant.granted_at());
  if (!grant.break_glass_because().empty()) return since;
  if (grant.has_training()) since = std::max(since, FromProto(grant.training().at()));
  if (grant.has_archive_attestation()) {
    since = std::max(since, FromProto(grant.archive_attestation().at()));
  }
  return since;
}

std::optional<absl::Time> EndOf(const v1::Grant& grant) {
  if (Holds(grant.state())) return std::nullopt;
  return FromProto(grant.revoked_at());
}

bool IncidentIsOpen(const ArchiveFacts& facts, const std::string& incident_id) {
  const auto it = facts.incidents.find(incident_id);
  return it != facts.incidents.end() && it->second.state() != v1::Incident::NOT_A_LOSS &&
         it->second.state() != v1::Incident::CLOSED;
}

ObligationFacts FactsOf(const ArchiveFacts& facts, const OwedChat& chat) {
  const ArchiveDevice& device = facts.devices.at(chat.device_id);
  ObligationFacts out;
  out.began_at = BeganAt(facts, chat, device);
  out.ended_at = EndOf(facts.grant->value);
  if (device.gone()) {
    out.gone = true;
    out.ended_at = std::min(out.ended_at.value_or(absl::InfiniteFuture()), *device.gone_at);
    out.loss_decided = out.began_at >= *out.ended_at;
  }
  const auto exports = facts.exports.find(chat.chat_key);
  if (chat.chat_key.empty() && device.exports_elsewhere) {
    out.coverage =
        CoverageOfAll(facts, out.began_at, out.ended_at.value_or(absl::InfiniteFuture()));
  } else {
    out.coverage = CoverageOf(
        exports == facts.exports.end() ? std::vector<v1::ExportRecord>() : exports->second,
        out.began_at);
  }
  if (const v1::ArchiveStatement* said = Said(facts, chat.chat_key)) {
    out.export_blocked = said->kind() == v1::ArchiveStatement::EXPORT_BLOCKED;
    out.stated = said->kind() == v1::ArchiveStatement::EXPORTED_ELSEWHERE ||
                 said->kind() == v1::ArchiveStatement::NO_MESSAGES;
  }
  const std::string& incident = chat.before.incident_id();
  if (IncidentIsOpen(facts, incident)) out.incident_id = incident;
  out.last_seen_at = device.last_seen_at;
  return out;
}

bool NeedsIncident(const ObligationFacts& facts, const ArchiveDevice& device) {
  if (facts.coverage.gap) return true;
  if (facts.gone) return !facts.loss_decided && facts.coverage.newest_until < *facts.ended_at;
  // It was gone and came back: what it held until then and nobody exported may be lost.
  return device.back_at && facts.began_at < *device.gone_at &&
         facts.coverage.newest_until < *device.gone_at;
}

}  // namespace muster

// The truth of the played year, told simply: each chat's hours are painted as they are shown and
// receipted. Shares no code with the product.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/controller/flow/year_person.h"

namespace muster {

// What the year came to until an hour: lines that the test makes of the real store alike.
struct YearDay {
  std::vector<std::string> obligations;  // all, as they stand
  std::vector<std::string> events;       // of the day: reminders, suspensions, incidents
};

class YearModel {
 public:
  YearModel(const YearScript& script, const YearCalendar& calendar,
            const std::vector<std::vector<int>>& chat_order)
      : calendar_(calendar), chat_order_(chat_order), persons_(kYearPersons, Person(script)) {}

  void Take(const YearEvent& e) {
    Person& person = persons_[e.person];
    Device& device = person.devices[e.device];
    const bool speaks = e.what == YearEvent::kEnrol || e.what == YearEvent::kInstall ||
                        e.what == YearEvent::kUninstall || e.what == YearEvent::kHello ||
                        e.what == YearEvent::kExport || e.what == YearEvent::kBlocked ||
                        e.what == YearEvent::kUnblocked;
    if (speaks) {
      device.heard = e.hour;
      person.look_at.insert(e.hour + kSilence);
    }
    person.changed = true;
    if (e.what != YearEvent::kHello) person.facts.clear();
    switch (e.what) {
      case YearEvent::kEnrol:
        device.enrolled = e.hour;
        break;
      case YearEvent::kGrant:
        person.granted = e.hour;
        break;
      case YearEvent::kInstall:
        device.installed = true;
        if (device.gone) device.back = e.hour;
        break;
      case YearEvent::kUninstall:
        device.installed = false;
        device.gone = e.hour;
        device.back.reset();
        device.cause = "UNINSTALLED";
        break;
      case YearEvent::kRetire:
        device.gone = e.hour;
        device.back.reset();
        device.cause = absl::StrContains(e.reason, "lost")    ? "DEVICE_LOST"
                       : absl::StrContains(e.reason, "wiped") ? "WIPED"
                                                              : "OTHER";
        break;
      case YearEvent::kExport:
        person.Exported(e.export_index);
        break;
      case YearEvent::kReceipt:
      case YearEvent::kBadReceipt:
        person.Received(e.export_index, e.what == YearEvent::kReceipt);
        break;
      case YearEvent::kBlocked:
      case YearEvent::kUnblocked:
        person.chats[e.chat].blocked = e.what == YearEvent::kBlocked;
        break;
      case YearEvent::kDismiss:
        Dismissed(e.device, person);
        break;
      case YearEvent::kRevoke:
        person.revoked = e.hour;
        break;
      case YearEvent::kHello:
      case YearEvent::kAppoint:
        break;
    }
  }

  // The end of an hour: everybody is looked at.
  void Look(int hour) {
    for (int p = 0; p < kYearPersons; ++p) {
      Person& person = persons_[p];
      const bool due = person.look_at.contains(hour) || hour == calendar_.Begins(Day(hour));
      if (person.granted >= 0 && (due || person.changed)) LookAt(p, hour);
      person.changed = false;
    }
  }

  YearDay EndOfDay() {
    YearDay out;
    for (const Person& person : persons_) {
      for (const auto& [key, owed] : person.owed) out.obligations.push_back(owed.line);
    }
    std::sort(out.obligations.begin(), out.obligations.end());
    std::sort(events_.begin(), events_.end());
    out.events = std::move(events_);
    events_.clear();
    return out;
  }

  // Whether the open incident that the records officer decides about is there.
  bool HasOpenIncident(int person, int device) const {
    const auto& open = persons_[person].open;
    return open.contains(device);
  }

 private:
  static constexpr int kSilence = 3 * 24, kGrace = 5 * 24;
  struct Incident {
    bool covered = false;
  };
  // What is remembered of one obligation; of chat -1: whatever chats there are.
  struct Owed {
    int began = -1;
    int incident = -1;  // open
    int reminded = 0, reminded_day = 0, reminded_since = -1;
    int gap_until = -1;
    std::string line;
    bool was_unknown = false, was_kept = false, overdue = false, forces = false;
  };
  using Key = std::pair<int, int>;  // device and chat
  using Facts = YearPerson::Facts;
  using Device = YearPerson::Device;
  struct Person : YearPerson {
    using YearPerson::YearPerson;
    bool suspended = false, changed = false;
    std::set<int> look_at;  // hours at which time alone changes something
    std::map<Key, Owed> owed;
    std::map<Key, Facts> facts;  // until something happens
    std::map<int, int> open;     // device -> incident
    std::map<int, Incident> incidents;
  };
  void Dismissed(int device, Person& person) {
    const auto open = person.open.find(device);
    if (open == person.open.end()) return;
    for (auto& [key, owed] : person.owed) {
      if (owed.incident != open->second) continue;
      owed.incident = -1;
      owed.began = std::max(owed.began, owed.gap_until);
    }
    person.open.erase(open);
  }

  static const Facts& FactsOf(Person& person, const Key& key, int began) {
    const auto [it, is_new] = person.facts.try_emplace(key);
    if (is_new || it->second.began != began) {
      it->second = person.FactsOf(key.first, key.second, began);
    }
    return it->second;
  }

  int Day(int hour) const { return calendar_.DayOf(hour); }

  std::string StateOf(const Facts& f, int days, bool owed, bool lost, bool silent) const {
    const bool runs = owed && !lost;
    if (lost) return "LOSS_SUSPECTED";
    if (f.mismatch) return "RECEIPT_MISMATCH";
    if (runs && days > 20) return "OVERDUE";
    if (silent) return "UNKNOWN";
    if (f.gap) return "GAP_SUSPECTED";
    if (runs && f.blocked) return "EXPORT_BLOCKED";
    if (runs && days >= 18) return "URGENT";
    if (runs && days >= 14) return "DUE_SOON";
    if (f.level == 0) return "ACCRUING";
    if (f.ended && f.receipted >= *f.ended) return "CLEAR";
    if (f.level == 2) return "EXPORTED";
    if (f.earlier) return "RECEIPTED";
    return !owed || days == 0 ? "CLEAR" : "ACCRUING";
  }

  std::string Name(int p, int d, int c) const {
    return absl::StrCat("p", p, " d", d, " ", c < 0 ? "-" : absl::StrCat("c", c));
  }

  void Event(int hour, const std::string& what, const std::string& who) {
    events_.push_back(absl::StrCat("h", hour, " ", what, " ", who));
  }

  void LookAt(int p, int hour) {
    Person& person = persons_[p];
    std::map<Key, Owed> now;
    std::set<Key> known;
    for (const auto& [key, owed] : person.owed) known.insert(key);
    for (const auto& key : person.OwedNow(known)) now[key] = Remembered(person, key);
    person.owed = std::move(now);
    Suspect(p, hour, person);
    for (auto& [key, owed] : person.owed) Judge(p, hour, key, person, owed);
    Cover(p, hour, person);
    Suspend(p, hour, person);
  }

  // A chat that comes from another device brings its clock along.
  Owed Remembered(const Person& person, const Key& key) const {
    const auto same = person.owed.find(key);
    if (same != person.owed.end()) return same->second;
    for (const auto& [other, owed] : person.owed) {
      if (key.second >= 0 && other.second == key.second) return owed;
    }
    Owed out;
    const int enrolled = person.devices.at(key.first).enrolled;
    out.began = key.second < 0 ? std::max(person.granted, enrolled) : person.granted;
    return out;
  }

  void Suspect(int p, int hour, Person& person) {
    std::map<int, std::vector<Key>> unheard;
    for (const auto& [key, owed] : person.owed) {
      const Facts& f = FactsOf(person, key, owed.began);
      if (f.needs_incident && owed.incident < 0) unheard[key.first].push_back(key);
    }
    for (auto& [d, keys] : unheard) {
      std::sort(keys.begin(), keys.end(), [&](const auto& a, const auto& b) {
        return Order(p, a.second) < Order(p, b.second);
      });
      const Facts& f = FactsOf(person, keys[0], person.owed[keys[0]].began);
      const Device& device = person.devices.at(d);
      std::string cause = "GAP";
      if (device.gone && f.newest < *device.gone) {
        cause = device.back ? "REINSTALLED" : device.cause;
      }
      if (!person.open.contains(d)) {
        person.open[d] = ++incidents_;
        person.incidents[incidents_] = {};
        Event(hour, "incident.open", absl::StrCat("p", p, " d", d, " ", cause));
      }
      person.incidents[person.open[d]].covered = false;  // what joins it is missing
      for (const auto& key : keys) {
        person.owed[key].incident = person.open[d];
        Event(hour, cause == "GAP" ? "archive.gap" : "archive.loss",
              Name(p, key.first, key.second));
      }
    }
  }
  int Order(int p, int chat) const { return chat < 0 ? -1 : chat_order_[p][chat]; }

  void Judge(int p, int hour, const Key& key, Person& person, Owed& owed) {
    const auto& [d, c] = key;
    const Device& device = person.devices.at(d);
    const Facts& f = FactsOf(person, key, owed.began);
    const bool is_owed = !f.ended || f.since < *f.ended;
    const bool lost = is_owed && f.gone;
    const bool silent = is_owed && !f.gone && device.heard + kSilence <= hour;
    const int days = Day(hour) - Day(f.since);
    const std::string state = StateOf(f, days, is_owed, lost, silent);
    const bool kept_to_end = f.ended && f.receipted >= *f.ended;
    const bool compliant = f.any_kept && !lost && !f.gap && !f.mismatch &&
                           (kept_to_end || (!silent && Day(hour) - Day(f.receipted) <= 20));
    owed.gap_until = f.gap ? f.gap->second : -1;
    owed.line = absl::StrCat(Name(p, d, c), " ", state, " E", f.level,
                             is_owed ? absl::StrCat(" since h", f.since) : "",
                             compliant ? " compliant" : "", owed.incident >= 0 ? " incident" : "");
    const bool runs = is_owed && !lost;
    owed.overdue = runs && !f.ended && days > 20;
    const int forces_at = calendar_.Begins(Day(f.since) + 21) + kGrace;
    if (runs) person.look_at.insert(forces_at);
    owed.forces = owed.overdue && forces_at <= hour;
    if (runs) Remind(p, hour, key, f.since, days, owed);
    if (state == "UNKNOWN" && !owed.was_unknown) Event(hour, "archive.unknown", Name(p, d, c));
    owed.was_unknown = state == "UNKNOWN";
    if (f.level == 3 && !owed.was_kept) Event(hour, "archive.receipted", Name(p, d, c));
    owed.was_kept = f.level == 3;
  }

  void Remind(int p, int hour, const Key& key, int since, int days, Owed& owed) {
    const int threshold = days > 20 ? 3 : days >= 18 ? 2 : days >= 14 ? 1 : 0;
    if (threshold == 0) return;
    const bool this_clock = owed.reminded_since == since;
    const bool again = threshold == 3 && Day(hour) - owed.reminded_day >= 7;
    if (this_clock && owed.reminded >= threshold && !again) return;
    owed.reminded = threshold;
    owed.reminded_day = Day(hour);
    owed.reminded_since = since;
    const char* const kNames[] = {"", "archive.due-soon", "archive.urgent", "archive.overdue"};
    Event(hour, kNames[threshold], Name(p, key.first, key.second));
  }

  // An incident of which nothing is missing any more says so, once.
  void Cover(int p, int hour, Person& person) {
    for (const auto& [d, id] : person.open) {
      bool known = false, missing = false;
      for (const auto& [key, owed] : person.owed) {
        if (owed.incident != id) continue;
        known = true;
        missing = missing || FactsOf(person, key, owed.began).needs_incident;
      }
      if (!known || missing || person.incidents[id].covered) continue;
      person.incidents[id].covered = true;
      Event(hour, "incident.covered", absl::StrCat("p", p, " d", d));
    }
  }

  void Suspend(int p, int hour, Person& person) {
    if (person.revoked) return;
    bool forces = false, overdue = false;
    for (const auto& [key, owed] : person.owed) {
      forces = forces || owed.forces;
      overdue = overdue || owed.overdue;
    }
    if (!person.suspended && forces) {
      person.suspended = true;
      Event(hour, "archive.export-only", absl::StrCat("p", p));
    } else if (person.suspended && !overdue) {
      person.suspended = false;
      Event(hour, "archive.resumed", absl::StrCat("p", p));
    }
  }

  const YearCalendar& calendar_;
  const std::vector<std::vector<int>> chat_order_;  // of each person's chats, by their keys
  std::vector<Person> persons_;
  std::vector<std::string> events_;
  int incidents_ = 0;
};

}  // namespace muster

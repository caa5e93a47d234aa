// What happens in the played year, by the hour: 50 people, 300 chats, from 1 July 2027 on. Seeded.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace muster {

inline constexpr int kYearPersons = 50, kYearChats = 6;
inline constexpr int kYearDays = 366;  // with 29 February 2028

// Hours from midnight of 1 July 2027 in New York, and the calendar days they fall on.
class YearCalendar {
 public:
  YearCalendar() {
    absl::LoadTimeZone("America/New_York", &zone_);
    start_ = absl::FromCivil(absl::CivilDay(2027, 7, 1), zone_);
    const absl::CivilDay first(2027, 7, 1);
    for (int h = 0; h < (kYearDays + 60) * 24; ++h) {
      const int day = static_cast<int>(absl::ToCivilDay(At(h), zone_) - first);
      if (day == static_cast<int>(begins_.size())) begins_.push_back(h);
      day_.push_back(day);
    }
  }
  absl::Time At(int hour) const { return start_ + absl::Hours(hour); }
  int HourOf(absl::Time at) const { return static_cast<int>(absl::ToInt64Hours(at - start_)); }
  int DayOf(int hour) const { return day_[hour]; }
  int Begins(int day) const { return begins_[day]; }  // its first hour
  absl::TimeZone zone() const { return zone_; }

 private:
  absl::TimeZone zone_;
  absl::Time start_;
  std::vector<int> day_, begins_;
};

// An export as its phone made it. Everything is in hours; it shows [first, made).
struct YearExport {
  int person = 0, chat = 0, device = 0;
  int first = 0, last = 0, made = 0, reported = 0;
  int continues = -1;  // index of another
  bool from_start = false, damaged = false;
  bool reaches_start = false;  // the truth: nothing of the chat is older
};

struct YearEvent {
  enum What {
    kEnrol,
    kGrant,
    kInstall,
    kUninstall,
    kHello,
    kExport,
    kReceipt,
    kBadReceipt,  // of another number of messages
    kBlocked,     // the person says that the app refuses
    kUnblocked,
    kAppoint,  // a Capstone official from now on
    kDismiss,  // the open incident of this device, by a records officer
    kRetire,
    kRevoke,
  };
  int hour = 0;
  What what = kHello;
  int person = 0, device = 0, chat = 0;
  int export_index = -1;
  const char* reason = "";
};

// Everything that happens, in order.
class YearScript {
 public:
  explicit YearScript(uint64_t seed) : random_(seed) {
    for (int p = 0; p < kYearPersons; ++p) WritePerson(p);
    std::stable_sort(events.begin(), events.end(), [](const YearEvent& a, const YearEvent& b) {
      return std::pair(a.hour, a.what) < std::pair(b.hour, b.what);
    });
  }

  std::vector<YearExport> exports;
  std::vector<YearEvent> events;

 private:
  static constexpr int kEnd = kYearDays * 24;

  struct Life {
    int person = 0, granted = 0;
    int silent_from = kEnd, silent_until = kEnd;
    int stops = kEnd, resumes = kEnd;               // no visit in between
    int moves = kEnd;                               // from then on visits are on the second device
    int ends = kEnd;                                // no visit and no hello after it
    int blocked_from = kEnd, blocked_until = kEnd;  // of chat 1
    bool tardy = false, forgetful = false;
    int receipt_after = 24;                                     // of the exports of one visit
    std::vector<int> last = std::vector<int>(kYearChats, -1);   // newest good export of each chat
    std::vector<int> begun = std::vector<int>(kYearChats, -1);  // oldest hour of each chat
  };

  int Pick(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<uint64_t>(high - low + 1));
  }
  bool Chance(int percent) { return Pick(1, 100) <= percent; }
  void Add(int hour, YearEvent::What what, const Life& life, int device = 0, int chat = 0,
           const char* reason = "") {
    if (hour < kEnd) events.push_back({hour, what, life.person, device, chat, -1, reason});
  }

  void WritePerson(int p) {
    Life life{.person = p, .granted = (p % 10) * 24 + Pick(8, 17)};
    life.tardy = p % 5 >= 3;
    life.forgetful = p % 5 == 4;
    Add(life.granted - 2, YearEvent::kEnrol, life);
    Add(life.granted, YearEvent::kGrant, life);
    Add(life.granted + 1, YearEvent::kInstall, life);
    Fate(life);
    for (int h = life.granted + 12; h < life.ends; h += 48) {
      if (h >= life.silent_from && h < life.silent_until) continue;
      if (h < life.moves) Add(h, YearEvent::kHello, life, 0);
      if (h > life.moves) Add(h, YearEvent::kHello, life, 1);
    }
    if (life.silent_until < kEnd) Add(life.silent_until, YearEvent::kHello, life, 0);
    int visit = life.granted + Pick(5, 12) * 24 + Pick(0, 9);
    for (int n = 0; visit < std::min(kEnd, life.ends); ++n) {
      if (visit < life.stops || visit >= life.resumes) Visit(visit, n, life);
      visit += (life.forgetful ? Pick(16, 31)
                : life.tardy   ? Pick(14, 22)
                               : Pick(11, 16)) *
                   24 +
               Pick(-9, 9);
    }
    for (int chat = 0; chat < kYearChats && life.person == 36; ++chat) {
      WriteExport(life.stops - 1, life.stops - 1, 0, chat, life);
    }
  }

  // What befalls the person. Nobody has two of these.
  void Fate(Life& life) {
    const int when = Pick(90, 250) * 24 + Pick(0, 23);
    switch (life.person) {
      case 6:
      case 16:  // the app is taken off and put back; 16 goes on exporting, 6 does not
        Add(when, YearEvent::kUninstall, life);
        Add(when + 130, YearEvent::kInstall, life);
        life.stops = when;
        life.resumes = life.person == 6 ? kEnd : when + 131;
        break;
      case 26:
      case 36:  // for good; 36 exports everything first
        Add(when, YearEvent::kUninstall, life);
        life.stops = life.person == 36 ? when + 1 : when;
        break;
      case 8:
      case 18:
      case 28:  // a new laptop before the old one goes
        Add(when - 30, YearEvent::kEnrol, life, 1);
        Add(when - 29, YearEvent::kInstall, life, 1);
        Add(when, YearEvent::kRetire, life, 0, 0,
            life.person == 18 ? "wiped by mistake" : "replaced by a new one");
        life.moves = when;
        break;
      case 38:  // and none after it
        Add(when, YearEvent::kRetire, life, 0, 0, "lost on a train");
        life.ends = when;
        break;
      case 10:
      case 20:
        Add(when, YearEvent::kAppoint, life);
        break;
      case 12:
      case 22:  // 12 exports once more
        Add(when, YearEvent::kRevoke, life);
        life.stops = when;
        if (life.person == 12) life.resumes = when + 100, life.ends = when + 24 * 40;
        break;
      case 5:
      case 23:
      case 32:
      case 41:  // Advanced Chat Privacy
        life.blocked_from = when;
        life.blocked_until = when + Pick(10, 40) * 24;
        Add(life.blocked_from, YearEvent::kBlocked, life, 0, 1);
        Add(life.blocked_until, YearEvent::kUnblocked, life, 0, 1);
        break;
      default:
        if (life.person % 7 != 3) break;
        life.silent_from = when;  // over a change of the clock for some
        life.silent_until = when + Pick(4, 14) * 24 + Pick(0, 23);
    }
  }

  void Visit(int hour, int n, Life& life) {
    life.receipt_after = life.person % 4 == 1 ? Pick(200, 700) : Pick(20, 80);
    const int device = hour > life.moves ? 1 : 0;
    const bool silent = hour >= life.silent_from && hour < life.silent_until;
    const int reported = silent ? life.silent_until : hour + Pick(0, 2);
    for (int chat = 0; chat < kYearChats; ++chat) {
      if (chat == 1 && hour >= life.blocked_from && hour < life.blocked_until) continue;
      if (chat == 5 && n < 4) continue;  // begins later
      if (Chance(8)) continue;           // forgotten
      WriteExport(hour, reported, device, chat, life);
    }
  }

  static bool LosesChats(int person) {
    for (int p : {2, 10, 14, 30, 34, 42, 46}) {
      if (p == person) return true;
    }
    return false;
  }

  void WriteExport(int made, int reported, int device, int chat, Life& life) {
    if (reported >= std::min({kEnd, life.ends, made < life.stops ? life.stops : kEnd}) ||
        (made < life.moves && reported >= life.moves)) {
      return;  // it never gets here
    }
    YearExport e{life.person, chat, device, 0, 0, made, reported};
    const int before = life.last[chat];
    if (before < 0) {
      First(e, life);
    } else if (exports[before].device != device) {
      e.first = life.begun[chat];  // the new phone got everything
      e.from_start = e.reaches_start = exports[FirstOf(life.person, chat)].from_start;
      if (life.person == 28) e.first = exports[before].made + 5, e.from_start = true;  // or nothing
      if (life.person == 28) e.reaches_start = false;
    } else if (LosesChats(life.person) && Chance(5) && made - exports[before].made > 100) {
      return Gap(e, before, life);
    } else {
      Continue(e, before);
    }
    e.last = Pick(e.first, made);
    if (Chance(2) && before >= 0) {
      e.damaged = true;  // the next one continues the last good one
      Report(e, life);
      return;
    }
    life.last[chat] = Report(e, life);
  }

  void First(YearExport& e, Life& life) {
    if (e.chat >= 3) {
      e.from_start = e.reaches_start = true;
      e.first = std::max(life.granted, e.made - Pick(20, 200));
    } else {
      e.first = life.granted - Pick(0, 300);  // an old chat
    }
    life.begun[e.chat] = e.first;
  }

  void Continue(YearExport& e, int before) {
    e.continues = before;
    e.first = std::max(exports[before].first, exports[before].made - Pick(1, 40));
  }

  // The chat was deleted in between. Some find an older export that fills the gap, of some a
  // records officer says that nothing is lost, some stay open.
  void Gap(YearExport& e, int before, Life& life) {
    const int old_end = exports[before].made;
    e.first = old_end + Pick(5, 60);
    e.last = Pick(e.first, e.made);
    e.from_start = Chance(50);
    const int index = life.last[e.chat] = Report(e, life);
    const int reported = exports[index].reported;
    const int fate = Pick(0, 2);
    if (fate == 0 && reported + 200 < kEnd) {
      YearExport late{
          e.person, e.chat, e.device, old_end - 2, 0, e.first + 1, reported + Pick(20, 190)};
      late.first = std::max(late.first, exports[before].first);
      late.last = Pick(late.first, late.made);
      late.continues = before;
      Report(late, life);
    }
    if (fate == 1) Add(reported + Pick(60, 250), YearEvent::kDismiss, life, e.device);
  }

  int Report(const YearExport& e, Life& life) {
    const int index = static_cast<int>(exports.size());
    exports.push_back(e);
    events.push_back({e.reported, YearEvent::kExport, e.person, e.device, e.chat, index, ""});
    if (e.damaged || Chance(3)) return index;  // the repository never says so
    const int received = e.reported + life.receipt_after;
    if (Chance(4)) Receipt(received - 15, YearEvent::kBadReceipt, index);
    Receipt(received, YearEvent::kReceipt, index);
    return index;
  }

  void Receipt(int hour, YearEvent::What what, int index) {
    const YearExport& e = exports[index];
    // The root that vouches for receipts lives 365 days.
    if (hour < 365 * 24) events.push_back({hour, what, e.person, e.device, e.chat, index, ""});
  }

  int FirstOf(int person, int chat) const {
    for (size_t i = 0; i < exports.size(); ++i) {
      if (exports[i].person == person && exports[i].chat == chat) return static_cast<int>(i);
    }
    return -1;
  }

  std::mt19937_64 random_;
};

}  // namespace muster

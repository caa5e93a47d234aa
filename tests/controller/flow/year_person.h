// What is true of one person of the played year: what was exported and receipted, painted by the
// hour, and where it is owed. Shares no code with the product.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/controller/flow/year_script.h"

namespace muster {

class YearPerson {
 public:
  explicit YearPerson(const YearScript& script) : script_(script) {}

  struct Chat {
    std::vector<int> exports;
    std::set<int> receipted, mismatched;
    std::vector<char> seen, kept;  // by hour
    int device = -1, newest = -1;
    bool blocked = false;
  };
  struct Device {
    int enrolled = -1, heard = -1;
    bool installed = false;
    std::optional<int> gone, back;
    std::string cause;
    bool away() const { return gone && !back; }
  };
  // The hours of one chat on one day.
  struct Facts {
    int began = 0, since = 0, receipted = 0, newest = 0;
    std::optional<std::pair<int, int>> gap;
    std::optional<int> ended;
    bool gone = false, mismatch = false, blocked = false, earlier = false;
    int level = 0;
    bool any_kept = false, needs_incident = false;
  };

  int granted = -1;
  std::optional<int> revoked;
  std::map<int, Device> devices;
  std::map<int, Chat> chats;

  void Exported(int index) {
    const YearExport& e = script_.exports[index];
    Chat& chat = chats[e.chat];
    chat.device = e.device;
    chat.exports.push_back(index);
    if (e.damaged) return;
    Paint(chat.seen, FromOf(e), e.made);
    chat.newest = std::max(chat.newest, e.made);
  }

  void Received(int index, bool good) {
    const YearExport& e = script_.exports[index];
    Chat& chat = chats[e.chat];
    if (!good) {
      chat.mismatched.insert(index);
      return;
    }
    chat.mismatched.erase(index);
    chat.receipted.insert(index);
    Paint(chat.kept, FromOf(e), e.made);
  }

  // Which chats are owed where: those that were exported, on the device that told of them last;
  // "whatever there is" on a device that told of none, if it has the app or nothing else is owed on
  // one in use.
  std::set<std::pair<int, int>> OwedNow(const std::set<std::pair<int, int>>& owed) const {
    std::set<std::pair<int, int>> out;
    std::set<int> telling;
    bool in_use = false;
    for (const auto& [c, chat] : chats) {
      if (chat.exports.empty()) continue;
      out.insert({chat.device, c});
      for (int index : chat.exports) telling.insert(script_.exports[index].device);
      in_use = in_use || !devices.at(chat.device).away();
    }
    for (const auto& [d, device] : devices) {
      if (telling.contains(d) || device.enrolled < 0) continue;
      const bool known = owed.contains({d, -1});
      const bool useful = device.installed || !in_use;
      const bool stays = known && (device.away() || useful);
      if (stays || (!known && !revoked && !device.away() && useful)) out.insert({d, -1});
    }
    return out;
  }

  Facts FactsOf(int d, int c, int began) const {
    const Device& device = devices.at(d);
    Facts out;
    out.began = out.since = out.receipted = out.newest = began;
    if (revoked) out.ended = revoked;
    if (device.away()) {
      out.gone = true;
      out.ended = std::min(out.ended.value_or(1 << 30), *device.gone);
    }
    if (const auto it = chats.find(c); it != chats.end()) Hours(it->second, out);
    const int proven = out.newest;
    out.needs_incident = out.gap || (out.gone && proven < *out.ended) ||
                         (device.back && began < *device.gone && proven < *device.gone);
    return out;
  }

 private:
  void Hours(const Chat& chat, Facts& out) const {
    out.blocked = chat.blocked;
    out.mismatch = !chat.mismatched.empty();
    if (chat.newest < 0) return;
    while (In(chat.seen, out.since)) ++out.since;
    while (In(chat.kept, out.receipted)) ++out.receipted;
    out.newest = std::max(out.began, chat.newest);
    if (out.since < out.newest) {
      int until = out.since;
      while (!In(chat.seen, until)) ++until;
      out.gap = {out.since, until};
      out.since = out.newest;
      out.receipted = out.began;
      while (out.receipted < out.newest &&
             (In(chat.kept, out.receipted) || !In(chat.seen, out.receipted))) {
        ++out.receipted;
      }
    }
    for (int h = out.began; h < chat.newest; ++h) out.any_kept = out.any_kept || In(chat.kept, h);
    Levels(chat, out);
  }

  void Levels(const Chat& chat, Facts& out) const {
    for (int index : chat.exports) {
      const YearExport& e = script_.exports[index];
      if (e.damaged) continue;
      const bool kept = chat.receipted.contains(index);
      if (e.made == chat.newest) {
        out.level = std::max(out.level, kept ? 3 : 2);
      } else if (!kept) {
        out.earlier = out.earlier || Lacking(chat, index, out.began);
      }
    }
  }

  // Something of it is neither receipted nor also in one that holds all of it.
  bool Lacking(const Chat& chat, int index, int began) const {
    const YearExport& e = script_.exports[index];
    bool lacks = false;
    for (int h = std::max(FromOf(e), began); h < e.made; ++h) {
      lacks = lacks || !In(chat.kept, h);
    }
    for (int other : chat.exports) {
      const YearExport& o = script_.exports[other];
      if (o.damaged || other == index) continue;
      if (FromOf(o) <= FromOf(e) && e.made <= o.made) lacks = false;
    }
    return lacks;
  }

  static void Paint(std::vector<char>& hours, int from, int until) {
    hours.resize(kYearDays * 24 + 1);
    for (int h = std::max(from, 0); h < until; ++h) hours[h] = 1;
  }
  static bool In(const std::vector<char>& hours, int h) {
    return h < static_cast<int>(hours.size()) && hours[h] != 0;
  }
  int FromOf(const YearExport& e) const {
    return e.reaches_start ? std::min(e.first, granted) : e.first;
  }

  const YearScript& script_;
};

}  // namespace muster

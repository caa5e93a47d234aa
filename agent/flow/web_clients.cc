#include "agent/flow/web_clients.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/crypto.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

// Mount changes and the like raise no event in a directory.
constexpr absl::Duration kLookInterval = absl::Minutes(1);
constexpr char kKeptSuffix[] = ".before-muster";

std::string HashOf(absl::string_view text) { return text.empty() ? "" : Sha256Hex(text); }

std::vector<std::string> StringsAt(const nlohmann::json& object, const char* key) {
  std::vector<std::string> out;
  const auto list = object.find(key);
  if (list == object.end() || !list->is_array()) return out;
  for (const auto& item : *list) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

}  // namespace

void WebClients::LoadState() {
  if (std::exchange(loaded_, true)) return;
  const absl::StatusOr<std::optional<std::string>> text = store_->Read(kBrowserFile);
  if (!text.ok() || !text->has_value()) return;
  const auto state = nlohmann::json::parse(**text, nullptr, false);
  if (!state.is_object()) {
    Log(Severity::kError, kBrowserFile, " is damaged; browser policies are written again");
    return;
  }
  firefox_ours_ = StringsAt(state, "firefox_entries");
  for (const BrowserKind& browser : kBrowsers) {
    const std::string path = absl::StrCat(browser.dir, "/", browser.file);
    const auto written = state.find("written");
    if (written == state.end() || !written->is_object()) return;
    for (std::string& hash : StringsAt(*written, path.c_str())) {
      written_[path].insert(std::move(hash));
    }
  }
}

absl::Status WebClients::SaveState() {
  nlohmann::json state;
  state["firefox_entries"] = firefox_ours_;
  state["written"] = written_;
  return store_->Write(kBrowserFile, state.dump());
}

void WebClients::Want(WebDecision decision) {
  MutexLock lock(&work_mu_);
  const absl::Time now = clock_->Now();
  if (wanted_ == decision && now < looked_at_ + kLookInterval) return;
  wanted_ = std::move(decision);
  Reconcile();
}

void WebClients::Check() {
  MutexLock lock(&work_mu_);
  if (wanted_) Reconcile();
}

WebClients::Status WebClients::status() const {
  MutexLock lock(&mu_);
  return status_;
}

bool WebClients::WasExpected(const Target& target) const {
  const auto it = written_.find(target.path);
  return it == written_.end() || it->second.contains(HashOf(target.present.value_or("")));
}

void WebClients::PlanOne(PolicyDirectory dir, Target* target, std::vector<std::string>* notes) {
  const auto file = dir.files.find(target->browser->file);
  if (file != dir.files.end()) {
    target->present = std::move(file->second.text);
    target->sound = file->second.sound;
    dir.files.erase(file);
  }
  switch (target->browser->family) {
    case BrowserFamily::kChromium: {
      std::map<std::string, std::string> others;
      for (auto& [name, other] : dir.files) others[name] = std::move(other.text);
      ChromiumPlan plan = PlanChromium(wanted_->blocked, others);
      target->text = std::move(plan.text);
      target->merged_from = std::move(plan.merged_from);
      target->tampered = !WasExpected(*target);
      for (std::string& note : plan.notes) {
        notes->push_back(absl::StrCat(target->browser->name, ": ", note));
      }
      break;
    }
    case BrowserFamily::kFirefox: {
      FirefoxPlan plan = PlanFirefox(wanted_->blocked, target->present, firefox_ours_);
      target->text = std::move(plan.text);
      target->ours = std::move(plan.ours);
      if (plan.broken && !wanted_->blocked.empty()) target->keep = *target->present;
      if (plan.broken && wanted_->blocked.empty()) {  // nothing of ours to take out
        target->present.reset();
        target->text.clear();
      }
      target->tampered = plan.missing && !WasExpected(*target);
      for (std::string& note : plan.notes) {
        notes->push_back(absl::StrCat(target->browser->name, ": ", note));
      }
      break;
    }
  }
  // Nothing of ours is in there: whose it is and who may read it is not our business.
  if (wanted_->blocked.empty() && !target->text.empty()) target->sound = true;
  target->tampered |= !target->sound && written_.contains(target->path);
}

std::optional<WebClients::Target> WebClients::Plan(const BrowserKind& browser,
                                                   std::vector<std::string>* notes) {
  absl::StatusOr<PolicyDirectory> dir = files_->Read(browser.dir);
  if (!dir.ok()) {
    if (!wanted_->blocked.empty() ||
        written_.contains(absl::StrCat(browser.dir, "/", browser.file))) {
      notes->push_back(absl::StrCat("web clients in ", browser.name, ": ", dir.status().message()));
    }
    return std::nullopt;
  }
  Target target;
  target.browser = &browser;
  target.path = absl::StrCat(browser.dir, "/", browser.file);
  for (const std::string& name : dir->unread) {
    notes->push_back(absl::StrCat("web clients in ", browser.name, ": ", browser.dir, "/", name,
                                  " is too large or cannot be read"));
    // What cannot be read must not be lost by writing over it.
    if (name == browser.file && browser.family == BrowserFamily::kFirefox) return std::nullopt;
  }
  PlanOne(*std::move(dir), &target, notes);
  return target;
}

void WebClients::NoteFirefoxOwn(std::vector<std::string>* notes) {
  for (const char* dir : kFirefoxOwnDirs) {
    const absl::StatusOr<PolicyDirectory> own = files_->Read(dir);
    if (!own.ok() || !own->files.contains(kFirefoxPolicyFile)) continue;
    notes->push_back(absl::StrCat("Firefox: ", dir, "/", kFirefoxPolicyFile,
                                  " is not read any more, because the one in /etc/firefox stands "
                                  "before it; move its policies there"));
  }
}

void WebClients::Report(const Target& target) {
  const std::string what = absl::StrCat(
      target.path, target.present ? " was edited" : " was removed", " and has been put back");
  Log(Severity::kWarning, what);
  const absl::Time now = clock_->Now();
  MutexLock lock(&mu_);
  std::vector<v1::Tampering>& all = status_.tampering;
  // A loop of edits is one entry a minute, not a flood of reports.
  for (const v1::Tampering& t : all) {
    if (t.what() == what && now < FromProto(t.at()) + limits::kSameTampering) return;
  }
  if (all.size() >= limits::kMaxTampering) all.erase(all.begin());
  v1::Tampering entry;
  *entry.mutable_at() = ToProto(now);
  entry.set_what(what);
  all.push_back(std::move(entry));
}

// Before: the state names what is there and what will be. Then the files. Then what is.
bool WebClients::Apply(std::vector<Target>* targets, std::vector<std::string>* notes) {
  for (const Target& t : *targets) {
    if (t.InOrder()) continue;
    written_[t.path].insert({HashOf(t.present.value_or("")), HashOf(t.text)});
    for (const std::string& entry : t.ours) {
      if (std::find(firefox_ours_.begin(), firefox_ours_.end(), entry) == firefox_ours_.end()) {
        firefox_ours_.push_back(entry);
      }
    }
  }
  if (absl::Status saved = SaveState(); !saved.ok()) {
    // Without it the agency's own entries in Firefox's file could not be told from ours.
    notes->push_back(absl::StrCat("web clients: ", saved.message()));
    return false;
  }
  bool all = true;
  for (Target& t : *targets) {
    if (t.InOrder()) continue;
    absl::Status status = absl::OkStatus();
    if (!t.keep.empty()) {
      status = files_->Write(t.browser->dir, absl::StrCat(t.browser->file, kKeptSuffix), t.keep);
    }
    if (status.ok()) {
      status = t.text.empty() ? files_->Remove(t.browser->dir, t.browser->file)
                              : files_->Write(t.browser->dir, t.browser->file, t.text);
    }
    if (!status.ok()) {
      all = false;
      notes->push_back(absl::StrCat("web clients in ", t.browser->name, ": ", status.message()));
      continue;
    }
    if (t.tampered) Report(t);
    t.present.reset();
    if (!t.text.empty()) t.present = t.text;
    t.sound = true;
  }
  return all;
}

// The state of files that are in order, when it says more or less than that.
void WebClients::Settle(const std::vector<Target>& targets) {
  auto written = written_;
  std::vector<std::string> ours = firefox_ours_;
  for (const Target& t : targets) {
    if (!t.InOrder()) continue;
    if (t.browser->family == BrowserFamily::kFirefox) ours = t.ours;
    written.erase(t.path);
    if (!wanted_->blocked.empty()) written[t.path] = {HashOf(t.text)};
  }
  if (written == written_ && ours == firefox_ours_) return;
  written_ = std::move(written);
  firefox_ours_ = std::move(ours);
  if (absl::Status saved = SaveState(); !saved.ok()) {
    Log(Severity::kError, "cannot save ", kBrowserFile, ": ", saved.message());
  }
}

void WebClients::Reconcile() {
  LoadState();
  looked_at_ = clock_->Now();
  Status now;
  now.notes = wanted_->notes;
  std::vector<Target> targets;
  for (const BrowserKind& browser : kBrowsers) {
    if (std::optional<Target> target = Plan(browser, &now.notes)) {
      targets.push_back(*std::move(target));
    }
  }
  const bool in_order =
      std::all_of(targets.begin(), targets.end(), [](const Target& t) { return t.InOrder(); });
  if (!in_order && !Apply(&targets, &now.notes)) {
    // The next tick tries again.
    looked_at_ = absl::InfinitePast();
  }
  Settle(targets);
  if (!wanted_->blocked.empty()) {
    NoteFirefoxOwn(&now.notes);
    now.notes.push_back(
        "web clients are blocked in Chromium, Chrome, Edge and Firefox alone: another browser, a "
        "portable one or one from Flatpak does not read their policy, and one that was open when "
        "the policy changed may follow it only after a restart");
    for (const Target& t : targets) {
      if (!t.InOrder()) continue;
      now.files.push_back(t.merged_from.empty()
                              ? t.path
                              : absl::StrCat(t.path, " (with the entries of ", t.merged_from, ")"));
    }
  }
  if (now.notes.size() > limits::kMaxBrowserNotes) now.notes.resize(limits::kMaxBrowserNotes);
  MutexLock lock(&mu_);
  status_.files = std::move(now.files);
  status_.notes = std::move(now.notes);
}

}  // namespace muster::agent

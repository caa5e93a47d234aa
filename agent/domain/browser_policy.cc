#include "agent/domain/browser_policy.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

using Json = nlohmann::ordered_json;

// Nesting outside of strings; writing JSON recurses, so it is bounded before it is parsed.
bool IsTooDeep(absl::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if ((c == '[' || c == '{') && ++depth > limits::kMaxJsonDepth) return true;
    if ((c == ']' || c == '}') && depth > 0) --depth;
  }
  return false;
}

// Without the commas that stand before a closing bracket; strings stay as they are.
std::string WithoutTrailingCommas(absl::string_view text) {
  std::string out;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!in_string && c == ',') {
      const size_t next = text.find_first_not_of(" \t\r\n", i + 1);
      if (next != absl::string_view::npos && (text[next] == ']' || text[next] == '}')) continue;
    }
    out.push_back(c);
    if (in_string && c == '\\' && i + 1 < text.size()) out.push_back(text[++i]);
    if (c == '"') in_string = !in_string;
  }
  return out;
}

// Discarded when it is not one. Chromium's files may have comments and trailing commas (seen with
// 156), Firefox's may not.
Json ParseObject(absl::string_view text, BrowserFamily family) {
  if (text.size() > limits::kMaxBrowserPolicyBytes || IsTooDeep(text)) {
    return Json(Json::value_t::discarded);
  }
  const bool lenient = family == BrowserFamily::kChromium;
  const std::string json = lenient ? WithoutTrailingCommas(text) : std::string(text);
  Json out = Json::parse(json, nullptr, false, lenient);
  return out.is_object() ? out : Json(Json::value_t::discarded);
}

std::string Written(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<std::string> Strings(const Json& list) {
  std::vector<std::string> out;
  for (const Json& item : list) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

// Foreign text as it may stand in a note.
std::string Shown(absl::string_view text) {
  std::string out(text.substr(0, 128));
  for (char& c : out) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  return out;
}

bool IsBelow(absl::string_view host, absl::string_view parent) {
  return absl::EndsWith(host, absl::StrCat(".", parent));
}

// The host of a URL filter or a match pattern, in lower case: "https://*.a.example:8/x" gives
// "a.example".
std::string PatternHost(absl::string_view pattern) {
  if (const size_t at = pattern.find("://"); at != absl::string_view::npos) {
    pattern.remove_prefix(at + 3);
  }
  pattern = pattern.substr(0, pattern.find_first_of(":/?#"));
  absl::ConsumePrefix(&pattern, "*");
  absl::ConsumePrefix(&pattern, ".");
  return absl::AsciiStrToLower(pattern);
}

void AddNote(std::string note, std::vector<std::string>* notes) {
  if (notes->size() < limits::kMaxBrowserNotes) notes->push_back(std::move(note));
}

// An entry for the host itself or for one below it is as specific as ours or more, and wins.
void NoteAllowed(const std::string& name, const std::vector<std::string>& allowed,
                 const std::vector<std::string>& hosts, std::vector<std::string>* notes) {
  for (const std::string& entry : allowed) {
    const std::string host = PatternHost(entry);
    for (const std::string& ours : hosts) {
      if (host != ours && !IsBelow(host, ours)) continue;
      AddNote(absl::StrCat(Shown(name), " opens ", Shown(entry),
                           " by URLAllowlist, which wins over our block; remove that entry"),
              notes);
    }
  }
}

}  // namespace

ChromiumPlan PlanChromium(const std::vector<std::string>& hosts,
                          const std::map<std::string, std::string>& others) {
  ChromiumPlan out;
  if (hosts.empty()) return out;
  std::vector<std::string> before, allowed;
  std::string allowed_by;
  for (const auto& [name, text] : others) {  // by name, as Chromium reads them: the last wins
    const Json policy = ParseObject(text, BrowserFamily::kChromium);
    if (policy.is_discarded()) {
      if (absl::StrContains(text, "URLBlocklist") || absl::StrContains(text, "URLAllowlist")) {
        AddNote(absl::StrCat(Shown(name),
                             " names web addresses, but is not JSON that Muster reads; "
                             "whether it opens a web client is not known"),
                &out.notes);
      }
      continue;
    }
    if (const auto list = policy.find("URLAllowlist"); list != policy.end() && list->is_array()) {
      allowed = Strings(*list);
      allowed_by = name;
    }
    const auto list = policy.find("URLBlocklist");
    if (list == policy.end() || !list->is_array()) continue;
    if (name < kChromiumPolicyFile) {
      before = Strings(*list);
      out.merged_from = name;
      continue;
    }
    const std::vector<std::string> theirs = Strings(*list);
    for (const std::string& host : hosts) {
      if (std::find(theirs.begin(), theirs.end(), host) != theirs.end()) continue;
      AddNote(absl::StrCat(Shown(name), " sets URLBlocklist too and is read after ",
                           kChromiumPolicyFile, ", so ours does not count; rename it"),
              &out.notes);
      break;
    }
  }
  NoteAllowed(allowed_by, allowed, hosts, &out.notes);
  Json list = hosts;
  const std::set<std::string> ours(hosts.begin(), hosts.end());
  for (const std::string& entry : before) {
    if (!ours.contains(entry)) list.push_back(entry);
  }
  if (list.size() > limits::kMaxBrowserPatterns) {
    AddNote(absl::StrCat("with the entries of ", Shown(out.merged_from), " the list has ",
                         list.size(), " entries; the browser reads ", limits::kMaxBrowserPatterns),
            &out.notes);
  }
  Json policy = Json::object();
  policy["URLBlocklist"] = std::move(list);
  out.text = Written(policy);
  return out;
}

namespace {

// Covers the host itself as well (match patterns of WebExtensions). Without a port it matches
// every port; with one, or without the rest, Firefox ignores it in silence.
std::string FirefoxPattern(const std::string& host) { return absl::StrCat("*://*.", host, "/*"); }

// True when Firefox understands what our entries stand in: it drops an entry of a wrong type, and
// the whole filter when a list is none. Absent parts are fine.
bool IsSound(const Json& root) {
  if (root.is_discarded()) return false;
  const auto policies = root.find("policies");
  if (policies == root.end()) return true;
  if (!policies->is_object()) return false;
  const auto filter = policies->find("WebsiteFilter");
  if (filter == policies->end()) return true;
  if (!filter->is_object()) return false;
  for (const char* key : {"Block", "Exceptions"}) {
    const auto list = filter->find(key);
    if (list != filter->end() && !list->is_array()) return false;
  }
  return true;
}

// The list policies/WebsiteFilter/`key` of a sound file; empty where there is none.
Json FilterList(const Json& root, const char* key) {
  const auto policies = root.find("policies");
  if (policies == root.end()) return Json::array();
  const auto filter = policies->find("WebsiteFilter");
  if (filter == policies->end()) return Json::array();
  const auto list = filter->find(key);
  return list == filter->end() ? Json::array() : *list;
}

// Sets the Block list; an empty one goes, with whatever is empty without it.
void SetBlock(const Json& block, Json* root) {
  if (!block.empty()) {
    (*root)["policies"]["WebsiteFilter"]["Block"] = block;
    return;
  }
  const auto policies = root->find("policies");
  if (policies == root->end()) return;
  const auto filter = policies->find("WebsiteFilter");
  if (filter == policies->end()) return;
  filter->erase("Block");
  if (filter->empty()) policies->erase("WebsiteFilter");
  if (policies->empty()) root->erase("policies");
}

void NoteExceptions(const std::vector<std::string>& exceptions,
                    const std::vector<std::string>& hosts, std::vector<std::string>* notes) {
  for (const std::string& entry : exceptions) {
    const bool all_urls = entry == "<all_urls>";
    // Not a match pattern: Firefox ignores it.
    if (!all_urls && (!absl::StrContains(entry, "://") || absl::StartsWith(entry, "file:"))) {
      continue;
    }
    const std::string host = PatternHost(entry);
    const bool all = all_urls || host.empty();
    const bool wide = absl::StrContains(entry, "://*.");
    for (const std::string& ours : hosts) {
      if (!all && host != ours && !IsBelow(host, ours) && !(wide && IsBelow(ours, host))) continue;
      AddNote(absl::StrCat(kFirefoxPolicyFile, " has the exception ", Shown(entry),
                           ", which opens ", ours, "; remove it"),
              notes);
    }
  }
}

}  // namespace

FirefoxPlan PlanFirefox(const std::vector<std::string>& hosts,
                        const std::optional<std::string>& present,
                        const std::vector<std::string>& ours_before) {
  FirefoxPlan out;
  Json root = present ? ParseObject(*present, BrowserFamily::kFirefox) : Json::object();
  if (!IsSound(root)) {
    out.broken = true;
    out.missing = !ours_before.empty();
    if (hosts.empty()) {
      out.text = *present;
      return out;
    }
    root = Json::object();
  }
  const Json before = root;
  const Json has = FilterList(root, "Block");
  const std::set<std::string> had_ours(ours_before.begin(), ours_before.end());
  Json theirs = Json::array();
  std::set<std::string> found;
  for (const Json& entry : has) {
    if (entry.is_string() && had_ours.contains(entry.get<std::string>())) {
      found.insert(entry.get<std::string>());
    } else {
      theirs.push_back(entry);
    }
  }
  out.missing = found.size() < had_ours.size();
  for (const std::string& host : hosts) {
    const std::string pattern = FirefoxPattern(host);
    if (std::find(theirs.begin(), theirs.end(), pattern) == theirs.end()) {
      out.ours.push_back(pattern);
    }
  }
  // Ours first: Firefox reads no more than the first entries of a long list.
  Json block = out.ours;
  block.insert(block.end(), theirs.begin(), theirs.end());
  if (block.size() > limits::kMaxBrowserPatterns) {
    AddNote(absl::StrCat(kFirefoxPolicyFile, " blocks ", block.size(),
                         " patterns; the browser reads the first ", limits::kMaxBrowserPatterns),
            &out.notes);
  }
  NoteExceptions(Strings(FilterList(root, "Exceptions")), hosts, &out.notes);
  if (block != has) SetBlock(block, &root);
  if (root == before && present && !out.broken) {
    out.text = *present;  // as its author wrote it
  } else if (!root.empty()) {
    out.text = Written(root);
  }
  return out;
}

}  // namespace muster::agent

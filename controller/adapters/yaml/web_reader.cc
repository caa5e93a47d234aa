#include "controller/adapters/yaml/web_reader.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/agent_limits.h"
#include "common/limits.h"
#include "controller/adapters/yaml/yaml_fields.h"

namespace muster {
namespace {

constexpr size_t kMaxHostBytes = 253, kMaxLabelBytes = 63;  // RFC 1035, 2.3.4

bool IsLabel(absl::string_view label) {
  if (label.empty() || label.size() > kMaxLabelBytes) return false;
  if (label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
}

// What is wrong with the host of a web client; empty: nothing. A browser ignores in silence what
// it does not understand, so nothing but a plain DNS name passes.
std::string HostFlaw(absl::string_view host) {
  if (host.find("://") != absl::string_view::npos) return "has a scheme; write the host alone";
  if (host.find('/') != absl::string_view::npos) return "has a path; write the host alone";
  if (host.find('*') != absl::string_view::npos) {
    return "has a wildcard; the hosts below a host are meant with it";
  }
  if (host.find(':') != absl::string_view::npos) return "has a port; write the host alone";
  const std::vector<absl::string_view> labels = absl::StrSplit(host, '.');
  if (std::any_of(host.begin(), host.end(), absl::ascii_isupper)) return "is not in lower case";
  if (host.size() > kMaxHostBytes || !std::all_of(labels.begin(), labels.end(), IsLabel)) {
    return "is not a DNS name; use a-z, 0-9, '-' and '.' (a name in another script as xn--...)";
  }
  if (labels.size() < 2) return "is a single name; write all of it, for example web.example.com";
  const absl::string_view last = labels.back();
  if (std::all_of(last.begin(), last.end(), absl::ascii_isdigit)) {
    return "is an address; write the DNS name";
  }
  return "";
}

// Host and where it was verified; nullopt, with an issue, when anything is wrong.
std::optional<std::string> ReadHost(const YamlNode& item, FileIssues* issues) {
  constexpr absl::string_view kEntry = "an entry of 'web'";
  if (!ExpectMap(item, kEntry, issues)) return std::nullopt;
  CheckKeys(item, {"host", "verified"}, issues);
  const YamlField* field = RequireField(item, "host", kEntry, issues);
  const YamlField* verified = FindField(item, "verified");
  if (verified == nullptr) {
    issues->Error(item,
                  "an entry of 'web' has no 'verified'; say where it was verified, or write "
                  "verified: unverified");
    return std::nullopt;
  }
  const TextRule words = {.max_bytes = limits::kMaxVerifiedBytes};
  if (!ReadText(verified->value, "'verified'", words, issues) || field == nullptr) {
    return std::nullopt;
  }
  auto host = ReadText(field->value, "'host'", {.max_bytes = kMaxHostBytes}, issues);
  if (!host.has_value()) return std::nullopt;
  if (const std::string flaw = HostFlaw(*host); !flaw.empty()) {
    issues->Error(field->value, absl::StrCat("'host' ", Quoted(*host), " ", flaw));
    return std::nullopt;
  }
  return host;
}

}  // namespace

std::vector<LocatedFact> ReadWebHosts(const YamlNode& list, v1::App* app, FileIssues* issues) {
  std::vector<LocatedFact> facts;
  if (!ExpectList(list, "'web'", issues)) return facts;
  if (list.items.size() > limits::kMaxWebHostsPerApp) {
    issues->Error(list, absl::StrCat("'web' has ", list.items.size(), " entries; at most ",
                                     limits::kMaxWebHostsPerApp, " are allowed"));
    return facts;
  }
  std::map<std::string, int> seen;  // host -> its line
  for (const YamlNode& item : list.items) {
    const std::optional<std::string> host = ReadHost(item, issues);
    if (!host.has_value()) continue;
    const auto [first, is_new] = seen.emplace(*host, item.line);
    if (!is_new) {
      issues->Error(item, absl::StrCat("host ", Quoted(*host), " is already given in line ",
                                       first->second, "; keep one of them"));
      continue;
    }
    app->add_web_hosts(*host);
    const YamlNode& at = FindField(item, "host")->value;
    facts.push_back({WebHostFact(*host), at.line, at.column});
  }
  return facts;
}

}  // namespace muster

#include "controller/adapters/ldap/server_pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster {
namespace {

constexpr char kInUse[] = "in use";
constexpr char kNotNeeded[] = "not needed yet";

}  // namespace

absl::StatusOr<std::vector<std::string>> ServerUris(const LdapOptions& options) {
  if (!options.uris.empty()) return options.uris;
  char* raw = nullptr;
  const int code = ldap_domain2hostlist(options.domain.c_str(), &raw);
  const std::string hosts = raw == nullptr ? "" : raw;
  ldap_memfree(raw);
  std::vector<std::string> out;
  for (const absl::string_view host : absl::StrSplit(hosts, ' ', absl::SkipEmpty())) {
    if (out.size() == limits::kMaxDirectoryServers) break;
    // The record's port is that of ldap://.
    const absl::string_view name = host.substr(0, host.rfind(':'));
    const bool plain = options.start_tls || options.kerberos();
    out.push_back(plain ? absl::StrCat("ldap://", host) : absl::StrCat("ldaps://", name));
  }
  if (code == LDAP_SUCCESS && !out.empty()) return out;
  return absl::UnavailableError(
      absl::StrCat("DNS lists no directory server for ", options.domain, " (_ldap._tcp.",
                   options.domain, "); check directory.ldap.domain, or list the servers in uris"));
}

ServerPool::ServerPool(const LdapOptions& options, const Clock& clock)
    : options_(options), clock_(clock) {
  for (const std::string& uri : options.uris) servers_.emplace_back().set_uri(uri);
  for (v1::DirectoryReading::Server& server : servers_) server.set_state(kNotNeeded);
}

const std::string& ServerPool::current() const {
  static const auto& kNone = *new std::string();
  return servers_.empty() ? kNone : servers_[current_].uri();
}

void ServerPool::Note(size_t server, const std::string& state) {
  servers_[server].set_state(state);
  *servers_[server].mutable_at() = ToProto(clock_.Now());
}

// The servers of a domain come and go; what is known of those that stay is kept.
absl::Status ServerPool::Refresh() {
  if (!options_.uris.empty()) return absl::OkStatus();
  const absl::StatusOr<std::vector<std::string>> uris = ServerUris(options_);
  if (!uris.ok()) return servers_.empty() ? uris.status() : absl::OkStatus();
  std::vector<v1::DirectoryReading::Server> next;
  size_t current = 0;
  for (const std::string& uri : *uris) {
    const auto known = std::find_if(servers_.begin(), servers_.end(),
                                    [&](const auto& server) { return server.uri() == uri; });
    if (uri == this->current()) current = next.size();
    next.emplace_back();
    if (known != servers_.end()) {
      next.back() = *known;
    } else {
      next.back().set_uri(uri);
      next.back().set_state(kNotNeeded);
    }
  }
  servers_ = std::move(next);
  current_ = current;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LdapConnection>> ServerPool::Connect(const Secret& password) {
  MUSTER_RETURN_IF_ERROR(Refresh());
  std::vector<std::string> reasons;
  const size_t first = current_;
  for (size_t i = 0; i < servers_.size(); ++i) {
    const size_t at = (first + i) % servers_.size();
    absl::StatusOr<std::unique_ptr<LdapConnection>> connection =
        LdapConnection::Connect(servers_[at].uri(), options_, password);
    if (connection.ok()) {
      current_ = at;
      Note(at, kInUse);
      return connection;
    }
    Note(at, std::string(connection.status().message()));
    if (!absl::IsUnavailable(connection.status()) || servers_.size() == 1) {
      return connection.status();
    }
    reasons.emplace_back(connection.status().message());
  }
  return absl::UnavailableError(
      absl::StrCat("none of the ", servers_.size(),
                   " directory servers can be used: ", absl::StrJoin(reasons, "; ")));
}

void ServerPool::Leave(const absl::Status& why) {
  if (servers_.empty()) return;
  Note(current_, std::string(why.message()));
  current_ = (current_ + 1) % servers_.size();
}

void ServerPool::SetInvocationId(const std::string& id) {
  if (!servers_.empty()) servers_[current_].set_invocation_id(id);
}

}  // namespace muster

// How the fault proxy answers one client: the real server's answer, shaped as another kind of
// server would give it, and falsified by a plan.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/ber.h"
#include "tests/integration/ldap_faults.h"

namespace muster {

// What is no fault, but differs from server to server.
struct LdapBehaviour {
  // Longer lists of members are answered in ranges ([MS-ADTS] 3.1.1.3.1.3.3); 0: whole.
  size_t max_values = 1'500;
  int max_page = 0;         // no page is longer; 0: as long as the client likes
  bool offers_sync = true;  // names the Sync Request control in the root DSE
};

struct ProxyReply {
  std::vector<ber::Message> messages;
  bool close = false;  // the connection ends after them
  bool torn = false;   // and in the middle of the last one
};

// Thread-compatible; one per connection. One operation at a time, no persistent search.
class LdapResponder {
 public:
  // Sends a request to the real server and collects all that answers it; nullopt: lost, or
  // malformed.
  using Upstream = std::function<std::optional<std::vector<ber::Message>>(const ber::Message&)>;

  LdapResponder(const LdapBehaviour& behaviour, FaultPlan& plan, Upstream upstream)
      : behaviour_(behaviour), plan_(plan), upstream_(std::move(upstream)) {}

  ProxyReply Answer(ber::Message request);

 private:
  struct Range {
    size_t first = 0;
    std::optional<size_t> last;
  };
  using Ranges = std::map<std::string, Range>;  // by lowercase attribute
  struct SearchState {
    ber::SearchRequest search;
    Ranges ranges;
    bool paged = false, continued = false;
  };

  ProxyReply Pass(const ber::Message& request);
  std::optional<ProxyReply> Refuse(const ber::Message& request);
  ProxyReply Search(ber::Message request);
  SearchState Translate(ber::SearchRequest search, ber::Message& request);
  void TakeRanges(SearchState& state);
  void TakePage(SearchState& state, ber::Message& request);
  void KeepPersons(const SearchState& state, std::vector<ber::Message>& messages);
  void KeepMembers(std::vector<ber::Message>& messages);
  void Reshape(const SearchState& state, ber::Message& message);
  void Slice(const Range* wanted, ber::Entry& entry, size_t at);
  void Falsify(const SearchState& state, ProxyReply& reply);
  bool FalsifyPage(ProxyReply& reply);
  bool FalsifyEnd(ProxyReply& reply);

  const LdapBehaviour behaviour_;
  FaultPlan& plan_;
  const Upstream upstream_;
  int persons_seen_ = 0;  // over the pages of one search
};

}  // namespace muster

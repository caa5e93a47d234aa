#include "tests/integration/ldap_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace muster {
namespace {

constexpr char kPageOid[] = "1.2.840.113556.1.4.319";
constexpr char kSyncOid[] = "1.3.6.1.4.1.4203.1.9.1.1";
constexpr std::string_view kRange = "member;range=";

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// A page control whose cookie is not empty: "04 00" ends one that is.
bool IsFurtherPage(const Pdu& request) {
  return request.HasControl(kPageOid) &&
         request.controls.find(std::string("\x04\x00", 2)) == std::string::npos;
}

// "member;range=1500-*" -> 1500.
std::optional<size_t> RangeStart(const SearchOp& search) {
  for (const std::string& name : search.attributes) {
    if (!name.starts_with(kRange)) continue;
    size_t start = 0;
    std::from_chars(name.data() + kRange.size(), name.data() + name.size(), start);
    return start;
  }
  return std::nullopt;
}

bool Fits(LdapFault::Kind kind, const Pdu& request, const std::optional<SearchOp>& search) {
  if (kind == LdapFault::kClosedAfterModify) return request.op.tag == kModify;
  if (!search) return false;
  const bool one = search->scope() == 0, paged = request.HasControl(kPageOid);
  switch (kind) {
    case LdapFault::kPageClosed:
    case LdapFault::kPageControlMissing:
    case LdapFault::kPageCut:
      return paged;
    case LdapFault::kPageCookieLost:
      return IsFurtherPage(request);
    case LdapFault::kRangeMissing:
    case LdapFault::kRangeEndsEarly:
    case LdapFault::kRangeOverlaps:
    case LdapFault::kRangeRepeated:
      return RangeStart(*search).value_or(0) > 0;
    case LdapFault::kEntryLost:
      return !one;
    case LdapFault::kSyncRefused:
      return request.HasControl(kSyncOid);
    case LdapFault::kControlRefused:
      return paged || request.HasControl(kSyncOid);
    case LdapFault::kNoSuchObject:
      // Not the root entry, without which there is no server.
      return one && !search->head[0].body.empty();
    default:
      return true;
  }
}

// Every tenth, the first among them.
template <typename T>
std::vector<T> Tenth(const std::vector<T>& all) {
  std::vector<T> out;
  for (size_t i = 0; i < all.size(); i += 10) out.push_back(all[i]);
  return out;
}

}  // namespace

const char* LdapFault::Name(Kind kind) {
  constexpr const char* kNames[] = {"size limit",
                                    "time limit",
                                    "busy",
                                    "unwilling",
                                    "page closed",
                                    "no page control",
                                    "page cut",
                                    "cookie lost",
                                    "range missing",
                                    "range ends early",
                                    "range overlaps",
                                    "range repeated",
                                    "closed before",
                                    "closed midway",
                                    "closed before the result",
                                    "closed after a modify",
                                    "control refused",
                                    "sync refused",
                                    "empty success",
                                    "ten percent",
                                    "entry lost",
                                    "no such object"};
  static_assert(std::size(kNames) == kKinds);
  return kNames[kind];
}

// One client and its own connection to the server. One request at a time, as the adapter makes
// them.
class LdapProxy::Link {
 public:
  Link(LdapProxy* proxy, int client) : proxy_(*proxy), client_(client) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Link() {
    shutdown(client_, SHUT_RDWR);
    thread_.join();
    close(client_);
  }
  bool done() const { return done_; }

 private:
  void Run() {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);  // OpenSSL writes without MSG_NOSIGNAL
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    ssl_ = SSL_new(static_cast<SSL_CTX*>(proxy_.tls_));
    SSL_set_fd(ssl_, client_);
    server_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int now = 1;  // else each small answer waits 40 ms for the one before
    setsockopt(client_, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
    setsockopt(server_, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
    const sockaddr_in address = Loopback(proxy_.upstream_port_);
    if (SSL_accept(ssl_) == 1 &&
        connect(server_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      while (std::optional<Pdu> request = FromClient()) {
        if (!Serve(*std::move(request))) break;
      }
    }
    // No goodbye: that is what a broken connection is.
    SSL_free(ssl_);
    close(server_);
    shutdown(client_, SHUT_RDWR);
    done_ = true;
  }

  std::optional<Pdu> FromClient() {
    return Next(&from_client_,
                [&](char* to, size_t n) { return SSL_read(ssl_, to, static_cast<int>(n)); });
  }
  std::optional<Pdu> FromServer() {
    return Next(&from_server_,
                [&](char* to, size_t n) { return static_cast<int>(recv(server_, to, n, 0)); });
  }
  template <typename Read>
  static std::optional<Pdu> Next(std::string* buffer, const Read& read) {
    size_t size = 0;
    while ((size = PduSize(*buffer)) == 0) {
      char bytes[16'384];
      const int got = read(bytes, sizeof bytes);
      if (got <= 0) return std::nullopt;
      buffer->append(bytes, static_cast<size_t>(got));
    }
    std::optional<Pdu> pdu = ParsePdu(buffer->substr(0, size));
    buffer->erase(0, size);
    return pdu;
  }

  bool ToClient(const std::string& bytes) {
    return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  bool ToServer(const Pdu& pdu) {
    const std::string bytes = Encode(pdu);
    return send(server_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }

  // False: the connection ends.
  bool Serve(Pdu request) {
    if (request.op.tag == kUnbind) return false;
    if (request.op.tag == kAbandon) return ToServer(request);
    fault_ = proxy_.Meet(request);
    if (Is(LdapFault::kClosedBefore)) return false;
    if (const auto refused = Refusal(); refused != 0) {
      return ToClient(Encode(SearchResult(request, refused, "made to fail", "")));
    }
    if (Is(LdapFault::kEmptySuccess)) {
      const bool paged = request.HasControl(kPageOid);
      return ToClient(Encode(SearchResult(request, 0, "", paged ? LastPageControl() : "")));
    }
    if (proxy_.options_.page_size != 0) {
      request.controls = WithPageSize(request.controls, proxy_.options_.page_size);
    }
    range_start_.reset();
    if (std::optional<SearchOp> search = ParseSearch(request.op); search) {
      range_start_ = RangeStart(*search);
      if (proxy_.options_.auto_range != 0 && range_start_) {
        search->attributes = {"member"};
        request.op = Encode(*search);
      }
    }
    return ToServer(request) && Answer(request);
  }

  bool Is(LdapFault::Kind kind) const { return fault_ && fault_->kind == kind; }

  // Result code of a request that is not even passed on; 0: it is.
  int Refusal() const {
    if (Is(LdapFault::kBusy)) return 51;
    if (Is(LdapFault::kUnwilling) || Is(LdapFault::kPageCookieLost)) return 53;
    if (Is(LdapFault::kControlRefused) || Is(LdapFault::kSyncRefused)) return 12;
    if (Is(LdapFault::kNoSuchObject)) return 32;
    return 0;
  }

  bool CutsShort() const {
    return Is(LdapFault::kSizeLimit) || Is(LdapFault::kTimeLimit) || Is(LdapFault::kPageClosed) ||
           Is(LdapFault::kPageControlMissing) || Is(LdapFault::kPageCut);
  }

  bool Answer(const Pdu& request) {
    int entries = 0;
    while (std::optional<Pdu> reply = FromServer()) {
      if (reply->final()) return Finish(request, *reply);
      if (reply->op.tag == kEntry) {
        const int n = entries++;
        if (CutsShort() && n >= fault_->entries) continue;
        if (Is(LdapFault::kTenPercent) && n % 10 != 0) continue;
        if (Is(LdapFault::kEntryLost) && n == fault_->entries) continue;
        if (!Change(&*reply)) return false;
        if (Is(LdapFault::kClosedMidway) && n >= fault_->entries) {
          const std::string bytes = Encode(*reply);
          ToClient(bytes.substr(0, bytes.size() / 2));
          return false;
        }
      }
      if (!ToClient(Encode(*reply))) return false;
    }
    return false;
  }

  bool Finish(const Pdu& request, const Pdu& reply) {
    if (Is(LdapFault::kClosedBeforeResult) || Is(LdapFault::kPageClosed) ||
        Is(LdapFault::kClosedAfterModify) || Is(LdapFault::kClosedMidway)) {
      return false;
    }
    Pdu result = reply;
    if (Is(LdapFault::kSizeLimit)) result = SearchResult(request, 4, "", reply.controls);
    if (Is(LdapFault::kTimeLimit)) result = SearchResult(request, 3, "", reply.controls);
    if (Is(LdapFault::kPageControlMissing)) result.controls.clear();
    if (Is(LdapFault::kPageCut)) result.controls = LastPageControl();
    return ToClient(Encode(result));
  }

  // What Active Directory makes of a long list, and what a fault makes of it.
  bool Change(Pdu* reply) {
    std::optional<EntryOp> entry = ParseEntry(reply->op);
    if (!entry) return false;
    for (EntryOp::Attribute& attribute : entry->attributes) {
      if (attribute.name == "supportedControl" && !proxy_.options_.offers_sync) {
        std::erase(attribute.values, kSyncOid);
      }
      if (attribute.name != "member") continue;
      if (Is(LdapFault::kTenPercent)) attribute.values = Tenth(attribute.values);
      if (proxy_.options_.auto_range != 0) Slice(&attribute);
      if (Is(LdapFault::kRangeMissing)) attribute.values.clear();
    }
    reply->op = Encode(*entry);
    return true;
  }

  void Slice(EntryOp::Attribute* attribute) const {
    const size_t most = proxy_.options_.auto_range, all = attribute->values.size();
    size_t start = range_start_.value_or(0);
    if (!range_start_ && all <= most) return;
    size_t from = std::min(start, all), to = std::min(all, start + most);
    std::string last = to == all ? "*" : std::to_string(to - 1);
    if (Is(LdapFault::kRangeEndsEarly)) {
      to = from;
      last = "*";
    } else if (Is(LdapFault::kRangeOverlaps) && from > 0) {
      start = --from;
    } else if (Is(LdapFault::kRangeRepeated)) {
      const size_t back = std::min(from, most);
      from -= back;
      to -= back;
    }
    attribute->values = {attribute->values.begin() + static_cast<ptrdiff_t>(from),
                         attribute->values.begin() + static_cast<ptrdiff_t>(std::max(from, to))};
    attribute->name = std::string(kRange) + std::to_string(start) + "-" + last;
  }

  LdapProxy& proxy_;
  const int client_;
  int server_ = -1;
  SSL* ssl_ = nullptr;
  std::string from_client_, from_server_;
  std::optional<LdapFault> fault_;
  std::optional<size_t> range_start_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<LdapProxy>> LdapProxy::Start(const Slapd& slapd,
                                                            const Options& options) {
  std::unique_ptr<LdapProxy> proxy(new LdapProxy());
  proxy->options_ = options;
  proxy->upstream_port_ = slapd.ldap_port();
  SSL_CTX* const tls = SSL_CTX_new(TLS_server_method());
  proxy->tls_ = tls;
  if (SSL_CTX_use_certificate_chain_file(tls, (slapd.folder() + "/server.pem").c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls, (slapd.folder() + "/server.key").c_str(),
                                  SSL_FILETYPE_PEM) != 1) {
    return absl::InternalError("the server's certificate cannot be used");
  }
  proxy->listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(proxy->listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(proxy->listener_, 16) != 0 ||
      getsockname(proxy->listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return absl::InternalError("cannot listen");
  }
  proxy->port_ = ntohs(address.sin_port);
  proxy->acceptor_ = std::thread([p = proxy.get()] { p->Accept(); });
  return proxy;
}

LdapProxy::~LdapProxy() {
  ending_ = true;
  shutdown(listener_, SHUT_RDWR);
  if (acceptor_.joinable()) acceptor_.join();
  close(listener_);
  std::list<std::unique_ptr<Link>> links;
  {
    MutexLock lock(&mu_);
    links.swap(links_);
  }
  links.clear();
  SSL_CTX_free(static_cast<SSL_CTX*>(tls_));
}

void LdapProxy::Accept() {
  while (!ending_) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    MutexLock lock(&mu_);
    links_.remove_if([](const std::unique_ptr<Link>& link) { return link->done(); });
    links_.push_back(std::make_unique<Link>(this, client));
  }
}

std::string LdapProxy::uri() const { return "ldaps://127.0.0.1:" + std::to_string(port_); }

void LdapProxy::SetFaults(std::vector<LdapFault> faults) {
  MutexLock lock(&mu_);
  faults_.clear();
  for (const LdapFault& fault : faults) faults_.push_back({fault, 0});
}

std::map<LdapFault::Kind, int> LdapProxy::fired() const {
  MutexLock lock(&mu_);
  return fired_;
}

std::optional<LdapFault> LdapProxy::Meet(const Pdu& request) {
  const std::optional<SearchOp> search = ParseSearch(request.op);
  MutexLock lock(&mu_);
  std::optional<LdapFault> met;
  for (Armed& armed : faults_) {
    if (!Fits(armed.fault.kind, request, search)) continue;
    const int n = armed.seen++;
    const bool lasts = armed.fault.kind == LdapFault::kTenPercent;
    if (met || n < armed.fault.nth || (n > armed.fault.nth && !lasts)) continue;
    met = armed.fault;
    ++fired_[met->kind];
  }
  return met;
}

}  // namespace muster

#include "tests/integration/ldap_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "tests/integration/ber.h"

namespace muster {
namespace {

constexpr size_t kRead = 64 << 10;
constexpr size_t kMaxAnswers = 1'000'000;  // of one operation

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

void NoDelay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int ConnectTo(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  NoDelay(fd);
  return fd;
}

// Cuts a stream of bytes into messages.
class MessageReader {
 public:
  using Read = std::function<int(char* to, int most)>;  // as read(2)
  explicit MessageReader(Read read) : read_(std::move(read)) {}

  // nullopt: the end, or no LDAP.
  std::optional<ber::Message> Next() {
    while (true) {
      const absl::string_view rest = absl::string_view(bytes_).substr(at_);
      const std::optional<size_t> size = ber::MessageSize(rest);
      if (!size) return std::nullopt;
      if (*size != 0 && rest.size() >= *size) {
        at_ += *size;
        return ber::ParseMessage(rest.substr(0, *size));
      }
      if (!More()) return std::nullopt;
    }
  }

 private:
  bool More() {
    bytes_.erase(0, at_);
    at_ = 0;
    const size_t had = bytes_.size();
    bytes_.resize(had + kRead);
    const int got = read_(bytes_.data() + had, static_cast<int>(kRead));
    bytes_.resize(had + static_cast<size_t>(got > 0 ? got : 0));
    return got > 0;
  }

  const Read read_;
  std::string bytes_;
  size_t at_ = 0;
};

bool SendAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool HasNoAnswer(const ber::Message& request) {
  return request.op == ber::kAbandon || request.op == ber::kUnbind;
}

bool IsPartOfSearch(uint8_t op) {
  return op == ber::kEntry || op == ber::kReference || op == ber::kIntermediate;
}

// Asks the real server one thing at a time.
class Upstream {
 public:
  explicit Upstream(int fd)
      : fd_(fd), reader_([fd](char* to, int most) {
          return static_cast<int>(read(fd, to, static_cast<size_t>(most)));
        }) {}

  std::optional<std::vector<ber::Message>> Ask(const ber::Message& request) {
    std::vector<ber::Message> answers;
    if (!SendAll(fd_, ber::Encode(request))) return std::nullopt;
    if (HasNoAnswer(request)) return answers;
    while (answers.size() < kMaxAnswers) {
      std::optional<ber::Message> next = reader_.Next();
      if (!next || next->id != request.id) return std::nullopt;
      answers.push_back(*std::move(next));
      if (!IsPartOfSearch(answers.back().op)) return answers;
    }
    return std::nullopt;
  }

 private:
  const int fd_;
  MessageReader reader_;
};

std::string Bytes(const ProxyReply& reply) {
  std::string out, last;
  for (const ber::Message& message : reply.messages) {
    last = ber::Encode(message);
    out += last;
  }
  if (reply.torn) out.resize(out.size() - last.size() / 2);
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LdapProxy>> LdapProxy::Start(const Slapd& slapd,
                                                            const LdapBehaviour& behaviour) {
  std::unique_ptr<LdapProxy> proxy(new LdapProxy());
  proxy->SetBehaviour(behaviour);
  MUSTER_RETURN_IF_ERROR(proxy->Open(slapd));
  proxy->acceptor_ = std::thread([p = proxy.get()] { p->Accept(); });
  return proxy;
}

absl::Status LdapProxy::Open(const Slapd& slapd) {
  server_port_ = slapd.ldap_port();
  tls_.reset(SSL_CTX_new(TLS_server_method()));
  const std::string certificate = slapd.folder() + "/server.pem";
  const std::string key = slapd.folder() + "/server.key";
  if (tls_ == nullptr || SSL_CTX_use_certificate_chain_file(tls_.get(), certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls_.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return absl::InternalError(absl::StrCat("cannot use the certificate ", certificate));
  }
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      listen(listener_, SOMAXCONN) != 0) {
    return absl::InternalError("the fault proxy finds no port to listen on");
  }
  port_ = ntohs(address.sin_port);
  return absl::OkStatus();
}

LdapProxy::~LdapProxy() {
  stopping_ = true;
  if (listener_ >= 0) shutdown(listener_, SHUT_RDWR);
  if (acceptor_.joinable()) acceptor_.join();
  if (listener_ >= 0) close(listener_);
  MutexLock lock(&mu_);
  for (Connection& connection : connections_) connection.End();
  connections_.clear();
}

LdapProxy::Connection::~Connection() {
  if (thread.joinable()) thread.join();
  if (client >= 0) close(client);
  if (server >= 0) close(server);
}

void LdapProxy::Connection::End() {
  if (client >= 0) shutdown(client, SHUT_RDWR);
  if (server >= 0) shutdown(server, SHUT_RDWR);
}

std::string LdapProxy::uri() const { return absl::StrCat("ldaps://127.0.0.1:", port_); }

void LdapProxy::SetBehaviour(const LdapBehaviour& behaviour) {
  MutexLock lock(&mu_);
  behaviour_ = behaviour;
}

void LdapProxy::Reap() {
  connections_.remove_if([](const Connection& connection) { return connection.done.load(); });
}

void LdapProxy::Accept() {
  while (!stopping_) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;  // aborted by its client, or stopping
    MutexLock lock(&mu_);
    Reap();
    Connection& connection = connections_.emplace_back();
    connection.client = client;
    connection.server = ConnectTo(server_port_);
    NoDelay(client);
    connection.thread = std::thread([this, &connection, behaviour = behaviour_] {
      sigset_t pipe;
      sigemptyset(&pipe);
      sigaddset(&pipe, SIGPIPE);  // OpenSSL writes without MSG_NOSIGNAL
      pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
      Serve(connection, behaviour);
      connection.End();
      connection.done = true;
    });
  }
}

void LdapProxy::Serve(Connection& connection, const LdapBehaviour& behaviour) {
  if (connection.server < 0) return;
  const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(tls_.get()), &SSL_free);
  SSL_set_fd(tls.get(), connection.client);
  if (SSL_accept(tls.get()) != 1) return;
  MessageReader requests([&](char* to, int most) { return SSL_read(tls.get(), to, most); });
  Upstream upstream(connection.server);
  LdapResponder responder(behaviour, plan_,
                          [&](const ber::Message& request) { return upstream.Ask(request); });
  while (std::optional<ber::Message> request = requests.Next()) {
    const ProxyReply reply = responder.Answer(*std::move(request));
    const std::string bytes = Bytes(reply);
    if (!bytes.empty() && SSL_write(tls.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0) {
      return;
    }
    if (reply.close) return;
  }
}

}  // namespace muster

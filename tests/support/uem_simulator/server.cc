#include "tests/support/uem_simulator/server.h"

#include <atomic>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <list>
#include <sstream>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/bridge_limits.h"
#include "common/mutex.h"
#include "tests/support/uem_simulator/server_events.h"

namespace muster::uemsim {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using Response = http::response<http::string_body>;

constexpr size_t kMaxRequestBytes = size_t{4} << 20;
constexpr absl::Duration kEventsEvery = absl::Milliseconds(200);

class LoopbackServer final : public Server {
 public:
  LoopbackServer(const ServerOptions& options, Simulator* simulator)
      : options_(options), simulator_(simulator), acceptor_(context_) {}

  absl::Status Start();
  ~LoopbackServer() override;
  uint16_t port() const override { return port_; }

 private:
  struct Connection {
    explicit Connection(Tcp::socket s) : socket(std::move(s)) {}
    Tcp::socket socket;
    std::atomic<bool> done = false;
    std::thread thread;
  };

  void Accept();
  void Serve(Connection* connection);
  template <typename Stream>
  void Talk(Stream* stream);
  // False: the connection ends.
  template <typename Stream>
  bool Answer(Stream* stream, const http::request<http::string_body>& request);
  void Sweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Pause(absl::Duration time);  // false: it stops
  void RunEvents();

  const ServerOptions options_;
  Simulator* const simulator_;
  asio::io_context context_;
  std::unique_ptr<asio::ssl::context> tls_;
  Tcp::acceptor acceptor_;
  uint16_t port_ = 0;
  std::thread accepting_, events_;
  Mutex mu_;
  CondVar stopped_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::list<std::unique_ptr<Connection>> connections_ ABSL_GUARDED_BY(mu_);
};

absl::Status LoopbackServer::Start() {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options_.address, error);
  if (error || !address.is_loopback()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options_.address, " is no loopback address; the simulator has no other"));
  }
  if (!options_.certificate_file.empty()) {
    tls_ = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
    tls_->use_certificate_chain_file(options_.certificate_file, error);
    if (!error) tls_->use_private_key_file(options_.key_file, asio::ssl::context::pem, error);
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat("certificate or key: ", error.message()));
    }
  }
  const Tcp::endpoint endpoint(address, options_.port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot listen: ", error.message()));
  port_ = acceptor_.local_endpoint(error).port();
  accepting_ = std::thread([this] { Accept(); });
  events_ = std::thread([this] { RunEvents(); });
  return absl::OkStatus();
}

LoopbackServer::~LoopbackServer() {
  std::list<std::unique_ptr<Connection>> connections;
  {
    MutexLock lock(&mu_);
    stop_ = true;
  }
  stopped_.NotifyAll();
  ::shutdown(acceptor_.native_handle(), SHUT_RDWR);  // wakes accept()
  if (accepting_.joinable()) accepting_.join();
  if (events_.joinable()) events_.join();
  {
    MutexLock lock(&mu_);
    connections.swap(connections_);
  }
  for (auto& connection : connections) {
    ::shutdown(connection->socket.native_handle(), SHUT_RDWR);
    connection->thread.join();
  }
}

void LoopbackServer::Sweep() {
  for (auto it = connections_.begin(); it != connections_.end();) {
    if ((*it)->done) {
      (*it)->thread.join();
      it = connections_.erase(it);
    } else {
      ++it;
    }
  }
}

void LoopbackServer::Accept() {
  for (;;) {
    boost::system::error_code error;
    Tcp::socket socket(context_);
    acceptor_.accept(socket, error);
    MutexLock lock(&mu_);
    if (stop_) return;
    if (error) continue;
    Sweep();
    if (connections_.size() >= kMaxConnections) continue;  // closes it
    connections_.push_back(std::make_unique<Connection>(std::move(socket)));
    Connection* connection = connections_.back().get();
    connection->thread = std::thread([this, connection] { Serve(connection); });
  }
}

void LoopbackServer::Serve(Connection* connection) {
  boost::system::error_code error;
  if (tls_ == nullptr) {
    Talk(&connection->socket);
  } else {
    asio::ssl::stream<Tcp::socket&> stream(connection->socket, *tls_);
    stream.handshake(asio::ssl::stream_base::server, error);
    if (!error) Talk(&stream);
  }
  connection->socket.shutdown(Tcp::socket::shutdown_both, error);
  connection->done = true;
}

template <typename Stream>
void LoopbackServer::Talk(Stream* stream) {
  boost::beast::flat_buffer buffer;
  for (;;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxRequestBytes);
    boost::system::error_code error;
    http::read(*stream, buffer, parser, error);
    if (error || !Answer(stream, parser.get())) return;
  }
}

Response Encoded(const bridge::HttpResponse& answer, bool keep_alive) {
  Response response;
  response.result(static_cast<unsigned>(answer.status));
  response.version(11);
  for (const auto& [name, value] : answer.headers) response.insert(name, value);
  response.body() = answer.body;
  response.keep_alive(keep_alive);
  response.prepare_payload();
  if (answer.status == 204) response.erase(http::field::content_length);
  return response;
}

template <typename Stream>
bool LoopbackServer::Answer(Stream* stream, const http::request<http::string_body>& request) {
  bridge::HttpRequest in;
  in.method = std::string(request.method_string());
  in.url = std::string(request.target());
  in.body = request.body();
  for (const auto& field : request) {
    in.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  boost::system::error_code error;
  if (absl::StartsWith(in.url, "/simulator/")) {
    http::write(*stream, Encoded(simulator_->Control(in), request.keep_alive()), error);
    return !error && request.keep_alive();
  }
  const Simulator::Exchange exchange = simulator_->Handle(in);
  if (!Pause(exchange.latency) || !exchange.answer.ok()) return false;
  const Response response = Encoded(*exchange.answer, request.keep_alive());
  if (exchange.cut) {
    // The whole length is promised, and half of the body comes.
    std::ostringstream whole;
    whole << response;
    const std::string text = whole.str();
    asio::write(*stream, asio::buffer(text.data(), text.size() - response.body().size() / 2),
                error);
    return false;
  }
  http::write(*stream, response, error);
  return !error && request.keep_alive();
}

bool LoopbackServer::Pause(absl::Duration time) {
  const SystemClock clock;
  const absl::Time end = clock.Now() + time;
  MutexLock lock(&mu_);
  for (absl::Time now = clock.Now(); !stop_ && now < end; now = clock.Now()) {
    stopped_.WaitFor(&mu_, end - now);
  }
  return !stop_;
}

void LoopbackServer::RunEvents() {
  while (Pause(kEventsEvery)) {
    for (const SimEvent& event : simulator_->TakeEvents()) {
      PostEvent(event, options_.events_ca_file);
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::New(const ServerOptions& options,
                                                    Simulator* simulator) {
  auto server = std::make_unique<LoopbackServer>(options, simulator);
  const absl::Status started = server->Start();
  if (!started.ok()) return started;
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace muster::uemsim

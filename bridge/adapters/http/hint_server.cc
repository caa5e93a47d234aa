#include "bridge/adapters/http/hint_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bridge/adapters/http/hint_event.h"
#include "bridge/adapters/http/hint_session.h"

namespace muster::bridge {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Error = boost::beast::error_code;

// After a failed accept (no descriptors): not at once again.
constexpr std::chrono::milliseconds kAcceptPause{100};

absl::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

HintResponse Plain(http::status status, absl::string_view text) {
  HintResponse out{status, 11};
  out.set(http::field::content_type, "text/plain");
  out.keep_alive(false);
  out.body() = absl::StrCat(text, "\n");
  out.prepare_payload();
  return out;
}

class Server final : public HintServer {
 public:
  explicit Server(HintOptions options)
      : options_(std::move(options)), acceptor_(io_), pause_(io_) {}

  ~Server() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Open(const asio::ip::address& address) {
    if (!options_.certificate_file.empty()) {
      absl::Status loaded = LoadCertificate();
      if (!loaded.ok()) return loaded;
    }
    const tcp::endpoint at(address, static_cast<uint16_t>(options_.port));
    Error error;
    acceptor_.open(at.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(at, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(absl::StrCat("cannot listen for hints on ", options_.address,
                                                 ":", options_.port, ": ", error.message()));
    }
    port_ = acceptor_.local_endpoint(error).port();
    Accept();
    thread_ = std::thread([this] { io_.run(); });
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  absl::Status LoadCertificate() {
    Error error;
    tls_.emplace(asio::ssl::context::tls_server);
    tls_->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1 |
                          asio::ssl::context::no_sslv3,
                      error);
    tls_->use_certificate_chain_file(options_.certificate_file, error);
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat(
          "cannot use the certificate in ", options_.certificate_file, ": ", error.message()));
    }
    tls_->use_private_key(asio::buffer(options_.key_pem), asio::ssl::context::pem, error);
    if (error) {
      return absl::InvalidArgumentError(absl::StrCat("cannot use the key of the certificate in ",
                                                     options_.certificate_file, ": ",
                                                     error.message()));
    }
    return absl::OkStatus();
  }

  void Accept() {
    acceptor_.async_accept([this](Error error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error) Serve(std::move(socket));
      if (!error) return Accept();
      pause_.expires_after(kAcceptPause);
      pause_.async_wait([this](Error stopped) {
        if (!stopped) Accept();
      });
    });
  }

  void Serve(tcp::socket socket) {
    if (open_.use_count() > static_cast<long>(limits::kMaxHintConnections)) return;
    // Every session holds a copy: the copies are the count.
    std::shared_ptr<void> counted = open_;
    if (tls_.has_value()) {
      std::make_shared<HintSession<kTls>>(&options_, std::move(counted), std::move(socket), *tls_)
          ->Run();
    } else {
      std::make_shared<HintSession<kPlain>>(&options_, std::move(counted), std::move(socket))
          ->Run();
    }
  }

  const HintOptions options_;
  const std::shared_ptr<void> open_ = std::make_shared<int>(0);
  std::optional<asio::ssl::context> tls_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace

HintResponse RefuseHint(http::status status) {
  return Plain(status, "this is no event that can be read");
}

HintResponse AnswerHint(const HintOptions& options, const HintRequest& request) {
  if (!IsBasicAuth(View(request[http::field::authorization]), options.user, options.password)) {
    HintResponse out = Plain(http::status::unauthorized, "user or password is wrong");
    out.set(http::field::www_authenticate, "Basic realm=\"muster-bridge\"");
    return out;
  }
  if (request.method() == http::verb::get) return Plain(http::status::ok, "muster-bridge");
  if (request.method() != http::verb::post) {
    return Plain(http::status::method_not_allowed, "GET to test, POST for an event");
  }
  const absl::string_view type = View(request[http::field::content_type]);
  if (!type.empty() && !absl::StrContains(type, "json")) {
    return Plain(http::status::unsupported_media_type,
                 "set the format of the notification to JSON");
  }
  const auto id = UemIdOfEvent(request.body());
  if (!id.has_value()) return RefuseHint(http::status::bad_request);
  options.on_hint(*id);
  return Plain(http::status::ok, "ok");
}

absl::StatusOr<std::unique_ptr<HintServer>> HintServer::Start(HintOptions options) {
  Error error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("hints: '", options.address, "' is no IP address to listen on"));
  }
  if (options.port < 0 || options.port > 65'535) {
    return absl::InvalidArgumentError(absl::StrCat("hints: no port ", options.port));
  }
  if (options.user.empty() || options.password.empty() || !options.on_hint) {
    return absl::InvalidArgumentError("hints: a user and a password are needed");
  }
  if (options.certificate_file.empty() != options.key_pem.empty()) {
    return absl::InvalidArgumentError(
        "hints: a certificate needs its key, and a key its "
        "certificate");
  }
  if (options.certificate_file.empty() && !address.is_loopback()) {
    return absl::InvalidArgumentError(
        "hints: without a certificate the password would cross the network in the clear; give "
        "certificate_file and key_file, or listen on 127.0.0.1");
  }
  auto server = std::make_unique<Server>(std::move(options));
  const absl::Status opened = server->Open(address);
  if (!opened.ok()) return opened;
  return server;
}

}  // namespace muster::bridge

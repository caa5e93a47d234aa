// One connection to the hint server, over TLS or plain. Belongs to hint_server.cc.
#pragma once

#include <boost/asio/dispatch.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "bridge/adapters/http/hint_server.h"
#include "common/bridge_limits.h"

namespace muster::bridge {

using HintRequest = boost::beast::http::request<boost::beast::http::string_body>;
using HintResponse = boost::beast::http::response<boost::beast::http::string_body>;

// What a whole request is answered; gives out the hint.
HintResponse AnswerHint(const HintOptions& options, const HintRequest& request);
// The same for one that could not be read: too large, or no HTTP.
HintResponse RefuseHint(boost::beast::http::status status);

inline constexpr bool kPlain = false;
inline constexpr bool kTls = true;

// One request, one answer, then it closes. Keeps itself alive while something is under way; all
// of it runs on the server's one thread.
template <bool tls>
class HintSession : public std::enable_shared_from_this<HintSession<tls>> {
 public:
  using Tcp = boost::beast::tcp_stream;
  using Stream = std::conditional_t<tls, boost::beast::ssl_stream<Tcp>, Tcp>;
  using Error = boost::beast::error_code;

  template <typename... Args>
  HintSession(const HintOptions* options, std::shared_ptr<void> counted, Args&&... args)
      : options_(options), counted_(std::move(counted)), stream_(std::forward<Args>(args)...) {}

  void Run() {
    boost::beast::get_lowest_layer(stream_).expires_after(
        std::chrono::seconds(absl::ToInt64Seconds(limits::kHintTime)));
    if constexpr (tls) {
      stream_.async_handshake(boost::asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](Error error) {
                                if (!error) self->Read();
                              });
    } else {
      Read();
    }
  }

 private:
  void Read() {
    parser_.header_limit(static_cast<uint32_t>(limits::kMaxHintHeaderBytes));
    parser_.body_limit(limits::kMaxHintBytes);
    boost::beast::http::async_read(
        stream_, buffer_, parser_,
        [self = this->shared_from_this()](Error error, size_t) { self->OnRead(error); });
  }

  void OnRead(Error error) {
    namespace http = boost::beast::http;
    if (!error) return Write(AnswerHint(*options_, parser_.get()));
    if (error == http::error::body_limit) return Write(RefuseHint(http::status::payload_too_large));
    if (error == http::error::header_limit) {
      return Write(RefuseHint(http::status::request_header_fields_too_large));
    }
    if (error.category() == make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream) {
      Write(RefuseHint(http::status::bad_request));
    }
  }

  void Write(HintResponse response) {
    response_ = std::move(response);
    boost::beast::http::async_write(
        stream_, response_,
        [self = this->shared_from_this()](Error error, size_t) { self->OnWritten(error); });
  }

  void OnWritten(Error error) {
    if (error) return;
    if constexpr (tls) {
      stream_.async_shutdown([self = this->shared_from_this()](Error) {});
    } else {
      Error ignored;
      stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
    }
  }

  const HintOptions* const options_;
  const std::shared_ptr<void> counted_;
  Stream stream_;
  boost::beast::flat_buffer buffer_{limits::kMaxHintBytes + limits::kMaxHintHeaderBytes};
  boost::beast::http::request_parser<boost::beast::http::string_body> parser_;
  HintResponse response_;
};

}  // namespace muster::bridge

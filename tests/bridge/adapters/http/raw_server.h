// A server on loopback that says exactly the bytes it was told, and keeps what it was sent.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/mutex.h"

namespace muster::bridge {

class RawServer {
 public:
  // `answer`: to every request; empty: it closes at once. `hang`: it never answers.
  explicit RawServer(std::string answer, bool hang = false)
      : answer_(std::move(answer)), hang_(hang) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~RawServer() {
    stop_ = true;
    thread_.join();
    close(listener_);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  int connections() const { return connections_; }
  std::vector<std::string> requests() {
    const MutexLock lock(&mu_);
    return requests_;
  }

 private:
  bool Wait(int fd) const {
    while (!stop_) {
      pollfd one{fd, POLLIN, 0};
      if (poll(&one, 1, 20) > 0) return true;
    }
    return false;
  }

  void Run() {
    while (Wait(listener_)) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++connections_;
      Serve(fd);
      close(fd);
    }
  }

  // One connection after the other; a client that opens a second one has left the first.
  void Serve(int fd) {
    std::string got;
    while (true) {
      pollfd both[] = {{fd, POLLIN, 0}, {listener_, POLLIN, 0}};
      if (stop_) return;
      if (poll(both, 2, 20) <= 0) continue;
      if (both[0].revents == 0) return;
      char buffer[4'096];
      const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
      if (n <= 0) return;
      got.append(buffer, static_cast<size_t>(n));
      if (!IsWhole(got)) continue;
      {
        const MutexLock lock(&mu_);
        requests_.push_back(std::exchange(got, ""));
      }
      if (hang_) continue;
      if (answer_.empty()) return;
      if (send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  static bool IsWhole(const std::string& request) {
    const size_t end = request.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const size_t field = request.find("Content-Length: ");
    size_t length = 0;
    if (field != std::string::npos && field < end) {
      const size_t from = field + 16;
      (void)absl::SimpleAtoi(request.substr(from, request.find('\r', from) - from), &length);
    }
    return request.size() >= end + 4 + length;
  }

  const std::string answer_;
  const bool hang_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<int> connections_ = 0;
  Mutex mu_;
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace muster::bridge

#include "tests/integration/raw_client.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/integration/process.h"

namespace muster {
namespace {

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::shared_ptr<grpc::Channel> MakeChannel(const RawPeer& peer) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = ReadWhole(peer.ca);
  if (!peer.certificate.empty()) {
    tls.pem_cert_chain = ReadWhole(peer.certificate);
    tls.pem_private_key = ReadWhole(peer.key);
  }
  return grpc::CreateChannel(peer.server, grpc::SslCredentials(tls));
}

void SetDeadline(grpc::ClientContext& context, int seconds) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
}

// Waits for the one operation that is under way; false: it failed or the stream ended.
bool Next(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  return queue.Next(&tag, &ok) && ok;
}

// Runs `call` in a child; its status comes back as one byte of code and the message.
absl::Status InChild(const std::function<grpc::Status()>& call) {
  int out[2];
  if (pipe(out) != 0) return absl::InternalError("no pipe");
  const pid_t pid = fork();
  if (pid == 0) {
    const grpc::Status status = call();
    const std::string text =
        std::string(1, static_cast<char>(status.error_code())) + status.error_message();
    const ssize_t written = write(out[1], text.data(), text.size());
    _exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(out[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(out[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  close(out[0]);
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0 || text.empty()) {
    return absl::InternalError(absl::StrCat("the calling process ended with ", status));
  }
  return absl::Status(static_cast<absl::StatusCode>(text[0]), text.substr(1));
}

}  // namespace

absl::Status RawCall(const RawPeer& peer, const std::string& method, const std::string& request) {
  return InChild([&] {
    grpc::GenericStub stub(MakeChannel(peer));
    grpc::ClientContext context;
    SetDeadline(context, 20);
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareUnaryCall(&context, method, ToBuffer(request), &queue);
    grpc::ByteBuffer reply;
    grpc::Status status;
    call->StartCall();
    call->Finish(&reply, &status, nullptr);
    Next(queue);
    return status;
  });
}

absl::Status RawStream(const RawPeer& peer, const std::string& method,
                       const std::vector<std::string>& messages, int seconds) {
  return InChild([&] {
    grpc::GenericStub stub(MakeChannel(peer));
    grpc::ClientContext context;
    SetDeadline(context, seconds);
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareCall(&context, method, &queue);
    call->StartCall(nullptr);
    bool open = Next(queue);
    for (const std::string& message : messages) {
      if (!open) break;
      call->Write(ToBuffer(message), nullptr);
      open = Next(queue);
    }
    grpc::ByteBuffer reply;
    for (;;) {
      call->Read(&reply, nullptr);
      if (!Next(queue)) break;
    }
    grpc::Status status;
    call->Finish(&status, nullptr);
    Next(queue);
    return status;
  });
}

}  // namespace muster

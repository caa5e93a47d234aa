#include "tests/integration/raw_client.h"

#include <fcntl.h>
#include <grpc/grpc_security.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/integration/process.h"

namespace muster {
namespace {

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::shared_ptr<grpc::Channel> MakeChannel(const RawPeer& peer,
                                           const grpc::ChannelArguments& args = {}) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = ReadWhole(peer.ca);
  if (!peer.certificate.empty()) {
    tls.pem_cert_chain = ReadWhole(peer.certificate);
    tls.pem_private_key = ReadWhole(peer.key);
  }
  return grpc::CreateCustomChannel(peer.server, grpc::SslCredentials(tls), args);
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

// A process that makes calls and says what came of them.
struct Child {
  pid_t pid = -1;
  int out = -1;  // its results
  int go = -1;   // a byte lets it go on
};

Child StartChild(const std::function<void(int out, int go)>& calls) {
  int out[2], go[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(go, O_CLOEXEC) != 0) return {};
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    calls(out[1], go[0]);
    _exit(0);
  }
  close(out[1]);
  close(go[0]);
  return {pid, out[0], go[1]};
}

// One result: a byte for its code, one for a resumed session, the message, a zero.
void Tell(int out, const grpc::Status& status, bool resumed = false) {
  std::string text = {static_cast<char>(status.error_code()), resumed ? '1' : '0'};
  absl::StrAppend(&text, status.error_message(), absl::string_view("\0", 1));
  if (write(out, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(1);
}

RawResult Hear(int out) {
  std::string text;
  char byte = 0;
  while (read(out, &byte, 1) == 1) {
    // The code may be a zero itself.
    if (byte == 0 && text.size() >= 2) {
      return {absl::Status(static_cast<absl::StatusCode>(text[0]), text.substr(2)), text[1] == '1'};
    }
    text += byte;
  }
  return {absl::InternalError("the calling process ended without a result")};
}

void End(const Child& child) {
  close(child.out);
  close(child.go);
  if (child.pid <= 0) return;  // -1 would be every process there is
  kill(child.pid, SIGKILL);
  waitpid(child.pid, nullptr, 0);
}

absl::Status InChild(const std::function<grpc::Status()>& call) {
  const Child child = StartChild([&](int out, int) { Tell(out, call()); });
  absl::Status status = Hear(child.out).status;
  End(child);
  return status;
}

struct StreamEnd {
  grpc::Status status;
  bool resumed = false;
};

// Reads until the server ends it, or at most `reads` messages.
StreamEnd RunStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                    const std::vector<std::string>& messages, int seconds, int reads) {
  grpc::GenericStub stub(channel);
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
  for (; reads > 0; --reads) {
    call->Read(&reply, nullptr);
    if (!Next(queue)) break;
  }
  StreamEnd out;
  for (const grpc::string_ref& value :
       context.auth_context()->FindPropertyValues(GRPC_SSL_SESSION_REUSED_PROPERTY)) {
    out.resumed = value == "true";
  }
  if (reads == 0) context.TryCancel();
  call->Finish(&out.status, nullptr);
  Next(queue);
  return out;
}

constexpr int kToTheEnd = std::numeric_limits<int>::max();

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
  return RawBackgroundStream(peer, method, messages, seconds).Wait();
}

RawBackgroundStream::RawBackgroundStream(const RawPeer& peer, const std::string& method,
                                         const std::vector<std::string>& messages, int seconds) {
  const Child child = StartChild([&](int out, int) {
    Tell(out, RunStream(MakeChannel(peer), method, messages, seconds, kToTheEnd).status);
  });
  close(child.go);
  pid_ = child.pid;
  out_ = child.out;
}

RawBackgroundStream::~RawBackgroundStream() { End({pid_, out_}); }

absl::Status RawBackgroundStream::Wait() { return Hear(out_).status; }

RawTwice RawStreamTwice(const RawPeer& peer, const std::string& method,
                        const std::vector<std::string>& messages,
                        const std::function<void()>& between) {
  const Child child = StartChild([&](int out, int go) {
    grpc_ssl_session_cache* cache = grpc_ssl_session_cache_create_lru(8);
    const grpc_arg shared = grpc_ssl_session_cache_create_channel_arg(cache);
    for (const bool last : {false, true}) {
      grpc::ChannelArguments args;
      args.SetPointerWithVtable(shared.key, shared.value.pointer.p, shared.value.pointer.vtable);
      // Else the second stream would take the first one's connection.
      args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      const StreamEnd end = RunStream(MakeChannel(peer, args), method, messages, 20, 1);
      Tell(out, end.status, end.resumed);
      char byte = 0;
      if (!last && read(go, &byte, 1) != 1) break;
    }
    grpc_ssl_session_cache_destroy(cache);
  });
  RawTwice out;
  out.first = Hear(child.out);
  between();
  if (write(child.go, "g", 1) == 1) out.second = Hear(child.out);
  End(child);
  return out;
}

}  // namespace muster

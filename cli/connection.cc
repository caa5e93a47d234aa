#include "cli/connection.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

absl::Status ParseReply(const grpc::ByteBuffer& buffer, google::protobuf::Message* response) {
  grpc::Slice slice;
  if (!buffer.DumpToSingleSlice(&slice).ok() ||
      !response->ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
    return absl::InternalError("the controller's answer cannot be read");
  }
  return absl::OkStatus();
}

class GrpcAdminClient final : public AdminClient {
 public:
  GrpcAdminClient(std::string server, std::shared_ptr<grpc::Channel> channel, std::string token,
                  absl::Duration timeout)
      : server_(std::move(server)),
        stub_(std::move(channel)),
        token_(std::move(token)),
        timeout_(timeout) {}

  absl::Status Call(const std::string& method, const google::protobuf::Message& request,
                    google::protobuf::Message* response) override {
    MUSTER_RETURN_IF_ERROR(CheckMethod(method, request, *response));
    absl::Status status = CallOnce(method, request, response);
    // Asking again is safe where nothing is changed.
    for (int i = 0; i < kReadRetries && Broken(status) && OnlyReads(method); ++i) {
      status = CallOnce(method, request, response);
    }
    return Broken(status) ? BrokenError() : status;
  }

 private:
  static constexpr int kReadRetries = 2;

  // What gRPC 1.51 says, with code UNKNOWN, when a stream ends without the server's status.
  static bool Broken(const absl::Status& status) {
    return status.code() == absl::StatusCode::kUnknown && status.message() == "Stream removed";
  }
  static bool OnlyReads(absl::string_view method) {
    return absl::StartsWith(method, "Get") || absl::StartsWith(method, "List") ||
           absl::StartsWith(method, "Explain") || absl::StartsWith(method, "Read") ||
           absl::StartsWith(method, "Prove");
  }
  absl::Status BrokenError() const {
    return absl::DeadlineExceededError(absl::StrCat("the connection to the controller at ", server_,
                                                    " broke before its answer came"));
  }

  absl::Status CallOnce(const std::string& method, const google::protobuf::Message& request,
                        google::protobuf::Message* response) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(SystemClock().Now() + timeout_));
    if (!token_.empty()) context.AddMetadata("authorization", absl::StrCat("Bearer ", token_));
    grpc::CompletionQueue queue;
    const auto call = stub_.PrepareUnaryCall(&context, "/muster.v1.AdminService/" + method,
                                             ToBuffer(request.SerializeAsString()), &queue);
    grpc::ByteBuffer reply;
    grpc::Status status;
    call->StartCall();
    call->Finish(&reply, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    if (!status.ok()) return Translate(status);
    return ParseReply(reply, response);
  }

  absl::Status Translate(const grpc::Status& status) const {
    // gRPC's codes and Abseil's are the same numbers.
    const auto code = static_cast<absl::StatusCode>(status.error_code());
    if (code == absl::StatusCode::kUnavailable) {
      return absl::UnavailableError(absl::StrCat("the controller at ", server_,
                                                 " cannot be reached: ", status.error_message()));
    }
    if (code == absl::StatusCode::kDeadlineExceeded) {
      return absl::DeadlineExceededError(absl::StrCat("the controller at ", server_,
                                                      " did not answer within ",
                                                      absl::FormatDuration(timeout_)));
    }
    return absl::Status(code, status.error_message());
  }

  const std::string server_;
  grpc::GenericStub stub_;
  const std::string token_;
  const absl::Duration timeout_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AdminClient>> Connect(const Profile& profile,
                                                     absl::Duration timeout) {
  grpc::SslCredentialsOptions tls;
  MUSTER_ASSIGN_OR_RETURN(tls.pem_root_certs,
                          ReadSmallFile(profile.ca, "CA", limits::kMaxPemBytes));
  std::string token;
  if (profile.token.empty()) {
    MUSTER_ASSIGN_OR_RETURN(tls.pem_cert_chain, ReadSmallFile(profile.certificate, "certificate",
                                                              limits::kMaxPemBytes));
    MUSTER_ASSIGN_OR_RETURN(tls.pem_private_key,
                            ReadSmallFile(profile.key, "key", limits::kMaxPemBytes));
  } else if (std::filesystem::exists(profile.token)) {  // not yet before the first sign-in
    MUSTER_ASSIGN_OR_RETURN(token,
                            ReadSmallFile(profile.token, "token", limits::kMaxSessionTokenBytes));
    absl::StripAsciiWhitespace(&token);
  }
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(limits::kMaxReplyBytes);
  if (!profile.server_name.empty()) args.SetSslTargetNameOverride(profile.server_name);
  auto channel = grpc::CreateCustomChannel(profile.server, grpc::SslCredentials(tls), args);
  return std::make_unique<GrpcAdminClient>(profile.server, std::move(channel), std::move(token),
                                           timeout);
}

}  // namespace muster::cli

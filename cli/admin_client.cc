#include "cli/admin_client.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "muster/v1/admin_service.pb.h"

namespace muster::cli {

absl::Status CheckMethod(const std::string& method, const google::protobuf::Message& request,
                         const google::protobuf::Message& response) {
  const auto* service = v1::GetAppRequest::descriptor()->file()->FindServiceByName("AdminService");
  const auto* found = service == nullptr ? nullptr : service->FindMethodByName(method);
  if (found == nullptr || found->input_type() != request.GetDescriptor() ||
      found->output_type() != response.GetDescriptor()) {
    return absl::InternalError(absl::StrCat("AdminService.", method, " does not take ",
                                            request.GetTypeName(), " and return ",
                                            response.GetTypeName()));
  }
  return absl::OkStatus();
}

}  // namespace muster::cli

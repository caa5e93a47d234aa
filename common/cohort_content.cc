#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "common/signed_doc.h"

namespace muster {

absl::StatusOr<v1::CohortContent> AssembleContent(const v1::CohortPolicy& policy,
                                                  const std::vector<absl::string_view>& chunks) {
  if (chunks.size() != static_cast<size_t>(policy.chunks_size())) {
    return VerifyError(VerifyCode::kMalformed,
                       absl::StrCat(chunks.size(), " chunks of ", policy.chunks_size()));
  }
  v1::CohortContent content;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const v1::ChunkRef& ref = policy.chunks(static_cast<int>(i));
    if (chunks[i].size() != ref.size() || Sha256Hex(chunks[i]) != ref.sha256()) {
      return VerifyError(VerifyCode::kMalformed,
                         absl::StrCat("chunk ", i, " is not the one the policy names"));
    }
    v1::CohortContent part;
    if (!part.ParseFromArray(chunks[i].data(), static_cast<int>(chunks[i].size()))) {
      return VerifyError(VerifyCode::kMalformed, absl::StrCat("chunk ", i, " cannot be read"));
    }
    content.MergeFrom(part);
  }
  if (content.apps().empty()) return VerifyError(VerifyCode::kEmpty, "the policy names no app");
  return content;
}

}  // namespace muster

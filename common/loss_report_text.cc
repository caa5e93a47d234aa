#include "common/loss_report_text.h"

#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "common/status_macros.h"

namespace muster {
namespace {

constexpr size_t kNowhere = absl::string_view::npos;

// Where the mark stands as a line of its own; kNowhere unless it does so exactly once.
size_t FindMarkLine(absl::string_view html, absl::string_view mark) {
  const size_t at = html.find(mark);
  if (at == kNowhere || html.find(mark, at + 1) != kNowhere) return kNowhere;
  return at == 0 || html[at - 1] == '\n' ? at : kNowhere;
}

}  // namespace

absl::StatusOr<std::string> WithSignatureBlock(absl::string_view html, absl::string_view block) {
  const size_t begins = FindMarkLine(html, kSignatureBegins);
  const size_t ends = FindMarkLine(html, kSignatureEnds);
  if (begins == kNowhere || ends == kNowhere || ends < begins) {
    return absl::InvalidArgumentError("this is no loss report: it has no signature block");
  }
  const size_t inside = begins + absl::string_view(kSignatureBegins).size();
  return absl::StrCat(html.substr(0, inside), block, html.substr(ends));
}

absl::StatusOr<std::string> LossReportSha256(absl::string_view html) {
  MUSTER_ASSIGN_OR_RETURN(const std::string text, WithSignatureBlock(html, ""));
  return Sha256Hex(text);
}

}  // namespace muster

#include "agent/flow/policy_answers.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "muster/v1/agent_control.pb.h"

namespace muster::agent {
namespace {

void RefuseWith(uint64_t nonce, const v1::SignedDoc& doc, const std::string& code,
                absl::string_view detail, AcceptOutcome& out) {
  const v1::DocumentHeader header = ClaimedHeader(doc);
  v1::AgentMessage message;
  v1::Nack* nack = message.mutable_nack();
  nack->set_nonce(nonce);
  nack->set_name(header.name());
  nack->set_version(header.version());
  nack->set_code(code);
  nack->set_detail(std::string(detail.substr(0, limits::kMaxReasonBytes)));
  nack->set_sha256(Sha256Hex(doc.payload()));
  out.answers.push_back(std::move(message));
  out.last_refused = absl::StrCat(header.name(), " ", code, ": ", detail);
  if (code == VerifyCodeName(VerifyCode::kEquivocation)) out.alarms.push_back(out.last_refused);
}

// "CODE: detail" without its code.
absl::string_view DetailText(const absl::Status& status, const std::string& code) {
  absl::string_view text = status.message();
  if (absl::string_view(text.substr(0, code.size())) == code && text.size() > code.size() + 2) {
    text.remove_prefix(code.size() + 2);
  }
  return text;
}

}  // namespace

v1::DocumentHeader ClaimedHeader(const v1::SignedDoc& doc) {
  v1::DocumentHeader none;
  if (doc.payload().size() > limits::kMaxDocumentBytes) return none;
  v1::AnyDocument any;
  if (!any.ParseFromString(doc.payload()) || any.header().name().size() > 512) return none;
  return any.header();
}

void Acknowledge(uint64_t nonce, const v1::SignedDoc& doc, AcceptOutcome& out) {
  const v1::DocumentHeader header = ClaimedHeader(doc);
  v1::AgentMessage message;
  v1::Ack* ack = message.mutable_ack();
  ack->set_nonce(nonce);
  ack->set_name(header.name());
  ack->set_version(header.version());
  ack->set_applied_sha256(Sha256Hex(doc.payload()));
  out.answers.push_back(std::move(message));
}

void Refuse(uint64_t nonce, const v1::SignedDoc& doc, const absl::Status& why, AcceptOutcome& out) {
  const std::optional<VerifyCode> verify_code = VerifyCodeOf(why);
  const std::string code = verify_code ? std::string(VerifyCodeName(*verify_code)) : "INTERNAL";
  RefuseWith(nonce, doc, code, DetailText(why, code), out);
}

void RefuseUnsaved(uint64_t nonce, const v1::SignedDoc& doc, const absl::Status& why,
                   AcceptOutcome& out) {
  RefuseWith(nonce, doc, "NOT_SAVED", why.message(), out);
}

void Need(uint64_t nonce, const std::vector<std::string>& chunks, AcceptOutcome& out) {
  v1::AgentMessage message;
  message.mutable_need()->set_nonce(nonce);
  for (const std::string& sha256 : chunks) message.mutable_need()->add_chunks(sha256);
  out.answers.push_back(std::move(message));
}

}  // namespace muster::agent

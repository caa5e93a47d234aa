#include "controller/domain/chunks.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "common/limits.h"

namespace muster {
namespace {

// Leaves room for the TRM status and the blocklist entry beside an app.
constexpr size_t kMaxAppBytes = limits::kMaxChunkBytes - (8 << 10);
// One id in eight ends a chunk.
constexpr unsigned char kCutMask = 7;

bool EndsChunk(const std::string& app_id) {
  return (static_cast<unsigned char>(Sha256(app_id)[0]) & kCutMask) == 0;
}

}  // namespace

bool FitsChunk(const v1::App& app) { return app.ByteSizeLong() <= kMaxAppBytes; }

std::vector<std::string> SplitContent(const v1::CohortContent& content) {
  std::map<std::string, v1::CohortContent> pieces;
  for (const v1::App& app : content.apps()) {
    if (FitsChunk(app)) *pieces[app.id()].add_apps() = app;
  }
  for (const v1::Trm& trm : content.trm()) *pieces[trm.app_id()].add_trm() = trm;
  for (const std::string& id : content.blocklist()) pieces[id].add_blocklist(id);
  std::vector<std::string> chunks;
  v1::CohortContent open;
  auto close = [&] {
    if (open.ByteSizeLong() > 0) chunks.push_back(open.SerializeAsString());
    open.Clear();
  };
  for (const auto& [id, piece] : pieces) {
    if (open.ByteSizeLong() + piece.ByteSizeLong() > limits::kMaxChunkBytes) close();
    open.MergeFrom(piece);
    if (EndsChunk(id)) close();
  }
  close();
  if (content.has_archive()) {  // by itself: a new text changes this chunk alone
    *open.mutable_archive() = content.archive();
    close();
  }
  return chunks;
}

std::string ContentSha256(const v1::CohortPolicy& policy) {
  std::string text =
      absl::StrCat(static_cast<int>(policy.platform()), "\n", Sha256Hex(policy.how_to_ask()), "\n");
  for (const v1::ChunkRef& ref : policy.chunks()) absl::StrAppend(&text, ref.sha256(), "\n");
  // A policy that asks for nothing of the kind keeps its hash.
  if (policy.has_monitor_until()) {
    absl::StrAppend(&text, "monitor ", policy.monitor_until().seconds(), ".",
                    policy.monitor_until().nanos(), " ", Sha256Hex(policy.monitor_reason()), "\n");
  }
  return Sha256Hex(text);
}

}  // namespace muster

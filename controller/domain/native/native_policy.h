// Native policy: what a platform's own management takes, from the same rulings as everything else.
// One pure generator per format, each in its own file here; equal input gives equal bytes.
//
// These files are also the bridge's and, offline, musterctl's: they include common/ and proto
// alone.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "muster/v1/app.pb.h"
#include "muster/v1/explain.pb.h"

namespace muster::native {

// What was decided for one app, by common/decision.h.
struct Ruling {
  std::string app_id, name;
  v1::Verdict::Kind verdict = v1::Verdict::REPORT;
  std::string reason;                       // the code
  std::vector<v1::AppIdentity> identities;  // of every platform that is known here
  std::vector<std::string> web_hosts;

  bool blocked() const { return verdict == v1::Verdict::BLOCK; }
};

struct NativeInput {
  std::string tenant;
  uint64_t version = 0;  // of the policy
  std::string sha256;    // of its content, lowercase hex
  absl::Time generated_at;
  std::string person;  // UPN; empty: of nobody
  std::string how_to_ask;
  std::vector<Ruling> rulings;  // by app id
};

struct NativeFile {
  std::string bytes;
  std::string media_type;
  std::vector<std::string> notes;  // what this file cannot enforce, in words
};

// INVALID_ARGUMENT: nothing is blocked on that platform: an empty policy file would lift every
// block, so none is made. An app that no identity names on the platform is a note.
absl::StatusOr<NativeFile> AppleProfile(const NativeInput& in);
// Takes the place of an AppleProfile() that is on a phone, and blocks nothing, whatever the rulings
// say: for a phone whose last block has ended.
NativeFile AppleOpenProfile(const NativeInput& in);
absl::StatusOr<NativeFile> AppleDeclaration(const NativeInput& in);
absl::StatusOr<NativeFile> AndroidPolicy(const NativeInput& in);
absl::StatusOr<NativeFile> Ws1AppGroup(const NativeInput& in);  // iOS and Android, in one JSON
absl::StatusOr<NativeFile> Chromium(const NativeInput& in);     // also Chrome and Edge
absl::StatusOr<NativeFile> Firefox(const NativeInput& in);

// The exact bundle or package ids of what is blocked on a platform, sorted, once each.
std::vector<std::string> BlockedIds(const NativeInput& in, v1::Platform::Id platform);
// The hosts of what is blocked or open for its export alone, sorted, once each.
std::vector<std::string> BlockedHosts(const NativeInput& in);

}  // namespace muster::native

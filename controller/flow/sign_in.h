// Operators sign in with their directory password and get a token for a short time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "controller/flow/directory.h"
#include "controller/flow/services.h"
#include "muster/v1/person.pb.h"

namespace muster {

// How often one address may try. Thread-safe; forgets addresses after a minute.
class SignInLimiter {
 public:
  // False when `address` tried limits::kSignInsPerMinute times within this minute, or too many
  // addresses try at once.
  bool Admit(const std::string& address, absl::Time now);

 private:
  Mutex mu_;
  absl::Time minute_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  std::map<std::string, uint32_t> tries_ ABSL_GUARDED_BY(mu_);
};

struct SignedIn {
  std::string token;  // shown once; only its hash is stored
  v1::Session session;
  std::vector<std::string> roles;
};

// Every attempt is counted before the directory is asked, so that many at once count as many; a
// success clears the count. After limits::kSignInFailures the account waits kSignInLock: fewer than
// Active Directory's own limit, so that nobody can lock a person out of the directory here.
// UNAUTHENTICATED: wrong name or password (the same words for both), or locked; RESOURCE_EXHAUSTED:
// `limiter`; PERMISSION_DENIED: the person has no role; FAILED_PRECONDITION: this
// directory checks no passwords; otherwise as Directory::CheckPassword.
absl::StatusOr<SignedIn> SignIn(const Services& services, Directory& directory,
                                SignInLimiter& limiter, const std::string& upn,
                                const std::string& password, const std::string& from);

// UNAUTHENTICATED: no such session, or it has ended.
absl::StatusOr<v1::Session> FindSession(const Services& services, const Snapshot& snapshot,
                                        const std::string& token);
absl::Status SignOut(const Services& services, const Actor& actor, const std::string& token);

}  // namespace muster

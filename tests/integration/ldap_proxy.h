// Stands between the LDAP adapter and a real slapd, and does what neither slapd nor Samba does on
// demand: Active Directory's automatic ranges, and every way in which an answer can be wrong.
#pragma once

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "tests/integration/ldap_pdu.h"
#include "tests/integration/slapd.h"

namespace muster {

struct LdapFault {
  enum Kind {
    kSizeLimit,           // some entries, then result 4
    kTimeLimit,           // some entries, then result 3
    kBusy,                // result 51
    kUnwilling,           // result 53
    kPageClosed,          // some entries of a page, then the connection is closed
    kPageControlMissing,  // some entries of a page, then success without the control
    kPageCut,             // some entries of a page, then success as if it was the last page
    kPageCookieLost,      // a further page is refused
    kRangeMissing,        // a further range is answered without values
    kRangeEndsEarly,      // and as if it was the last
    kRangeOverlaps,       // it begins one value too early, and says so
    kRangeRepeated,       // it is named as asked for, but holds the values before it
    kClosedBefore,        // the connection is closed instead of an answer
    kClosedMidway,        // in the middle of an entry
    kClosedBeforeResult,  // after the last entry
    kClosedAfterModify,   // the change is made, its answer is lost
    kControlRefused,      // result 12
    kSyncRefused,         // the same, of the Sync Request control only
    kEmptySuccess,        // success, and nobody
    kTenPercent,          // every tenth entry and member, success
    kEntryLost,           // one entry of a subtree is left out, success
    kNoSuchObject,        // result 32 for one entry that exists
    kKinds
  };
  static const char* Name(Kind kind);

  Kind kind = kBusy;
  int nth = 0;      // fires at the nth request that it fits, from 0; kTenPercent: from there on
  int entries = 3;  // "some entries"
};

// Thread-safe. Connections are served by threads that end with it.
class LdapProxy {
 public:
  struct Options {
    size_t auto_range = 0;    // the most values of `member` in one answer; 0: all
    int page_size = 0;        // of any page, below 128; 0: as asked
    bool offers_sync = true;  // names the Sync Request control in the root entry
  };
  // With the server's own certificate, on a loopback port.
  static absl::StatusOr<std::unique_ptr<LdapProxy>> Start(const Slapd& slapd,
                                                          const Options& options);
  ~LdapProxy();
  LdapProxy(const LdapProxy&) = delete;
  LdapProxy& operator=(const LdapProxy&) = delete;

  std::string uri() const;  // ldaps://127.0.0.1:port
  // From now on, instead of those before. None: everything passes as it is.
  void SetFaults(std::vector<LdapFault> faults);
  // Since the start.
  std::map<LdapFault::Kind, int> fired() const;

 private:
  class Link;
  struct Armed {
    LdapFault fault;
    int seen = 0;
  };

  LdapProxy() = default;
  void Accept();
  // The fault that this request meets, if any.
  std::optional<LdapFault> Meet(const Pdu& request);

  int listener_ = -1, port_ = 0, upstream_port_ = 0;
  Options options_;
  void* tls_ = nullptr;  // SSL_CTX
  std::thread acceptor_;
  std::atomic<bool> ending_ = false;
  mutable Mutex mu_;
  std::list<std::unique_ptr<Link>> links_ ABSL_GUARDED_BY(mu_);
  std::vector<Armed> faults_ ABSL_GUARDED_BY(mu_);
  std::map<LdapFault::Kind, int> fired_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster

// An entry of the audit log has room for 65,535 bytes (C2SP tlog-tiles). Pure.
#pragma once

#include <string>

#include "muster/v1/audit.pb.h"

namespace muster {

// Shortens what is too long, so that the entry fits limits::kMaxLogEntryBytes with whatever
// sequence it is given: texts are cut and end with "… (shortened, 9000 bytes)"; a record or a query
// becomes
// {"shortened":true,"bytes":9000,"sha256":"…"}, first a query of more than
// limits::kMaxLogTextBytes, then the longer of `before` and `after`, then the other. In a text that
// is not UTF-8 (a directory server's words, say) every byte beyond ASCII becomes '?'.
void FitEntry(v1::AuditEntry& entry);

}  // namespace muster

#include "cli/log_readme.h"

#include "absl/strings/str_cat.h"

namespace muster::cli {

std::string ExportReadme(absl::string_view origin) {
  return absl::StrCat("Export of the audit log ", origin, R"(

What is here
  checkpoint            what the log was: its name, how many entries, the hash over all of them,
                        and the signature of the log's key (c2sp.org/tlog-checkpoint)
  tile/entries/...      the entries, 256 to a file (c2sp.org/tlog-tiles)
  tile/0/... and up     the hashes that lead from the entries to the one in the checkpoint
  witness/...           heads that devices keep, and heads that they refused (.refused)
  proofs/...            single entries with their proof, to attach to a letter
This text itself is no evidence: anybody could have changed it.

How to check it, with no connection to anybody
  musterctl audit verify FOLDER --key KEYFILE
or, to trust none of Muster's own programs, with the verifier that its documentation has as a
page of Python:
  python3 verify_audit.py FOLDER KEYFILE

The key
  The check is worth as much as the way the key came. Do not take it from this folder, nor from
  those whose doings the log tells of. It stands in the root of trust that two of three holders of
  the offline keys have signed: let one of them confirm it, or compare it with the key that came
  with an earlier export.

What an outsider should keep
  The file `checkpoint`. Whoever holds it can show later that the log was not rewritten since:
  musterctl audit verify LATER_FOLDER --key KEYFILE --witness CHECKPOINT
)");
}

}  // namespace muster::cli

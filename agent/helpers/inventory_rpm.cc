// muster-inventory-rpm DB_DIR [PACKAGE]: the packages of an rpm database, read by librpm; or the
// files of one of them, each the path of an item.
#include <fcntl.h>
#include <rpm/header.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmtd.h>
#include <rpm/rpmts.h>
#include <stdio.h>
#include <stdlib.h>

#include <string>

#include "agent/domain/text.h"
#include "agent/helpers/answer.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

std::string Tag(Header header, rpmTag tag) {
  char* text = headerGetAsString(header, tag);
  std::string out = text == nullptr ? "" : text;
  free(text);
  return out;
}

// "rpm:<key id>" from rpm's own words, "RSA/SHA256, <date>, Key ID <hex>"; empty: not signed.
std::string SignerOf(Header header) {
  const char* kFormat =
      "%|DSAHEADER?{%{DSAHEADER:pgpsig}}:{%|RSAHEADER?{%{RSAHEADER:pgpsig}}:"
      "{%|SIGGPG?{%{SIGGPG:pgpsig}}:{%|SIGPGP?{%{SIGPGP:pgpsig}}:{}|}|}|}|";
  errmsg_t error = nullptr;
  char* text = headerFormat(header, kFormat, &error);
  const std::string words = text == nullptr ? "" : text;
  free(text);
  const std::string mark = "Key ID ";
  const size_t at = words.rfind(mark);
  return at == std::string::npos ? "" : "rpm:" + words.substr(at + mark.size());
}

// Null when it cannot be opened.
rpmts OpenDatabase(const char* db_dir) {
  if (rpmReadConfigFiles(nullptr, nullptr) != 0) {
    fprintf(stderr, "rpm's configuration cannot be read\n");
    return nullptr;
  }
  rpmPushMacro(nullptr, "_dbpath", nullptr, db_dir, RMIL_CMDLINE);
  rpmlogSetMask(RPMLOG_UPTO(RPMLOG_ERR));
  rpmts ts = rpmtsCreate();
  if (rpmtsOpenDB(ts, O_RDONLY) == 0) return ts;
  fprintf(stderr, "rpm cannot open its database\n");
  return rpmtsFree(ts);
}

void ReadPackages(rpmts ts, v1::DeviceInventory& out) {
  rpmdbMatchIterator packages = rpmtsInitIterator(ts, RPMDBI_PACKAGES, nullptr, 0);
  while (Header header = rpmdbNextIterator(packages)) {
    // Keys that rpm trusts lie in its database as if they were packages.
    const std::string name = Tag(header, RPMTAG_NAME);
    if (name == "gpg-pubkey") continue;
    if (!AddAnswer(v1::Origin::RPM, name, Tag(header, RPMTAG_EVR), "", SignerOf(header), out)) {
      break;
    }
  }
  rpmdbFreeIterator(packages);
}

void ReadFiles(rpmts ts, const char* package, v1::DeviceInventory& out) {
  rpmdbMatchIterator packages = rpmtsInitIterator(ts, RPMDBI_NAME, package, 0);
  while (Header header = rpmdbNextIterator(packages)) {
    rpmtd names = rpmtdNew();
    if (headerGet(header, RPMTAG_FILENAMES, names, HEADERGET_EXT) != 0) {
      while (const char* name = rpmtdNextString(names)) {
        if (!AddAnswer(v1::Origin::RPM, package, "", "", "", out)) break;
        out.mutable_items()->rbegin()->set_path(CleanText(name, limits::kMaxPathBytes));
      }
    }
    rpmtdFreeData(names);
    rpmtdFree(names);
  }
  rpmdbFreeIterator(packages);
}

int Run(const char* db_dir, const char* package) {
  rpmts ts = OpenDatabase(db_dir);
  if (ts == nullptr) return 1;
  v1::DeviceInventory out;
  if (package == nullptr) {
    ReadPackages(ts, out);
  } else {
    ReadFiles(ts, package, out);
  }
  rpmtsFree(ts);
  return WriteAnswer(std::move(out));
}

}  // namespace
}  // namespace muster::agent

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    fprintf(stderr, "usage: muster-inventory-rpm DB_DIR [PACKAGE]\n");
    return 2;
  }
  return muster::agent::Run(argv[1], argc == 3 ? argv[2] : nullptr);
}

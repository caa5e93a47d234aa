// Programs that no packager brought, and desktop entries: below /opt, in homes, and in the
// applications folders. Thread-compatible.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/adapters/files/confined.h"
#include "agent/adapters/files/homes.h"
#include "agent/domain/file_stamp.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// Found, before dpkg is asked which of it is its own.
struct FoundFiles {
  std::vector<v1::InventoryItem> items;
  std::map<std::string, FileStamp> stamps;  // of program files, by item path
};

// /opt: programs down to limits::kMaxProgramDepth folders.
void ScanOpt(const Confined& opt, ScanBudget& budget, FoundFiles& out);

// An applications folder for everybody.
void ScanApplications(const Confined& folder, ScanBudget& budget, FoundFiles& out);

// AppImages, programs and desktop entries of one home.
void ScanHome(const Home& home, ScanBudget& budget, FoundFiles& out);

// Folders of a home in which programs are looked for, without those below ~/.local/share.
extern const std::vector<std::string> kHomeProgramFolders;

}  // namespace muster::agent

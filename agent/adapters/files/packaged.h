// Packages by their packagers' own databases. Thread-compatible.
#pragma once

#include <string>
#include <vector>

#include "agent/adapters/files/confined.h"
#include "agent/adapters/files/homes.h"
#include "agent/domain/inventory.h"

namespace muster::agent {

// dpkg's status file; a status file that cannot be read is a note.
void ReadDpkg(const std::string& admindir, InventoryRead& out);

// rpm's database, through the helper; no database is nothing to say.
void ReadRpm(const std::string& db_dir, const std::string& helper, InventoryRead& out);

// Regular executables of one rpm package, resolved, at most limits::kMaxFilesPerPackage.
std::vector<std::string> RpmProgramFiles(const std::string& db_dir, const std::string& helper,
                                         const std::string& package);

// One flatpak installation, through the helper; by its folders, with a note, where the helper
// fails. `home`: whose it is; null: everybody's.
void ReadFlatpak(const Confined& installation, const Home* home, const std::string& helper,
                 InventoryRead& out);

// snapd's folders.
void ReadSnaps(const std::string& snap_dir, ScanBudget& budget, InventoryRead& out);

}  // namespace muster::agent

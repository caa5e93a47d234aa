// Web apps that the browsers of one home installed. Thread-compatible.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/adapters/files/confined.h"
#include "agent/adapters/files/homes.h"
#include "agent/domain/file_stamp.h"
#include "agent/domain/web_apps.h"
#include "muster/v1/report.pb.h"

namespace muster::agent {

// What was read of files that browsers rewrite all day, by path. Bounded; the daily look starts
// with an empty one.
class WebAppCache {
 public:
  const std::vector<WebApp>* Find(const std::string& path, const FileStamp& stamp) const;
  void Put(const std::string& path, const FileStamp& stamp, std::vector<WebApp> apps);

 private:
  std::map<std::string, std::pair<FileStamp, std::vector<WebApp>>> of_;
};

// Origin WEB_APP; the package id is the host, or the name or id where no host is known.
void ScanBrowsers(const Home& home, ScanBudget& budget, WebAppCache& cache,
                  std::vector<v1::InventoryItem>& out);

// Folders (below a home) whose changes mean that ScanBrowsers may say something new.
std::vector<std::string> BrowserFolders(const Confined& home, ScanBudget& budget);

}  // namespace muster::agent

// muster-inventory-flatpak --system|--user DIR: the apps of one installation, read by libflatpak.
#include <flatpak.h>
#include <stdio.h>
#include <string.h>

#include <set>
#include <string>

#include "agent/helpers/answer.h"

namespace muster::agent {
namespace {

std::string Text(const char* text) { return text == nullptr ? "" : text; }

std::string VersionOf(FlatpakInstalledRef* ref) {
  const std::string version = Text(flatpak_installed_ref_get_appdata_version(ref));
  return version.empty() ? Text(flatpak_ref_get_branch(FLATPAK_REF(ref))) : version;
}

// Of several branches of one app the one that starts by its name counts.
void AddApps(const GPtrArray* refs, bool current, std::set<std::string>& seen,
             v1::DeviceInventory& out) {
  for (guint i = 0; i < refs->len; ++i) {
    FlatpakInstalledRef* ref = FLATPAK_INSTALLED_REF(g_ptr_array_index(refs, i));
    if ((flatpak_installed_ref_get_is_current(ref) != FALSE) != current) continue;
    const std::string id = Text(flatpak_ref_get_name(FLATPAK_REF(ref)));
    if (!seen.insert(id).second) continue;
    const std::string remote = Text(flatpak_installed_ref_get_origin(ref));
    AddAnswer(v1::Origin::FLATPAK, id, VersionOf(ref),
              Text(flatpak_installed_ref_get_appdata_name(ref)),
              remote.empty() ? "" : "flatpak:" + remote, out);
  }
}

int Fail(const GError* error) {
  fprintf(stderr, "%s\n", error == nullptr ? "flatpak failed" : error->message);
  return 1;
}

int Run(const char* dir, bool user) {
  GError* error = nullptr;
  g_autoptr(GFile) path = g_file_new_for_path(dir);
  g_autoptr(FlatpakInstallation) installation =
      flatpak_installation_new_for_path(path, user ? TRUE : FALSE, nullptr, &error);
  if (installation == nullptr) return Fail(error);
  g_autoptr(GPtrArray) refs = flatpak_installation_list_installed_refs_by_kind(
      installation, FLATPAK_REF_KIND_APP, nullptr, &error);
  if (refs == nullptr) return Fail(error);
  v1::DeviceInventory out;
  std::set<std::string> seen;
  AddApps(refs, true, seen, out);
  AddApps(refs, false, seen, out);
  return WriteAnswer(std::move(out));
}

}  // namespace
}  // namespace muster::agent

int main(int argc, char** argv) {
  const bool user = argc == 3 && strcmp(argv[1], "--user") == 0;
  if (argc != 3 || (!user && strcmp(argv[1], "--system") != 0)) {
    fprintf(stderr, "usage: muster-inventory-flatpak --system|--user DIR\n");
    return 2;
  }
  return muster::agent::Run(argv[2], user);
}

// An export of the audit log of N entries, made straight into a folder, and what `musterctl audit
// verify` takes for it.   audit_export make DIR N | verify DIR
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/log_folder.h"
#include "cli/log_verify.h"
#include "common/checkpoint.h"
#include "common/merkle.h"
#include "common/status_macros.h"
#include "muster/v1/audit.pb.h"

namespace muster::cli {
namespace {

constexpr char kKeyFile[] = ".key";  // beside the folder
constexpr char kOrigin[] = "bench/audit";

// About 350 bytes, as an approval has them without what it changed.
std::string Entry(uint64_t n) {
  v1::AuditEntry e;
  e.set_sequence(n);
  e.mutable_at()->set_seconds(static_cast<int64_t>(1'800'000'000 + n / 10));
  e.set_actor_id("00000000-0000-4000-8000-000000000007");
  e.set_actor_upn("erika.mustermann@agency.example");
  e.set_signed_in_by("certificate 4f2a9c0d1b7e6638");
  e.set_from("ipv4:10.20.30.40:51234");
  e.set_verb("request.approve");
  e.set_object(absl::StrCat("request/REQ-", n));
  e.set_reason("needed for the liaison with the county's emergency services");
  e.set_reason_code("REQUEST_APPROVE");
  e.set_ticket(absl::StrCat("INC", 1'000'000 + n));
  e.set_transaction_id(absl::StrCat("tx-", 4'000'000'000 + n));
  e.set_outcome("ok");
  e.add_roles("soc-approver");
  e.set_time_source("system clock, in step within 16 ms");
  return e.SerializeAsString();
}

absl::Status Make(const std::string& dir, uint64_t size) {
  MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate(kEd25519));
  MUSTER_ASSIGN_OR_RETURN(const NoteVerifier verifier, NoteVerifier::New(kOrigin, key.spki()));
  MUSTER_ASSIGN_OR_RETURN(const ExportFolder folder, ExportFolder::OpenToWrite(dir));
  TileEdge edge;
  std::vector<Tile> tiles;
  std::string bundle, leaves;
  for (uint64_t n = 0; n < size; ++n) {
    const std::string entry = Entry(n);
    const std::string leaf = LeafHash(entry);
    AppendToBundle(entry, bundle);
    leaves += leaf;
    edge.Append(leaf, tiles);
    const uint64_t width = n % kTileWidth + 1;
    if (width == kTileWidth || n + 1 == size) {
      MUSTER_RETURN_IF_ERROR(folder.Write(BundlePath(n / kTileWidth, width), bundle));
      if (width < kTileWidth) tiles.push_back({0, n / kTileWidth, leaves});
      bundle.clear();
      leaves.clear();
    }
    if (n + 1 == size) {
      for (Tile& tile : edge.PartialTiles()) tiles.push_back(std::move(tile));
    }
    for (const Tile& tile : tiles) {
      MUSTER_RETURN_IF_ERROR(folder.Write(
          TilePath(tile.level, tile.index, tile.hashes.size() / kHashBytes), tile.hashes));
    }
    tiles.clear();
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string note,
                          SignCheckpoint({kOrigin, size, edge.Root()}, key));
  MUSTER_RETURN_IF_ERROR(folder.Replace(kCheckpointFile, note));
  MUSTER_ASSIGN_OR_RETURN(const ExportFolder beside, ExportFolder::OpenToWrite(dir + kKeyFile));
  return beside.Write("key", verifier.ToText());
}

absl::Status Verify(const std::string& dir) {
  MUSTER_ASSIGN_OR_RETURN(const ExportFolder beside, ExportFolder::Open(dir + kKeyFile));
  std::string text;
  MUSTER_RETURN_IF_ERROR(beside.Read("key", 4096, text));
  MUSTER_ASSIGN_OR_RETURN(NoteVerifier key, NoteVerifier::FromText(text));
  const absl::Time begin = absl::Now();
  MUSTER_ASSIGN_OR_RETURN(const LogReport report, VerifyLogExport({dir, {std::move(key)}, {}}));
  if (!report.good()) {
    return absl::DataLossError(absl::StrCat(report.findings[0].code, report.findings[0].detail));
  }
  std::printf("%.2f %llu\n", absl::ToDoubleSeconds(absl::Now() - begin),
              static_cast<unsigned long long>(report.texts));
  return absl::OkStatus();
}

absl::Status Run(const std::vector<std::string>& args) {
  uint64_t size = 0;
  if (args.size() == 3 && args[0] == "make" && absl::SimpleAtoi(args[2], &size)) {
    return Make(args[1], size);
  }
  if (args.size() == 2 && args[0] == "verify") return Verify(args[1]);
  return absl::InvalidArgumentError("audit_export make DIR N | verify DIR");
}

}  // namespace
}  // namespace muster::cli

int main(int argc, char** argv) {
  const absl::Status status = muster::cli::Run({argv + 1, argv + argc});
  if (status.ok()) return 0;
  std::fprintf(stderr, "audit_export: %s\n", std::string(status.message()).c_str());
  return 1;
}

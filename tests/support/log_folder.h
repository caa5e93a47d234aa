// An audit log and its folder as `musterctl audit export` writes it, made in memory by the
// definitions of RFC 6962 and C2SP tlog-tiles alone: what the product's code is held against, and
// what tests of tampering spoil.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/checkpoint.h"
#include "common/log_proof.h"
#include "common/log_tiles.h"
#include "common/merkle.h"
#include "muster/v1/audit.pb.h"

namespace muster {

// An Ed25519 key from its seed, in hex: the same signatures in every run.
inline PrivateKey Ed25519FromSeed(absl::string_view seed) {
  const std::string der =
      absl::HexStringToBytes(absl::StrCat("302e020100300506032b657004220420", seed));
  return *PrivateKey::FromPem(absl::StrCat("-----BEGIN PRIVATE KEY-----\n", absl::Base64Escape(der),
                                           "\n-----END PRIVATE KEY-----\n"));
}
// RFC 8032, section 7.1, tests 1 and 2.
inline PrivateKey LogTestKey() {
  return Ed25519FromSeed("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
}
inline PrivateKey OtherLogTestKey() {
  return Ed25519FromSeed("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
}

using LogFiles = std::map<std::string, std::string>;  // bytes by path, "tile/0/000.p/3"

inline void WriteLogFiles(const LogFiles& files, const std::string& dir) {
  for (const auto& [path, bytes] : files) {
    const std::filesystem::path file = std::filesystem::path(dir) / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!out.good()) std::abort();
  }
}

// Thread-compatible. Copy it to make a fork.
class LogFolder : public TileReader {
 public:
  explicit LogFolder(absl::string_view tenant = "agency", PrivateKey key = LogTestKey())
      : origin_(LogOrigin(tenant)), key_(std::move(key)) {}

  // Its sequence becomes the next one.
  void Add(v1::AuditEntry entry) {
    entry.set_sequence(size());
    AddBytes(entry.SerializeAsString());
  }
  void AddBytes(std::string entry) {
    leaves_.push_back(LeafHash(entry));
    entries_.push_back(std::move(entry));
  }
  // `count` entries that differ from one another.
  void AddSome(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      v1::AuditEntry entry;
      entry.mutable_at()->set_seconds(static_cast<int64_t>(1'800'000'000 + size()));
      entry.set_actor_id("person/p-1");
      entry.set_actor_upn("weber@agency.example");
      entry.set_verb("request.approve");
      entry.set_object(absl::StrCat("request/REQ-", size()));
      entry.set_outcome("ok");
      Add(entry);
    }
  }
  // Another entry at that place, as one who rewrites the log has it.
  void Replace(uint64_t index, std::string entry) {
    leaves_[index] = LeafHash(entry);
    entries_[index] = std::move(entry);
  }

  uint64_t size() const { return entries_.size(); }
  const std::string& entry(uint64_t index) const { return entries_[index]; }
  const std::vector<std::string>& leaves() const { return leaves_; }
  const std::string& origin() const { return origin_; }
  NoteVerifier Key() const { return *NoteVerifier::New(origin_, key_.spki()); }
  std::string KeyText() const { return Key().ToText(); }

  std::string Root(uint64_t size) const { return Head(0, size); }
  // The signed note of the first `size` entries.
  std::string Note(uint64_t size) const {
    return *SignCheckpoint({origin_, size, Root(size)}, key_);
  }
  LogProof Proof(uint64_t index, uint64_t size) const {
    const auto end = leaves_.begin() + static_cast<int64_t>(size);
    return {entries_[index], index, MerkleTree({leaves_.begin(), end}).Path(index), Note(size)};
  }

  // checkpoint, tile/..., tile/entries/...; of the first `size` entries.
  LogFiles Files(uint64_t size) const {
    LogFiles out = {{"checkpoint", Note(size)}};
    for (uint64_t begin = 0; begin < size; begin += kTileWidth) {
      const uint64_t end = std::min(size, begin + kTileWidth);
      std::string& bundle = out[BundlePath(begin / kTileWidth, end - begin)];
      for (uint64_t i = begin; i < end; ++i) AppendToBundle(entries_[i], bundle);
    }
    uint64_t hashes = size;
    for (uint32_t level = 0; hashes > 0; ++level, hashes /= kTileWidth) {
      for (uint64_t begin = 0; begin < hashes; begin += kTileWidth) {
        const uint64_t width = std::min(kTileWidth, hashes - begin);
        out[TilePath(level, begin / kTileWidth, width)] =
            *ReadTile(level, begin / kTileWidth, width);
      }
    }
    return out;
  }

  // The hashes MTH(D[(n * 256 + i) * 256^l : (n * 256 + i + 1) * 256^l]) of tlog-tiles.
  absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index,
                                       uint64_t width) const override {
    uint64_t span = 1;
    for (uint32_t i = 0; i < level; ++i) span *= kTileWidth;
    std::string out;
    for (uint64_t i = index * kTileWidth; i < index * kTileWidth + width; ++i) {
      if ((i + 1) * span > size()) return absl::NotFoundError(TilePath(level, index, width));
      absl::StrAppend(&out, Head(i * span, (i + 1) * span));
    }
    return out;
  }

 private:
  std::string Head(uint64_t begin, uint64_t end) const {
    const auto first = leaves_.begin();
    return MerkleRoot({first + static_cast<int64_t>(begin), first + static_cast<int64_t>(end)});
  }

  std::string origin_;
  PrivateKey key_;
  std::vector<std::string> entries_, leaves_;
};

}  // namespace muster

// Unpacking one member: zlib's raw inflate, bounded by what the directory says.
#include <zlib.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "archive/files/zip_directory.h"
#include "archive/files/zip_names.h"
#include "common/status_macros.h"

namespace muster::archive {
namespace {

constexpr size_t kPieceBytes = 128 << 10;

absl::Status Damaged(const ZipMember& member) {
  return RefuseZip(absl::StrCat("'", ShownName(member.name), "' in it is damaged"));
}

// The packed bytes of a member, piece by piece.
class Packed {
 public:
  Packed(const ReadAt& read, const ZipMember& member)
      : read_(read), at_(member.data), left_(member.packed), buffer_(kPieceBytes, '\0') {}

  bool AtEnd() const { return left_ == 0; }
  absl::StatusOr<absl::string_view> Next() {
    const size_t n = static_cast<size_t>(std::min<uint64_t>(left_, buffer_.size()));
    MUSTER_RETURN_IF_ERROR(read_(at_, buffer_.data(), n));
    at_ += n;
    left_ -= n;
    return absl::string_view(buffer_.data(), n);
  }

 private:
  const ReadAt& read_;
  uint64_t at_, left_;
  std::string buffer_;
};

using Piece = std::function<bool(absl::string_view)>;  // false: no more is wanted

absl::Status Store(Packed packed, const Piece& sink) {
  while (!packed.AtEnd()) {
    MUSTER_ASSIGN_OR_RETURN(const absl::string_view bytes, packed.Next());
    if (!sink(bytes)) return absl::OkStatus();
  }
  return absl::OkStatus();
}

// Owns zlib's state.
class Inflate {
 public:
  Inflate() { ok_ = inflateInit2(&z_, -MAX_WBITS) == Z_OK; }
  ~Inflate() {
    if (ok_) inflateEnd(&z_);
  }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;

  // Each piece goes to `sink` as long as it wants more; true: the stream ended in `in`, with it.
  absl::StatusOr<bool> Add(absl::string_view in, const Piece& sink, bool& wanted) {
    z_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    z_.avail_in = static_cast<uInt>(in.size());
    int code = ok_ ? Z_OK : Z_MEM_ERROR;
    while (code == Z_OK && wanted) {
      z_.next_out = reinterpret_cast<Bytef*>(out_.data());
      z_.avail_out = static_cast<uInt>(out_.size());
      code = inflate(&z_, Z_NO_FLUSH);
      const size_t have = out_.size() - z_.avail_out;
      if (have > 0) wanted = sink(absl::string_view(out_.data(), have));
      if (code == Z_OK && z_.avail_in == 0 && z_.avail_out > 0) return false;
    }
    if (code == Z_BUF_ERROR && z_.avail_in == 0) return false;  // it had been emptied exactly
    if (code != Z_OK && code != Z_STREAM_END) return absl::InvalidArgumentError("");
    if (code == Z_STREAM_END && z_.avail_in > 0) return absl::InvalidArgumentError("");
    return code == Z_STREAM_END;
  }

 private:
  z_stream z_ = {};
  bool ok_ = false;
  std::string out_ = std::string(kPieceBytes, '\0');
};

absl::Status Unpack(const ReadAt& read, const ZipMember& member, const Piece& sink) {
  Packed packed(read, member);
  if (!member.deflated) return Store(std::move(packed), sink);
  Inflate inflate;
  bool wanted = true, ended = false;
  while (wanted && !packed.AtEnd()) {
    if (ended) return Damaged(member);
    MUSTER_ASSIGN_OR_RETURN(const absl::string_view bytes, packed.Next());
    absl::StatusOr<bool> end = inflate.Add(bytes, sink, wanted);
    if (!end.ok()) return Damaged(member);
    ended = *end;
  }
  return wanted && !ended ? Damaged(member) : absl::OkStatus();
}

}  // namespace

absl::Status UnpackMember(const ReadAt& read, const ZipMember& member,
                          const std::function<void(absl::string_view)>& sink) {
  uint64_t have = 0;
  uLong crc = crc32(0, nullptr, 0);
  MUSTER_RETURN_IF_ERROR(Unpack(read, member, [&](absl::string_view bytes) {
    // More than it says is not handed on: the sizes of the directory are what was judged.
    if (bytes.size() > member.size - have) {
      have = member.size + 1;
      return false;
    }
    have += bytes.size();
    crc = crc32(crc, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    sink(bytes);
    return true;
  }));
  if (have != member.size || crc != member.crc) return Damaged(member);
  return absl::OkStatus();
}

std::string UnpackHead(const ReadAt& read, const ZipMember& member, size_t max) {
  std::string out;
  Unpack(read, member, [&](absl::string_view bytes) {
    out.append(bytes.data(), std::min(bytes.size(), max - out.size()));
    return out.size() < max;
  }).IgnoreError();
  return out;
}

}  // namespace muster::archive

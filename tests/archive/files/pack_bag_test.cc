// What is packed is a bag, whole or not at all.
#include <sys/stat.h>

#include "tests/archive/files/bag_fixture.h"

namespace muster::archive {
namespace {

const BagInfo kInfo = {{"Muster-Person", "p1"}, {"Bagging-Date", "2026-03-01"}};

TEST_F(BagTest, APackedBagIsTheseFilesAndIsValid) {
  const std::string text = "1/2/26, 10:00 - A: hello\n";
  const auto packed = Pack("bag-1", text, kInfo);
  ASSERT_TRUE(packed.ok()) << packed.status();
  std::filesystem::remove(Path("in.txt"));
  const std::string info =
      "Muster-Person: p1\nBagging-Date: 2026-03-01\nExternal-Identifier: bag-1\nBag-Size: 25 B\n"
      "Payload-Oxum: 25.1\n";
  std::map<std::string, std::string> want = {
      {"bag-1/bag-info.txt", info},
      {"bag-1/bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"},
      {"bag-1/data/chat.txt", text},
  };
  for (const std::string algorithm : {"sha256", "sha512"}) {
    want["bag-1/manifest-" + algorithm + ".txt"] = Sum(algorithm, text) + "  data/chat.txt\n";
  }
  const auto payload = want;
  for (const std::string algorithm : {"sha256", "sha512"}) {
    std::string tags;
    for (const std::string name :
         {"bag-info.txt", "bagit.txt", "manifest-sha256.txt", "manifest-sha512.txt"}) {
      tags += Sum(algorithm, payload.at("bag-1/" + name)) + "  " + name + "\n";
    }
    want["bag-1/tagmanifest-" + algorithm + ".txt"] = tags;
  }
  EXPECT_EQ(All(), want);
  EXPECT_EQ(packed->path, Path("bag-1"));
  EXPECT_EQ(packed->payload_oxum, "25.1");
  EXPECT_EQ(packed->tagmanifest_sha256, Sha256Hex(want["bag-1/tagmanifest-sha256.txt"]));

  const auto valid = ValidateBag(packed->path);
  ASSERT_TRUE(valid.ok()) << valid.status();
  EXPECT_TRUE(valid->as_packed);
  EXPECT_EQ(valid->version, "1.0");
  EXPECT_EQ(valid->payload_oxum, "25.1");
  EXPECT_EQ(valid->payload_bytes, 25u);
  EXPECT_EQ(valid->payload_files, 1u);
  EXPECT_EQ(valid->tagmanifest_sha256, packed->tagmanifest_sha256);
  EXPECT_EQ(valid->payload_paths, std::vector<std::string>{"data/chat.txt"});
  EXPECT_EQ(valid->algorithms, (std::vector<std::string>{"sha256", "sha512"}));
  EXPECT_EQ(FindInfo(valid->info, "Muster-Person"), "p1");
  struct stat st;
  ASSERT_EQ(stat(packed->path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0770u) << "the records staff move it";
}

TEST_F(BagTest, ADayIsFilledInAndALargeExportIsCopiedWhole) {
  std::string text(3 << 20, 'x');
  text[1234567] = 'y';
  ASSERT_TRUE(Pack("big", text).ok());
  EXPECT_EQ(Read("big/data/chat.txt"), text);
  const auto bag = ValidateBag(Path("big"));
  ASSERT_TRUE(bag.ok());
  EXPECT_EQ(FindInfo(bag->info, kInfoBaggingDate).size(), 10u);
  EXPECT_EQ(FindInfo(bag->info, kInfoBagSize), "3.1 MB");
}

TEST_F(BagTest, ABagIsNeverOverwritten) {
  ASSERT_TRUE(Pack("one", "first").ok());
  const auto before = All();
  EXPECT_EQ(Pack("one", "second").status().code(), absl::StatusCode::kAlreadyExists);
  Write("in.txt", "first");
  EXPECT_EQ(All(), before);
}

TEST_F(BagTest, NothingIsLeftOfABagThatCouldNotBePacked) {
  Write("in.txt", "changed");
  const int fd = open(Path("in.txt").c_str(), O_RDONLY | O_CLOEXEC);
  PackInputs in = {.payload_fd = fd,
                   .payload_name = "chat.txt",
                   .info = {},
                   .bag_id = "one",
                   .expected_sha256 = Sha256Hex("as it was")};
  EXPECT_EQ(PackBag(dir_.string(), in).status().code(), absl::StatusCode::kFailedPrecondition);
  in.expected_sha256 = Sha256Hex("changed");
  for (const char* id : {"", "..", "a/b", ".hidden"}) {
    in.bag_id = id;
    EXPECT_EQ(PackBag(dir_.string(), in).status().code(), absl::StatusCode::kInvalidArgument);
  }
  in.bag_id = "one";
  for (const char* name : {"", "..", "a/b", "a\\b", "/a"}) {
    in.payload_name = name;
    EXPECT_EQ(PackBag(dir_.string(), in).status().code(), absl::StatusCode::kInvalidArgument);
  }
  in.payload_name = "chat.txt";
  EXPECT_EQ(PackBag(Path("nowhere"), in).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(All(), (std::map<std::string, std::string>{{"in.txt", "changed"}}));
  EXPECT_FALSE(std::filesystem::exists(Path(".one.packing")));
  // What a killed run left is no obstacle.
  Write(".one.packing/data/chat.txt", "half");
  EXPECT_TRUE(PackBag(dir_.string(), in).ok());
  EXPECT_FALSE(std::filesystem::exists(Path(".one.packing")));
  close(fd);
}

}  // namespace
}  // namespace muster::archive

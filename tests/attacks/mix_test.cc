// Mix and match: good documents and chunks in the wrong place.
#include "tests/attacks/world.h"

namespace muster::attacks {
namespace {

constexpr Case kMixes[] = {
    {"assignment_of_another_device", "WRONG_DEVICE",
     [](World& w) {
       return w.Attack({w.tenant.SignedAssignment(6, [](auto& a) {
         a.mutable_header()->set_name("assignment/dev-2");
         a.set_device_id("dev-2");
         a.set_certificate_key_sha256(TestKey("device2").key_id());
       })});
     }},
    {"own_name_another_device_id", "WRONG_DEVICE",
     [](World& w) {
       return w.Attack({w.tenant.SignedAssignment(6, [](auto& a) { a.set_device_id("dev-2"); })});
     }},
    {"own_device_another_certificate_key", "WRONG_DEVICE",
     [](World& w) {
       return w.Attack({w.tenant.SignedAssignment(
           6, [](auto& a) { a.set_certificate_key_sha256(TestKey("device2").key_id()); })});
     }},
    {"from_before_the_device_enrolled_again", "WRONG_DEVICE",
     [](World& w) {
       const v1::SignedDoc mine = w.tenant.SignedAssignment(6);
       World again{World::Fresh()};
       again.acceptor = std::make_unique<agent::PolicyAcceptor>(
           agent::DeviceIdentity{"agency", kDevice, TestKey("device2").key_id()}, &again.store,
           &again.clock, [](const auto&) {});
       EXPECT_TRUE(again.acceptor->Load().ok());
       return again.Attack({mine});
     }},
    {"assignment_to_another_platforms_cohort", "WRONG_COHORT",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedAssignment(6, [](auto& a) { a.set_cohort("cohort/windows"); })});
     }},
    {"assignment_without_a_cohort", "EMPTY",
     [](World& w) {
       return w.Attack({w.tenant.SignedAssignment(6, [](auto& a) { a.clear_cohort(); })});
     }},
    {"cohort_of_another_platform", "WRONG_COHORT",
     [](World& w) {
       return w.Attack({w.tenant.SignedCohort(6, [](auto& c) {
         c.mutable_header()->set_name("cohort/ios");
         c.set_platform(v1::Platform::IOS);
       })});
     }},
    {"own_name_another_platform", "WRONG_COHORT",
     [](World& w) {
       return w.Attack(
           {w.tenant.SignedCohort(6, [](auto& c) { c.set_platform(v1::Platform::IOS); })});
     }},
    {"cohort_before_any_assignment", "NOT_NAMED",
     [](World& w) {
       World fresh{World::Fresh()};
       return fresh.Attack({w.tenant.SignedCohort(6)});
     }},
    {"cohort_beside_a_refused_assignment", "WRONG_DEVICE, NOT_NAMED",
     [](World& w) {
       World fresh{World::Fresh()};
       return fresh.Attack({w.tenant.SignedAssignment(6, [](auto& a) { a.set_device_id("dev-2"); }),
                            w.tenant.SignedCohort(6)});
     }},
};
MUSTER_ATTACKS(MixAndMatch, kMixes);

std::string Manifest(World& w, const Edit<v1::CohortPolicy>& edit) {
  return w.Attack({w.tenant.SignedCohort(6, edit)});
}

constexpr Case kManifests[] = {
    {"no_chunk", "EMPTY", [](World& w) { return Manifest(w, [](auto& c) { c.clear_chunks(); }); }},
    {"one_chunk_twice", "MALFORMED",
     [](World& w) {
       return Manifest(w, [](auto& c) { *c.add_chunks() = v1::ChunkRef(c.chunks(0)); });
     }},
    {"chunk_of_0_bytes", "MALFORMED",
     [](World& w) { return Manifest(w, [](auto& c) { c.mutable_chunks(0)->set_size(0); }); }},
    {"chunk_over_64_kib", "OVERSIZE",
     [](World& w) {
       return Manifest(w, [](auto& c) { c.mutable_chunks(0)->set_size((64 << 10) + 1); });
     }},
    {"513_chunks", "OVERSIZE",
     [](World& w) {
       return Manifest(w, [](auto& c) {
         for (int i = 1; i < 513; ++i) {
           v1::ChunkRef* ref = c.add_chunks();
           ref->set_sha256(Sha256Hex(absl::StrCat(i)));
           ref->set_size(1);
         }
       });
     }},
    {"hash_in_capitals", "MALFORMED",
     [](World& w) {
       return Manifest(w, [](auto& c) { c.mutable_chunks(0)->set_sha256(std::string(64, 'A')); });
     }},
    {"hash_that_is_a_path", "MALFORMED",
     [](World& w) {
       return Manifest(w, [](auto& c) { c.mutable_chunks(0)->set_sha256("../accepted.pb"); });
     }},
    {"wrong_size_of_a_chunk_at_hand", "MALFORMED",
     [](World& w) {
       return Manifest(w, [](auto& c) { c.mutable_chunks(0)->set_size(c.chunks(0).size() + 1); });
     }},
};
MUSTER_ATTACKS(ChunkManifest, kManifests);

// A policy of two new chunks waits; the attacker answers the Need.
constexpr char kOther[] = "other", kThird[] = "third";
std::string Wait(World& w, const Edit<v1::CohortPolicy>& edit = nullptr) {
  return w.Attack({w.tenant.SignedCohort(6, [&](auto& c) {
    *c.add_chunks() = w.tenant.Chunk(Tenant::Content(kOther));
    *c.add_chunks() = w.tenant.Chunk(Tenant::Content(kThird));
    if (edit) edit(c);
  })});
}
std::string HashOf(const char* id) { return Sha256Hex(Tenant::Content(id)); }
std::string Send(World& w, const char* id) {
  return w.AttackChunk(HashOf(id), Tenant::Content(id));
}
// A policy of one chunk of these bytes waits, and gets it.
std::string Deliver(World& w, const std::string& bytes, int size_off = 0) {
  const std::string need = w.Attack({w.tenant.SignedCohort(6, [&](auto& c) {
    *c.mutable_chunks(0) = w.tenant.Chunk(bytes);
    c.mutable_chunks(0)->set_size(c.chunks(0).size() + static_cast<uint32_t>(size_off));
  })});
  return InTurn({need, w.AttackChunk(Sha256Hex(bytes), bytes)});
}

constexpr Case kChunks[] = {
    {"bytes_of_another_policys_chunk", "NEED 2, MALFORMED",
     [](World& w) {
       return InTurn({Wait(w), w.AttackChunk(HashOf(kOther), Tenant::Content("chat"))});
     }},
    {"two_chunks_swapped", "NEED 2, MALFORMED",
     [](World& w) {
       return InTurn({Wait(w), w.AttackChunk(HashOf(kOther), Tenant::Content(kThird)),
                      w.AttackChunk(HashOf(kThird), Tenant::Content(kOther))});
     }},
    {"cut_short", "NEED 2, MALFORMED",
     [](World& w) {
       const std::string bytes = Tenant::Content(kOther);
       return InTurn({Wait(w), w.AttackChunk(HashOf(kOther), bytes.substr(0, bytes.size() - 1))});
     }},
    {"made_longer", "NEED 2, MALFORMED",
     [](World& w) {
       return InTurn({Wait(w), w.AttackChunk(HashOf(kOther), Tenant::Content(kOther) + "x")});
     }},
    {"far_too_long", "NEED 2, MALFORMED",
     [](World& w) {
       return InTurn({Wait(w), w.AttackChunk(HashOf(kOther), std::string(1 << 20, 'x'))});
     }},
    {"empty_bytes", "NEED 2, MALFORMED",
     [](World& w) {
       return InTurn({Wait(w), w.AttackChunk(HashOf(kOther), "")});
     }},
    {"one_that_was_not_asked_for", "NEED 2",
     [](World& w) {
       return InTurn({Wait(w), Send(w, "unasked"), Send(w, "chat")});
     }},
    {"one_sent_twice", "NEED 2",
     [](World& w) {
       return InTurn({Wait(w), Send(w, kOther), Send(w, kOther)});
     }},
    {"without_any_policy_that_waits", "", [](World& w) { return Send(w, kOther); }},
    {"under_the_name_of_a_state_file", "NEED 2",
     [](World& w) {
       return InTurn({Wait(w), w.AttackChunk("../accepted.pb", "x")});
     }},
    {"size_that_does_not_fit_its_hash", "NEED 1, MALFORMED",
     [](World& w) { return Deliver(w, Tenant::Content(kOther), 1); }},
    {"chunk_that_is_no_content", "NEED 1, MALFORMED",
     [](World& w) { return Deliver(w, "\xff\xff"); }},
    {"chunk_without_an_app", "NEED 1, EMPTY",
     [](World& w) {
       v1::CohortContent content;
       content.add_blocklist("chat");
       return Deliver(w, content.SerializeAsString());
     }},
    {"policy_that_ended_while_it_waited", "NEED 2, EXPIRED",
     [](World& w) {
       std::string out = InTurn({Wait(w), Send(w, kOther)});
       w.clock.Advance(absl::Hours(24 * 10));
       return InTurn({out, Send(w, kThird)});
     }},
    {"policy_whose_key_was_replaced_while_it_waited", "NEED 2, UNKNOWN_KEY",
     [](World& w) {
       std::string out = InTurn({Wait(w), Send(w, kOther)});
       w.tenant.policy_key = "policy2";
       w.Take({w.tenant.SignedRoot(2)});
       return InTurn({out, Send(w, kThird)});
     }},
    {"policy_of_an_epoch_that_ended_while_it_waited", "NEED 2, ROLLBACK",
     [](World& w) {
       std::string out = InTurn({Wait(w), Send(w, kOther)});
       w.tenant.epoch = 2;
       w.Take({w.tenant.SignedRoot(2)});
       return InTurn({out, Send(w, kThird)});
     }},
};
MUSTER_ATTACKS(ChunkBytes, kChunks);

TEST(ChunkNeed, NamesWhatIsMissingAndNothingElse) {
  World w;
  const agent::AcceptOutcome outcome =
      w.acceptor->Accept(World::UpdateOf({w.tenant.SignedCohort(6, [&](auto& c) {
        *c.add_chunks() = w.tenant.Chunk(Tenant::Content(kOther));
        *c.add_chunks() = w.tenant.Chunk(Tenant::Content(kThird));
      })}));
  ASSERT_EQ(World::Texts(outcome), "NEED 2");
  const auto& chunks = outcome.answers[0].need().chunks();
  EXPECT_EQ(std::set<std::string>(chunks.begin(), chunks.end()),
            (std::set<std::string>{HashOf(kOther), HashOf(kThird)}));
}

TEST(ChunkNeed, OneDamagedOnDiskIsAskedForAgain) {
  World w;
  EXPECT_EQ(InTurn({Wait(w), Send(w, kOther)}), "NEED 2");
  ASSERT_TRUE(w.store.Write(absl::StrCat(agent::kChunkDir, "/", HashOf(kOther)), "x").ok());
  EXPECT_EQ(Send(w, kThird), "NOT_SAVED");
  EXPECT_EQ(Wait(w), "NEED 1");
  w.ExpectUnharmed();
}

TEST(ChunkNeed, TheOrderOfChunksIsTheManifestsWhateverTheOrderTheyComeIn) {
  World w;
  EXPECT_EQ(InTurn({Wait(w), Send(w, kThird)}), "NEED 2");
  v1::Chunk chunk;
  chunk.set_sha256(HashOf(kOther));
  chunk.set_data(Tenant::Content(kOther));
  EXPECT_EQ(World::Texts(w.acceptor->AddChunk(chunk)), "OK");
  std::vector<std::string> ids;
  for (const v1::App& app : w.acceptor->current()->content.apps()) ids.push_back(app.id());
  EXPECT_EQ(ids, (std::vector<std::string>{"chat", kOther, kThird}));
}

}  // namespace
}  // namespace muster::attacks

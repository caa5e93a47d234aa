// Lists of requests and dry runs of an apply, at an agency's size.
//   decisions seed DB REQUESTS DEVICES   fills a store that no musterd has open
//   decisions measure PROFILE POLICIES   asks the musterd of PROFILE; prints "KEY SECONDS" lines
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/connection.h"
#include "cli/policy_files.h"
#include "common/clock.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/flow/records.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/request.pb.h"

namespace muster {
namespace {

constexpr int kRounds = 30;
constexpr size_t kBatch = 2'000;

class Seeder {
 public:
  explicit Seeder(Store& store) : store_(store) {}
  template <typename T>
  absl::Status Add(std::string key, const T& value) {
    Put(batch_, std::move(key), value);
    return batch_.puts.size() < kBatch ? absl::OkStatus() : Flush();
  }
  void Mark(std::string key, const std::string& value) {
    batch_.puts.push_back({std::move(key), value});
  }
  absl::Status Flush() {
    Mutation full;
    std::swap(full, batch_);
    return store_.Commit(std::move(full)).status();
  }

 private:
  Store& store_;
  Mutation batch_;
};

absl::Status SeedRequests(Seeder& seeder, int count, absl::Time now) {
  for (int i = 1; i <= count; ++i) {
    v1::Request r;
    r.set_request_id(absl::StrFormat("REQ-%06d", i));
    r.set_state(i % 5 == 0 ? v1::Request::MORE_INFO : v1::Request::AWAITING_APPROVAL);
    r.set_app_id("whatsapp");
    r.set_person_id(absl::StrFormat("00000000-0000-4000-8000-%012d", i));
    r.set_person_upn(absl::StrCat("user", i, "@bench.test"));
    r.set_requester_upn("desk@bench.test");
    r.set_ticket(absl::StrCat("INC", i));
    r.set_ticket_source("service-desk");
    r.set_justification("Liaison with a partner that uses nothing else; measured, not meant.");
    r.set_transaction_id(absl::StrFormat("tx-%016d", i));
    *r.mutable_submitted_at() = ToProto(now - absl::Minutes(i));
    *r.mutable_state_since() = r.submitted_at();
    *r.mutable_due_at() = ToProto(now + absl::Hours(24 * 20));
    *r.mutable_expires_at() = ToProto(now + absl::Hours(24 * 30));
    seeder.Mark(OpenRequestKey(r.person_id(), r.app_id()), r.request_id());
    MUSTER_RETURN_IF_ERROR(seeder.Add(RequestKey(r.request_id()), r));
  }
  seeder.Mark(CounterKey("REQ"), absl::StrCat(count));
  return seeder.Flush();
}

// Retired ones are as cheap to count; these are enrolled, but never publish anything: their
// owner is nobody of the directory.
absl::Status SeedDevices(Seeder& seeder, int count) {
  for (int i = 1; i <= count; ++i) {
    v1::Device d;
    d.set_device_id(absl::StrFormat("dev-%016d", i));
    d.set_state(v1::Device::ENROLLED);
    d.set_platform(v1::Platform::LINUX);
    d.set_hostname(absl::StrCat("host", i));
    if (i % 20 == 0) seeder.Mark(InstalledKey("signal", d.device_id()), "1");
    MUSTER_RETURN_IF_ERROR(seeder.Add(DeviceKey(d.device_id()), d));
  }
  return seeder.Flush();
}

absl::Status Seed(const std::string& db, int requests, int devices) {
  MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store, RocksDbStore::Open(db));
  Seeder seeder(*store);
  MUSTER_RETURN_IF_ERROR(SeedRequests(seeder, requests, SystemClock().Now()));
  return SeedDevices(seeder, devices);
}

absl::Status Time(cli::AdminClient& client, const std::string& key, const std::string& method,
                  const google::protobuf::Message& request, google::protobuf::Message* response,
                  int rounds) {
  const SystemClock clock;
  for (int i = 0; i < rounds; ++i) {
    const absl::Time start = clock.Now();
    MUSTER_RETURN_IF_ERROR(client.Call(method, request, response));
    std::printf("%s %.6f\n", key.c_str(), absl::ToDoubleSeconds(clock.Now() - start));
  }
  return absl::OkStatus();
}

absl::Status MeasureLists(cli::AdminClient& client) {
  v1::ListRequestsResponse page;
  v1::ListRequestsRequest first;
  first.set_open(true);
  MUSTER_RETURN_IF_ERROR(Time(client, "list", "ListRequests", first, &page, kRounds));
  v1::ListRequestsRequest last = first;
  last.set_page_size(1'000);
  last.set_cursor(RequestKey("REQ-009000"));
  MUSTER_RETURN_IF_ERROR(Time(client, "page", "ListRequests", last, &page, kRounds));
  // The filter that keeps least: everything is looked at.
  v1::ListRequestsRequest filter = first;
  filter.set_state(v1::Request::MORE_INFO);
  *filter.mutable_older_than() = ToProto(absl::Hours(24 * 6));
  MUSTER_RETURN_IF_ERROR(Time(client, "filter", "ListRequests", filter, &page, kRounds));
  v1::ListRequestsRequest ticket;
  ticket.set_ticket("INC10000");
  return Time(client, "ticket", "ListRequests", ticket, &page, kRounds);
}

absl::Status Measure(const std::string& profile_file, const std::string& folder) {
  MUSTER_ASSIGN_OR_RETURN(const cli::Profile profile, cli::LoadProfile(profile_file));
  MUSTER_ASSIGN_OR_RETURN(const auto client, cli::Connect(profile, absl::Seconds(60)));
  MUSTER_RETURN_IF_ERROR(MeasureLists(*client));
  MUSTER_ASSIGN_OR_RETURN(const cli::PolicyFiles files, cli::ReadPolicyFolder(folder));
  v1::ApplyPoliciesRequest apply;
  apply.mutable_files()->Assign(files.files.begin(), files.files.end());
  apply.set_dry_run(true);
  apply.set_prune(true);
  v1::ApplyPoliciesResponse answer;
  MUSTER_RETURN_IF_ERROR(Time(*client, "apply", "ApplyPolicies", apply, &answer, 10));
  if (answer.impact().devices() == 0) return absl::InternalError("the dry run changed nothing");
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384", 1);
  const std::string mode = argc > 1 ? argv[1] : "";
  absl::Status status = absl::InvalidArgumentError("see the head of bench/decisions.cc");
  int requests = 0, devices = 0;
  if (mode == "seed" && argc == 5 && absl::SimpleAtoi(argv[3], &requests) &&
      absl::SimpleAtoi(argv[4], &devices)) {
    status = Seed(argv[2], requests, devices);
  } else if (mode == "measure" && argc == 4) {
    status = Measure(argv[2], argv[3]);
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace muster

int main(int argc, char** argv) { return muster::Main(argc, argv); }

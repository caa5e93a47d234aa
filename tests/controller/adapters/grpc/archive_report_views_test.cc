// Reports on archives from stored records.
#include "controller/adapters/grpc/archive_report_views.h"

#include <gtest/gtest.h>

#include "controller/domain/cannot_be_known.h"
#include "controller/flow/compliance_history.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

using Lines = std::vector<std::string>;
constexpr absl::Duration kDay = absl::Hours(24);

// Each call with an answer of its own; its status where it is refused.
template <typename Response, typename Call, typename Request>
absl::StatusOr<Response> Ask(const Services& services, Call call, const Request& request) {
  Response out;
  if (absl::Status s = call(services, request, out); !s.ok()) return s;
  EXPECT_EQ(out.cannot_be_known(), kCannotBeKnown);
  EXPECT_TRUE(out.has_at());
  return out;
}

// The world's clock begins on 2027-01-15, 08:00 UTC: FY2027 Q2.
class ArchiveReportViewsTest : public World {
 protected:
  ArchiveReportViewsTest() {
    LoadCatalogue();
    directory_->edit = [](DirectorySnapshot& read) {
      read.persons.at(IdOf(kAlice)).set_office("Field");
      read.persons.at(IdOf(kAlice)).set_manager_id(IdOf(kBob));
    };
    EXPECT_TRUE(Sync().ok());
    Owe(kAlice, "alice", "Field", "aa", v1::Obligation::OVERDUE, 21);
    Owe(kAlice, "alice", "Field", "bb", v1::Obligation::LOSS_SUSPECTED, 30);
    Owe(kAlice, "alice", "Field", "cc", v1::Obligation::ACCRUING, 3);
    Owe(kBob, "bob", "", "", v1::Obligation::UNKNOWN, 5);
  }

  void Owe(int n, const std::string& name, const std::string& office, const std::string& chat,
           v1::Obligation::State state, int days) {
    v1::Obligation o;
    o.set_person_id(IdOf(n));
    o.set_person_upn(name + "@agency.test");
    o.set_office(office);
    o.set_app_id("whatsapp");
    o.set_device_id("d");
    o.set_chat_key(chat);
    o.set_grant_id("GR-" + name);
    o.set_state(state);
    o.set_level(v1::Evidence::E3_RECEIPTED);
    o.set_compliant(state == v1::Obligation::ACCRUING || state == v1::Obligation::UNKNOWN);
    *o.mutable_uncovered_since() = ToProto(clock_.Now() - days * kDay);
    const absl::CivilDay due =
        absl::ToCivilDay(clock_.Now() - days * kDay, absl::UTCTimeZone()) + 21;
    *o.mutable_due_at() = ToProto(absl::FromCivil(due, absl::UTCTimeZone()) - absl::Nanoseconds(1));
    Store(ObligationKey(IdOf(n), "whatsapp", "d", chat), o);
  }
  template <typename T>
  void Store(const std::string& key, const T& record) {
    Mutation mutation;
    Put(mutation, key, record);
    EXPECT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  v1::Incident StoreIncident(const std::string& id, v1::Incident::State state,
                             absl::Duration age = kDay) {
    v1::Incident incident;
    incident.set_incident_id(id);
    incident.set_state(state);
    incident.set_office("Field");
    incident.set_person_id(IdOf(kAlice));
    incident.set_person_upn("alice@agency.test");
    *incident.mutable_opened_at() = ToProto(clock_.Now() - age);
    Store(IncidentKey(id), incident);
    return incident;
  }
  absl::StatusOr<v1::ReportArchiveResponse> Archive(const v1::ReportArchiveRequest& in) {
    return Ask<v1::ReportArchiveResponse>(*services_, &ReportArchive, in);
  }
  // "group compliant/obligations overdue unknown losses".
  static Lines Rows(const absl::StatusOr<v1::ReportArchiveResponse>& report) {
    if (!report.ok()) return {std::string(report.status().message())};
    Lines out;
    for (const v1::ComplianceFigures& f : report->items()) {
      out.push_back(absl::StrCat(f.group(), " ", f.compliant(), "/", f.obligations(), " ",
                                 f.overdue(), " ", f.unknown(), " ", f.losses()));
    }
    return out;
  }
};

TEST_F(ArchiveReportViewsTest, ByOfficeAndByPerson) {
  breaks_store_ = true;
  StoreIncident("LOSS-1", v1::Incident::SUSPECTED);
  v1::ReportArchiveRequest in;
  EXPECT_EQ(Rows(Archive(in)), (Lines{"(no office) 0/1 0 1 0", "Field 1/3 2 0 1"}));
  EXPECT_EQ(Archive(in)->total().obligations(), 4u);
  EXPECT_EQ(Archive(in)->tenant(), "agency");
  in.set_office("Field");
  EXPECT_EQ(Rows(Archive(in)), Lines{"Field 1/3 2 0 1"});
  in.set_by("person");
  EXPECT_EQ(Rows(Archive(in)), Lines{"alice@agency.test 1/3 2 0 1"});
  in.clear_office();
  in.set_person_upn("bob@agency.test");
  EXPECT_EQ(Rows(Archive(in)), Lines{"bob@agency.test 0/1 0 1 0"});
  in.set_app_id("signal");
  EXPECT_EQ(Rows(Archive(in)), Lines());
}

TEST_F(ArchiveReportViewsTest, ByMonthFromWhatWasWrittenDown) {
  ASSERT_TRUE(RunComplianceHistory(*services_).ok());
  clock_.Advance(31 * kDay);
  ASSERT_TRUE(RunComplianceHistory(*services_).ok());
  v1::ReportArchiveRequest in;
  in.set_by("month");
  // By February all clocks have run out.
  EXPECT_EQ(Rows(Archive(in)), (Lines{"2027-01 1/4 2 1 0", "2027-02 0/4 4 1 0"}));
  EXPECT_FALSE(Archive(in)->has_total());
  in.set_office("Field");
  EXPECT_EQ(Rows(Archive(in)), (Lines{"2027-01 1/3 2 0 0", "2027-02 0/3 3 0 0"}));
  *in.mutable_from() = ToProto(absl::FromCivil(absl::CivilDay(2027, 2, 1), absl::UTCTimeZone()));
  EXPECT_EQ(Rows(Archive(in)), Lines{"2027-02 0/3 3 0 0"});
  *in.mutable_until() = in.from();
  EXPECT_EQ(Rows(Archive(in)), Lines{"--until must be later than --from"});
}

TEST_F(ArchiveReportViewsTest, MistakesAreToldApart) {
  v1::ReportArchiveRequest in;
  in.set_by("year");
  EXPECT_EQ(Rows(Archive(in)), Lines{"--by is office, person or month"});
  in.set_by("month");
  in.set_app_id("whatsapp");
  EXPECT_EQ(Rows(Archive(in)),
            Lines{"figures over time are kept by office: --by month goes with --office, not with "
                  "--person or --app"});
  in.set_by("office");
  *in.mutable_from() = ToProto(clock_.Now());
  EXPECT_EQ(Rows(Archive(in)), Lines{"--from and --until go with --by month"});
  in.clear_from();
  in.set_app_id("nope");
  EXPECT_EQ(Archive(in).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ArchiveReportViewsTest, OverdueIsLongestFirstWithManagerAndSuspension) {
  breaks_store_ = true;
  v1::Grant grant;
  grant.set_grant_id("GR-alice");
  grant.set_state(v1::Grant::SUSPENDED);
  grant.set_suspended_for(v1::Grant::Suspension::ARCHIVE_OVERDUE);
  Store(GrantKey("GR-alice"), grant);
  const auto report =
      Ask<v1::ReportOverdueResponse>(*services_, &ReportOverdue, v1::ReportOverdueRequest());
  ASSERT_TRUE(report.ok());
  Lines rows;
  for (const auto& item : report->items()) {
    rows.push_back(absl::StrCat(item.person_upn(), " ", item.chat_key(), " ", item.state(), " ",
                                item.days(), " ", TimeText(FromProto(item.since())), " ",
                                item.manager_upn(), item.export_only() ? " export-only" : ""));
  }
  EXPECT_EQ(rows, (Lines{"alice@agency.test bb LOSS_SUSPECTED 30 2027-01-06T00:00:00Z "
                         "bob@agency.test export-only",
                         "alice@agency.test aa OVERDUE 21 2027-01-15T00:00:00Z bob@agency.test "
                         "export-only"}));
  v1::ReportOverdueRequest other;
  other.set_office("Elsewhere");
  EXPECT_EQ(Ask<v1::ReportOverdueResponse>(*services_, &ReportOverdue, other)->items_size(), 0);
}

TEST_F(ArchiveReportViewsTest, AQuarterCountsWhatItSaw) {
  breaks_store_ = true;
  v1::ExportRecord seen;
  *seen.mutable_seen()->mutable_seen_at() = ToProto(clock_.Now());
  Store("export/p/whatsapp/aa/1", seen);
  *seen.mutable_seen()->mutable_seen_at() = ToProto(clock_.Now() - 20 * kDay);  // in Q1
  Store("export/p/whatsapp/aa/2", seen);
  v1::ReceiptRecord receipt;
  *receipt.mutable_accepted_at() = ToProto(clock_.Now());
  Store(ReceiptKey("b"), receipt);
  v1::Incident reported = StoreIncident("LOSS-1", v1::Incident::REPORTED);
  *reported.mutable_reported_at() = ToProto(clock_.Now());
  Store(IncidentKey("LOSS-1"), reported);
  StoreIncident("LOSS-2", v1::Incident::NOT_A_LOSS, 20 * kDay);
  v1::ReportQuarterlyRequest in;
  auto report = Ask<v1::ReportQuarterlyResponse>(*services_, &ReportQuarterly, in);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->quarter(), "FY2027 Q2");
  EXPECT_EQ(TimeText(FromProto(report->from())), "2027-01-01T00:00:00Z");
  EXPECT_EQ(TimeText(FromProto(report->until())), "2027-04-01T00:00:00Z");
  EXPECT_EQ(report->exports(), 1u);
  EXPECT_EQ(report->receipts(), 1u);
  EXPECT_EQ(report->incidents_opened(), 1u);
  EXPECT_EQ(report->incidents_reported(), 1u);
  EXPECT_EQ(report->incidents_open(), 1u);
  EXPECT_EQ(report->total().obligations(), 4u);
  in.set_year(2027);
  in.set_quarter(1);
  report = Ask<v1::ReportQuarterlyResponse>(*services_, &ReportQuarterly, in);
  EXPECT_EQ(report->exports(), 1u);
  EXPECT_EQ(report->incidents_opened(), 1u);
  EXPECT_EQ(report->incidents_reported(), 0u);
  in.set_quarter(3);
  EXPECT_EQ(Ask<v1::ReportQuarterlyResponse>(*services_, &ReportQuarterly, in).status().message(),
            "FY2027 Q3 has not begun; it is FY2027 Q2 now");
  in.set_quarter(9);
  EXPECT_EQ(Ask<v1::ReportQuarterlyResponse>(*services_, &ReportQuarterly, in).status().message(),
            "FY2027 Q9 is no quarter of a fiscal year; write it as FY2027Q1");
}

TEST_F(ArchiveReportViewsTest, NaraHearsOfWhatIsConfirmedOrUndecided) {
  breaks_store_ = true;
  StoreIncident("LOSS-1", v1::Incident::SUSPECTED);
  StoreIncident("LOSS-2", v1::Incident::NOT_A_LOSS);
  StoreIncident("LOSS-3", v1::Incident::CLOSED, 40 * kDay);
  const auto ids = [&](const v1::ReportNaraUdRequest& in) {
    const auto report = Ask<v1::ReportNaraUdResponse>(*services_, &ReportNaraUd, in);
    Lines out;
    for (const v1::Incident& incident : report->items()) out.push_back(incident.incident_id());
    return out;
  };
  v1::ReportNaraUdRequest in;
  EXPECT_EQ(ids(in), (Lines{"LOSS-1", "LOSS-3"}));
  *in.mutable_from() = ToProto(clock_.Now() - 2 * kDay);
  EXPECT_EQ(ids(in), Lines{"LOSS-1"});
  *in.mutable_until() = ToProto(clock_.Now() - kDay);
  EXPECT_EQ(ids(in), Lines());
}

}  // namespace
}  // namespace muster

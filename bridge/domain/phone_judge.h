// One phone before its judge: what JudgePhone() works with. Pure; lives for one call.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bridge/domain/phone_reading.h"
#include "bridge/domain/phone_state.h"

namespace muster::bridge {

// Where the restrictions profile that the phone should have stands.
enum class ProfileStep {
  kProven,    // taken by the UEM for it, and it was seen since
  kAccepted,  // taken, not seen since
  kSent,      // the UEM's answer is not known
  kDue,       // to be sent
  kRefused,   // the UEM will not
  kNotMade,   // the bridge cannot: its certificate does not hold
};

class PhoneJudge {
 public:
  // All outlive it.
  PhoneJudge(const v1::PhoneRecord& record, const PhonePolicy& policy,
             const std::vector<std::pair<std::string, AppSetup>>& setup,
             const std::vector<v1::BridgeOperation>& operations, absl::Time now);
  PhoneView Judge();

 private:
  using App = v1::PhoneApp;
  struct Case;  // one app: what is known of it

  // judge_phone.cc
  void SetHidden();
  ProfileStep FindProfileStep() const;
  v1::PhoneApp JudgeApp(const AppRuling& ruling);
  void SetPresence(const Case& c, App& app) const;
  void SetAction(const Case& c, App& app) const;
  void SetSince(const Case& c, App& app) const;

  // judge_block.cc
  void JudgeBlock(const Case& c, App& app);
  void JudgeThere(const Case& c, App& app) const;
  void JudgeHidden(const Case& c, App& app) const;
  void JudgeUsable(const Case& c, App& app) const;
  void JudgeRemoval(const Case& c, App& app) const;
  void JudgeUnhidden(const Case& c, App& app) const;
  void JudgeAbsent(const Case& c, App& app) const;
  bool HideProven(const Case& c) const;
  // A copy is there by an id that the profile does not name.
  bool IsThereUnnamed(const Case& c) const;
  std::string LeftOpenWords(const Case& c) const;
  std::string ProfileWords() const;
  // WordsOf() the reading, with what the UEM says where it will not ask the phone.
  std::string ReadingWords() const;

  // judge_allow.cc
  void JudgeGranted(const Case& c, App& app);
  void JudgeInstalled(const Case& c, App& app) const;
  void JudgeNotInstalled(const Case& c, App& app);
  void JudgeExportOnly(const Case& c, App& app) const;
  void JudgeReportOnly(const Case& c, App& app) const;
  bool LiftProven(const Case& c) const;

  bool enrolled() const { return record_.facts().enrolment() == v1::PhoneFacts::ENROLLED; }
  // The facts are newer than the action `name` of `at`, or were shown to be before.
  bool Proven(const Case& c, absl::string_view name, absl::Time at) const;
  // All that its proof waits for is another reading.
  bool WaitsForReading(const Case& c) const;

  const v1::PhoneRecord& record_;
  const PhonePolicy& policy_;
  const std::vector<std::pair<std::string, AppSetup>>& setup_;
  const std::vector<v1::BridgeOperation>& operations_;
  const absl::Time now_;
  const Reading reading_;
  std::map<absl::string_view, const App*> reported_;
  const v1::BridgeOperation* profile_ = nullptr;  // open, or refused
  ProfileStep step_ = ProfileStep::kDue;
  PhoneView view_;
};

struct PhoneJudge::Case {
  const AppRuling& ruling;
  const App& was;  // as reported last
  AppReading reading = {};
  const ManagedApp* managed = nullptr;           // what the UEM can install
  const v1::BridgeOperation* install = nullptr;  // open, or refused
  const v1::BridgeOperation* remove = nullptr;   // the same
  // When the UEM was told last; InfinitePast: never, or so long ago that it is over.
  absl::Time removed_at = absl::InfinitePast(), installed_at = absl::InfinitePast();

  // The UEM has a copy there that it can take away, and may.
  bool removable() const {
    return reading.managed != nullptr && managed != nullptr && !ruling.holds_records &&
           reading.managed->bundle_id() == managed->bundle_id;
  }
};

inline constexpr char kNoBundleId[] =
    "NO_BUNDLE_ID: the catalogue knows this app here by its signing certificate alone, which no "
    "UEM "
    "tells; its id has to be added to the catalogue.";
inline constexpr char kKeptBack[] =
    "The UEM's privacy setting keeps back what the person installed, so its absence proves "
    "nothing; "
    "the UEM team has to let this phone list its apps.";

// SENT and ACCEPTED: the UEM may have it.
bool IsWithUem(const v1::BridgeOperation* operation);
bool IsRefused(const v1::BridgeOperation* operation);

}  // namespace muster::bridge

// Rows of the table of a phone's states, and how one is checked.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/bridge/domain/phone_world.h"

namespace muster::bridge {

struct Row {
  const char* what;
  v1::Platform::Id platform;
  std::function<void(PhoneWorld&)> edit;
  v1::PhoneApp::State state;
  v1::PhoneApp::Wanted wanted;
  v1::PhoneApp::Presence presence;
  const char* action;  // due: "install", "remove" or ""
  const char* why;     // how it begins
};

inline void Check(const Row& row) {
  PhoneWorld world(row.platform);
  row.edit(world);
  const PhoneView view = world.Judge();
  ASSERT_EQ(view.apps.size(), 1u) << row.what;
  const v1::PhoneApp& app = view.apps[0];
  EXPECT_EQ(v1::PhoneApp::State_Name(app.state()), v1::PhoneApp::State_Name(row.state)) << row.what;
  EXPECT_EQ(v1::PhoneApp::Wanted_Name(app.wanted()), v1::PhoneApp::Wanted_Name(row.wanted))
      << row.what;
  EXPECT_EQ(v1::PhoneApp::Presence_Name(app.presence()), v1::PhoneApp::Presence_Name(row.presence))
      << row.what;
  std::string action;
  for (const WantedAction& a : view.actions) {
    action += a.kind == WantedAction::Kind::kInstall ? "install" : "remove";
  }
  EXPECT_EQ(action, row.action) << row.what;
  EXPECT_EQ(app.why().substr(0, std::string(row.why).size()), row.why) << row.what;
  if (*row.why == '\0') {
    EXPECT_EQ(app.why(), "") << row.what;
  }
  const bool unfit = row.state == v1::PhoneApp::VIOLATION || row.state == v1::PhoneApp::PENDING;
  EXPECT_EQ(view.distance, unfit ? 1u : 0u) << row.what;
}

}  // namespace muster::bridge

// Calls and options that the tests of the REST client share.
#pragma once

#include <string>

#include "bridge/adapters/ws1/http_transport.h"
#include "bridge/adapters/ws1/ws1_options.h"
#include "bridge/domain/uem.h"

namespace muster::bridge {

inline constexpr char kPhoneUuid[] = "0a1b2c3d-0000-4000-8000-00000000002a";
inline constexpr char kAppUuid[] = "0a1b2c3d-0000-4000-8000-0000000000aa";
inline constexpr char kGroupUuid[] = "0a1b2c3d-0000-4000-8000-0000000000bb";
inline constexpr char kUsersUuid[] = "0a1b2c3d-0000-4000-8000-0000000000cc";

inline Ws1Options TestOptions() {
  Ws1Options options;
  options.url = "https://uem.example";
  options.token_url = "https://token.example/connect/token";
  options.client_id = "muster & co";
  options.client_secret = "s3cret+/=";
  options.tenant_code = "tenant-code";
  options.organization_group = 570;
  return options;
}

inline UemPhone TestPhone() {
  UemPhone phone;
  phone.identity.set_uem_id(kPhoneUuid);
  phone.identity.set_platform(v1::Platform::IOS);
  phone.identity.set_serial("SER1");
  phone.number = 42;
  phone.udid = "udid42";
  return phone;
}

inline ManagedApp TestApp(ManagedApp::Kind kind = ManagedApp::Kind::kPublic) {
  ManagedApp app;
  app.app_id = "whatsapp";
  app.platform = v1::Platform::IOS;
  app.kind = kind;
  app.uem_id = kind == ManagedApp::Kind::kPurchased ? kAppUuid : "301";
  app.bundle_id = "net.whatsapp.WhatsApp";
  return app;
}

inline UemCall Call(UemCall::Kind kind) {
  UemCall call;
  call.kind = kind;
  call.phone = TestPhone();
  call.app = TestApp();
  call.group.name = "Muster blocked ios";
  call.group.id = "77";
  call.group.uuid = kGroupUuid;
  call.group.platform = v1::Platform::IOS;
  call.group.bundle_ids = {"a.b", "c.d"};
  call.group.user_groups = {kUsersUuid};
  return call;
}

inline HttpResponse Answer(int status, std::string body = "") {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

}  // namespace muster::bridge

// Keys of the attack cases and the fuzzers: fixed, so that a finding can be played again. They
// guard nothing. "emergency", "ed" and those of the log are
// Ed25519, all others P-256.
#pragma once

#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto.h"

namespace muster::attacks {

// PKCS#8, base64.
inline constexpr std::pair<const char*, const char*> kTestKeys[] = {
    {"root1",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgk8DAD8A7Fxzlaqxy"
     "MpXO841kxjkugdFFvLfcxamn6Z6hRANCAAS/VylVukx+UzhJV2Vd6z7s7LYa0tq2"
     "u7wxIc51jx3T2+174aY4y5wg8oPTqJHSeF2WNTYtdHamZYnHqPd/Ml12"},
    {"root2",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg43B/Q8wVyksASvVP"
     "W4VFdWiFERiGg4Z7LmbbCgXYYUihRANCAAQ6/tidsvprb3dkt25MKPQ40F5+B5mG"
     "3wRWPG7CqZrjWHYjJRzy7mtP6w1AWqsYFpssTAFSus71lx8LVI9u3h0O"},
    {"root3",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghtB5xq8NTDqYDN1/"
     "TC/JDIIvMjwVl+KFsDA7je6NIEGhRANCAARq6o9ic0/iAFBOEnBI7tuoOa/hrdNV"
     "UHaiFr6RrcpllmmozwYIx2qFzzJSrVl41JVpSmJiUINeg1skffLdx1XO"},
    {"root4",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBTJTEyg08HKZqdq3"
     "DZHFDjhNQDmtw+kZfXVoYstTG/qhRANCAATA4W6hp+w4IdOWK3iLbo1P/4e9MmZF"
     "BHJSKfZ/cnu87YStVB79XHxZZFvKf+G3fW6d5bMVMKzpZ7Aa7khfrHrW"},
    {"root5",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCSBkGINt6wd++9oo"
     "XACfbGNcG7I2z0vReaPZiSDHLbKhRANCAAReR+d4Kue9bkz+0u0bOfZ4Tf4AmTsU"
     "gG/+RORpU5zeVkvKrqyFMTDB8D4yFa/YwY9ScE+dDpEwM8SURQOlyVRF"},
    {"root6",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJjgEVMQ4YOD59Z/3"
     "KkE0Xm6kdQTW1X21RwU191KI6xahRANCAAQNp8+0PKlwpB8qNz9HbxYdOGqs39w0"
     "+eGn1EboKZG5J+Ba7djgLyTTkvrgRMRnP5J7XXhHKrnh6OT5jRhyiQrm"},
    {"policy",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg666/rf7mcSmh6Uie"
     "t5hxp6kj12jBZ+o17MgOgNNQ+mihRANCAAQkKYXDu0MpAorW6OJiJzCUdLO0XBUq"
     "bJjzpTVB60TJRDbEXxF9evzMBNcXVjmOzwQguFERhv09vpZNcUMEj3iA"},
    {"policy2",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGLe8hbBDv2Eo1lBO"
     "rCSVPWtf2TMYhE30qzW28PlDk4mhRANCAAR5Zvs8e5XKOTwkZi664CFZ9j8GercE"
     "z247GPe2B1GFQhitxfSrEJKKtWPpaIwrkFczfP+RjxZAxWGg1XvXlY9v"},
    {"assignment",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMnOgPIypcsy9G2mJ"
     "eq3bLId/T05gi1bca8Eh/ZIrDrmhRANCAARhpddcWXuWj5xGiqpXUEK8tJREhDnm"
     "a26uNCdlsVGnxnOyInYCxEsih2LYfYyr4xn1QBcvhWMr7yOxnw5gRdL9"},
    {"beacon",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgT+qeTlE/sKaGJ/Mf"
     "HFcG3x2FNlACA07Ouw8tCrGNGgehRANCAASyiSlGMLW+ED1ZKTJK2YXK45XG2pGD"
     "M3sW92rNK3IUYTg30/BKvnsz03rVADL5ZUdJijepRWMaO8+Tt/zd/OxM"},
    {"emergency", "MC4CAQAwBQYDK2VwBCIEIE2IXzNgt7aYg+b94/9QxUwV47UHvXHY5lb9nSt7k4EH"},
    {"records",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMhWm1tvi2DuD/E8n"
     "HA0ODTJ6VPVxPIfHGZCEMErKMQuhRANCAATKEXmDmK0gARJPN2hM2HRdCl6Esr/l"
     "dpqCsc69xWVUU601jekgUPMcHr+nqZXBZQ6JK/NS8KtDA2WrJBuw9mxO"},
    {"device",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgRBiAcpwdBG++7iCn"
     "9d4JUlcLeiVV1OH2R5jt/zeaVjihRANCAASWvaEE3imCa1B1bXlBv4Ya1DoGwj8b"
     "dwLuHpeF+AN0yPl4+SR47JwYewdIAV4ncwdQ0j+0GSsQzln4TTC4U5BF"},
    {"device2",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/uCGauwHWXotMHx3"
     "dWNf4YYKnK7tg7QaBzjbeinrTzOhRANCAASKpwb8ibY+Wf33DkhOhv67yJjI0XIK"
     "fIn0kz8oWjfqFET9El+yc9IEID1qOhizB6TdSKWGFnLPNXjLihb6CmYG"},
    {"stranger",
     "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkA+q3aUOeqtcUd3P"
     "d52QpjhN4jQ6Iv8q7fkunA3LsXKhRANCAAQKEu2RJt9qwWjdnX50Gy1Alco1ynZt"
     "/ZXa5EJIxeoDcL1+QqCrnCDsdKDB4cuO6GiWikaj9nrDiZ52hUwwYlhL"},
    {"log", "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"},
    {"log2", "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7"},
    {"ed", "MC4CAQAwBQYDK2VwBCIEIJ7uWFEdUsOOxlPJUUvMc/6xgbnFJLdAVQvYS2xFbeZE"},
};

inline const PrivateKey& TestKey(const std::string& name) {
  static const auto* const keys = [] {
    auto* out = new std::map<std::string, PrivateKey>();
    for (const auto& [key, base64] : kTestKeys) {
      const std::string pem =
          absl::StrCat("-----BEGIN PRIVATE KEY-----\n", base64, "\n-----END PRIVATE KEY-----\n");
      out->emplace(key, *PrivateKey::FromPem(pem));
    }
    return out;
  }();
  const auto it = keys->find(name);
  if (it == keys->end()) std::abort();
  return it->second;
}

}  // namespace muster::attacks

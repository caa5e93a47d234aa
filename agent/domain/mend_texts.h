// Messages whose texts are no UTF-8: protobuf writes them and never reads them again. Pure.
#pragma once

#include <google/protobuf/message.h>

namespace muster::agent {

// Puts each text that is no UTF-8, however deep, through CleanText, up to thrice as long; leaves
// all others and all bytes as they are.
void MendTexts(google::protobuf::Message& message);

}  // namespace muster::agent

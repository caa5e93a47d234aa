// What a person is told about their chats. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/domain/notice.h"
#include "muster/v1/archive.pb.h"

namespace muster::agent {

// `chats` of an app are DUE_SOON, URGENT or OVERDUE; `due` is the first of their last moments,
// shown in `zone`; InfiniteFuture: not known.
Notice ObligationNotice(absl::string_view app_name, v1::Obligation::State state, size_t chats,
                        absl::Time due, absl::TimeZone zone);
// The app runs only in export windows from now on.
Notice ExportOnlyNotice(absl::string_view app_name, absl::string_view app_id);
// A file in the export folder that was not taken; `why` in words.
Notice UnreadableNotice(absl::string_view file, absl::string_view why);
// An export whose dates can be read in two ways.
Notice AmbiguousNotice(absl::string_view file);
// The record repository has confirmed `exports` of them.
Notice ReceiptNotice(absl::string_view app_name, size_t exports);

}  // namespace muster::agent

// The paragraph that stands below every list and report about archives.
#pragma once

namespace muster {

inline constexpr char kCannotBeKnown[] =
    "What cannot be known: Muster counts only chats that somebody exported at least once; a chat "
    "that was never exported is not listed. Messages that were deleted, or that vanished by "
    "themselves, before an export are not in it, and no export shows that they existed. Chats on "
    "another device that is linked to the same account, or on a private one, are not seen. A name "
    "in an export does not prove who wrote. An export is a text that its holder could have "
    "changed before it was saved. A level says how a figure is known: E0 nothing is known, E1 the "
    "person says so, E2 an agent saw and read the export, E3 the record repository holds it and "
    "signed for it.";

}  // namespace muster

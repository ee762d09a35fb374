// What is sent to a Unix datagram socket along with descriptors is refused while its sender still waits.
#pragma once

#include "core/result.hpp"
#include "probe/features.hpp"

namespace nezuban {

// By a filter, which drops such a message without a word: sd_notify_barrier, which sends nothing but a descriptor and
// waits for its end, goes on. Else by SO_PASSRIGHTS, which has it fail (EPERM). Before the socket has a name. Takes
// some 20 ms, most of it for the kernel's types.
Result<void> refuse_descriptors(int socket, const Features& features);

// Sets SO_PASSRIGHTS to 0. False, with errno: this kernel doesn't know it.
[[nodiscard]] bool pass_no_rights(int socket);

} // namespace nezuban

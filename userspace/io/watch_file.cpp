#include "io/watch_file.hpp"

#include "io/errno.hpp"
#include "io/loop.hpp"
#include "io/unix_socket.hpp"

#include <array>

#include <sys/inotify.h>

namespace nezuban {

Result<DirectoryWatch> DirectoryWatch::open(const std::string& directory) {
    Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!fd) return fail_errno("creating an inotify instance");
    constexpr std::uint32_t events = IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ONLYDIR;
    if (::inotify_add_watch(fd.get(), directory.c_str(), events) < 0) return fail_errno("watching " + directory);
    return DirectoryWatch(std::move(fd));
}

bool DirectoryWatch::wait(Duration timeout) {
    if (!wait_ready(fd_.get(), ready::in, timeout)) return false;
    // What happened is not of interest, only that it did.
    std::array<char, 4096> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
    while (read_some(fd_.get(), buffer).how == Transfer::some) {
    }
    return true;
}

} // namespace nezuban

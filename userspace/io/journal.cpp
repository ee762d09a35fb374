#include "io/journal.hpp"

#include "io/library.hpp"

#include <vector>

#include <sys/uio.h>

namespace nezuban {

Result<Journal> Journal::open() {
    const auto library = Library::open({"libsystemd.so.0"});
    if (!library) return fail("libsystemd is needed: " + library.error().text);
    const auto send = library->function<Send>("sd_journal_sendv");
    if (!send) return fail("libsystemd is needed: " + send.error().text);
    return Journal(*send);
}

void Journal::send(std::span<const std::string> fields) const {
    std::vector<iovec> pieces;
    pieces.reserve(fields.size());
    for (const auto& field : fields) {
        pieces.push_back({.iov_base = const_cast<char*>(field.data()), .iov_len = field.size()});
    }
    send_(pieces.data(), static_cast<int>(pieces.size()));
}

} // namespace nezuban

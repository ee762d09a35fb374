#include "io/journal.hpp"

#include <vector>

#include <dlfcn.h>
#include <sys/uio.h>

namespace nezuban {

Result<Journal> Journal::open() {
    // Never closed: it lives as long as the process.
    void* handle = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    void* send = handle == nullptr ? nullptr : ::dlsym(handle, "sd_journal_sendv");
    if (send == nullptr) {
        const char* why = ::dlerror();
        return fail(std::string("libsystemd is needed: ") + (why == nullptr ? "no reason was given" : why));
    }
    return Journal(reinterpret_cast<Send*>(send));
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

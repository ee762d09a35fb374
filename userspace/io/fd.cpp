#include "io/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace nezuban {

void Fd::reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

Fd Fd::duplicate() const {
    return Fd(::fcntl(fd_, F_DUPFD_CLOEXEC, 3));
}

} // namespace nezuban

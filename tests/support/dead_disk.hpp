// A file system that answers nothing until it is given up, seen by this test and what it starts: a file server that is
// gone.
#pragma once

#include "fd.hpp"
#include "own_mount.hpp"

#include <string>

#include <fcntl.h>
#include <sys/mount.h>

namespace nezuban::test {

class DeadDisk {
public:
    explicit DeadDisk(std::string path)
        : server_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)),
          mount_(std::move(path), "fuse", MS_NOSUID | MS_NODEV,
                 "fd=" + std::to_string(server_.get()) + ",rootmode=40000,user_id=0,group_id=0") {}
    ~DeadDisk() {
        give_up(); // first: whoever lets go of the mount waits for nobody then
    }
    DeadDisk(const DeadDisk&) = delete;
    DeadDisk& operator=(const DeadDisk&) = delete;
    DeadDisk(DeadDisk&&) = delete;
    DeadDisk& operator=(DeadDisk&&) = delete;

    [[nodiscard]] bool mounted() const {
        return mount_.mounted();
    }
    // Whoever waits for it gets an error.
    void give_up() {
        server_ = Fd();
    }

private:
    Fd server_;
    OwnMount mount_;
};

} // namespace nezuban::test

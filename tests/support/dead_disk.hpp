// A file system that answers nothing until it is given up, seen by this test and what it starts: a file server that is
// gone.
#pragma once

#include "apart.hpp"
#include "fd.hpp"

#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/mount.h>

namespace nezuban::test {

class DeadDisk {
public:
    explicit DeadDisk(std::string path) : path_(std::move(path)), server_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
        static const bool alone = take_own_mounts();
        std::filesystem::create_directory(path_);
        const auto options = "fd=" + std::to_string(server_.get()) + ",rootmode=40000,user_id=0,group_id=0";
        mounted_ = alone && server_.get() >= 0
                   && ::mount("nztest", path_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
    }
    ~DeadDisk() {
        give_up();
        if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    }
    DeadDisk(const DeadDisk&) = delete;
    DeadDisk& operator=(const DeadDisk&) = delete;
    DeadDisk(DeadDisk&&) = delete;
    DeadDisk& operator=(DeadDisk&&) = delete;

    [[nodiscard]] bool mounted() const {
        return mounted_;
    }
    // Whoever waits for it gets an error.
    void give_up() {
        server_ = Fd();
    }

private:
    std::string path_;
    Fd server_;
    bool mounted_ = false;
};

} // namespace nezuban::test

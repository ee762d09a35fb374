// A small file system, seen by this test and what it starts, gone with them.
#pragma once

#include "apart.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <sys/mount.h>

namespace nezuban::test {

class SmallDisk {
public:
    SmallDisk(std::string path, const std::string& size) : path_(std::move(path)) {
        static const bool alone = take_own_mounts();
        std::filesystem::create_directory(path_);
        mounted_ = alone && ::mount("nztest", path_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    }
    ~SmallDisk() {
        if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    SmallDisk(SmallDisk&&) = delete;
    SmallDisk& operator=(SmallDisk&&) = delete;

    [[nodiscard]] bool mounted() const {
        return mounted_;
    }
    void fill() const {
        std::ofstream filler(path_ + "/filler");
        while (filler << std::string(4096, 'x') << std::flush) {
        }
    }
    // Only while nobody has a file of it open for writing.
    [[nodiscard]] bool read_only(bool wanted) const {
        const unsigned long writable = MS_REMOUNT;
        return ::mount("nztest", path_.c_str(), "tmpfs", wanted ? writable | MS_RDONLY : writable, nullptr) == 0;
    }
    void make_room() const {
        std::filesystem::remove(path_ + "/filler");
    }

private:
    std::string path_;
    bool mounted_ = false;
};

} // namespace nezuban::test

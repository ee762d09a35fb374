// A small file system, seen by this test and what it starts, gone with them.
#pragma once

#include "own_mount.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <sys/mount.h>

namespace nezuban::test {

class SmallDisk {
public:
    SmallDisk(std::string path, const std::string& size) : mount_(std::move(path), "tmpfs", 0, "size=" + size) {}

    [[nodiscard]] bool mounted() const {
        return mount_.mounted();
    }
    void fill() const {
        std::ofstream filler(mount_.path() + "/filler");
        while (filler << std::string(4096, 'x') << std::flush) {
        }
    }
    // Only while nobody has a file of it open for writing.
    [[nodiscard]] bool read_only(bool wanted) const {
        const unsigned long writable = MS_REMOUNT;
        return ::mount("nztest", mount_.path().c_str(), "tmpfs", wanted ? writable | MS_RDONLY : writable, nullptr)
               == 0;
    }
    void make_room() const {
        std::filesystem::remove(mount_.path() + "/filler");
    }

private:
    OwnMount mount_;
};

} // namespace nezuban::test

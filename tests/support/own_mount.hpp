// A file system in a new folder, seen by this test and what it starts, gone with them.
#pragma once

#include "apart.hpp"

#include <filesystem>
#include <string>

#include <sys/mount.h>

namespace nezuban::test {

class OwnMount {
public:
    OwnMount(std::string path, const char* type, unsigned long flags, const std::string& options)
        : path_(std::move(path)) {
        static const bool alone = take_own_mounts();
        std::filesystem::create_directory(path_);
        mounted_ = alone && ::mount("nztest", path_.c_str(), type, flags, options.c_str()) == 0;
    }
    ~OwnMount() {
        if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    }
    OwnMount(const OwnMount&) = delete;
    OwnMount& operator=(const OwnMount&) = delete;
    OwnMount(OwnMount&&) = delete;
    OwnMount& operator=(OwnMount&&) = delete;

    [[nodiscard]] bool mounted() const {
        return mounted_;
    }
    [[nodiscard]] const std::string& path() const {
        return path_;
    }

private:
    std::string path_;
    bool mounted_ = false;
};

} // namespace nezuban::test

// Waiting for a file to change, without asking it again and again.
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/fd.hpp"

#include <string>
#include <utility>

namespace nezuban {

// All files of one directory: a database writes to a journal beside it, and may be replaced as a whole.
class DirectoryWatch {
public:
    static Result<DirectoryWatch> open(const std::string& directory);

    // True as soon as something was written, created, moved or removed since the last call (or since open); false
    // after `timeout`. Network file systems don't tell of others' writes: have a time-out and look then, too.
    bool wait(Duration timeout);

private:
    explicit DirectoryWatch(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

} // namespace nezuban

// What a restart command starts outlives the command, and must not outlive the test.
#pragma once

#include "fd.hpp"

#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nezuban::test {

// A named pipe that holds the helper programs which a restart command starts (nzidle --leash): they wait for the
// end of it, which comes with the test's own.
class Leash {
public:
    explicit Leash(std::string path) : path_(std::move(path)) {
        if (::mkfifo(path_.c_str(), 0600) != 0) fail_with_errno("mkfifo " + path_);
        fd_ = Fd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
        if (fd_.get() < 0) fail_with_errno("opening " + path_);
    }
    // Who comes late finds nothing: without a writer it would wait for one for ever. The loop of a daemon that was
    // about to start the next command once left 203 of them behind.
    void let_go() {
        ::unlink(path_.c_str());
        fd_.close();
    }
    [[nodiscard]] const std::string& path() const {
        return path_;
    }

private:
    std::string path_;
    Fd fd_;
};

} // namespace nezuban::test

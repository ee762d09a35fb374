// A control group of a test's own, for the daemon and its helpers: what it may have can be taken away from it alone.
#pragma once

#include "support/fd.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace nezuban::test {

// Of version 1: what is common to all kernels that have the controller mounted at its usual place.
class Cgroup {
public:
    explicit Cgroup(const std::string& controller) {
        path_ = "/sys/fs/cgroup/" + controller + own(controller) + "/nzfaults-" + std::to_string(::getpid());
        made_ = ::mkdir(path_.c_str(), 0755) == 0;
    }
    // Whoever is in it yet goes back to where we are.
    ~Cgroup() {
        if (!made_) return;
        const auto parent = std::filesystem::path(path_).parent_path();
        for (const auto deadline = after(); ::rmdir(path_.c_str()) != 0 && Clock::now() < deadline;)
            for (const auto& pid : members())
                std::ofstream(parent / "cgroup.procs") << pid << std::flush;
    }
    Cgroup(const Cgroup&) = delete;
    Cgroup& operator=(const Cgroup&) = delete;
    Cgroup(Cgroup&&) = delete;
    Cgroup& operator=(Cgroup&&) = delete;

    [[nodiscard]] bool made() const {
        return made_;
    }
    void add(pid_t pid) const {
        std::ofstream(path_ + "/cgroup.procs") << pid << std::flush;
    }
    bool set(const std::string& key, const std::string& value) const {
        std::ofstream file(path_ + "/" + key);
        return static_cast<bool>(file << value << std::flush);
    }
    [[nodiscard]] std::string get(const std::string& key) const {
        std::ifstream file(path_ + "/" + key);
        std::string value;
        std::getline(file, value);
        return value;
    }

private:
    static std::string own(const std::string& controller) {
        std::ifstream file("/proc/self/cgroup");
        for (std::string line; std::getline(file, line);) {
            const auto name = line.find(':') + 1;
            const auto path = line.find(':', name);
            if (line.substr(name, path - name) == controller)
                return line.substr(path + 1) == "/" ? "" : line.substr(path + 1);
        }
        return "";
    }
    [[nodiscard]] std::vector<std::string> members() const {
        std::vector<std::string> pids;
        std::ifstream file(path_ + "/cgroup.procs");
        for (std::string pid; std::getline(file, pid);)
            pids.push_back(pid);
        return pids;
    }

    std::string path_;
    bool made_ = false;
};

} // namespace nezuban::test

// Small files of /proc, read by the thousand: into a buffer of the caller's, relative to a folder that is open. One
// opened for /proc/PID stays that process', whoever gets its number next.
#pragma once

#include "core/result.hpp"
#include "io/fd.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <dirent.h>

namespace nezuban {

class ProcFolder {
public:
    // Absent: no such process, or thread. An error: it could not be looked at.
    static Result<std::optional<ProcFolder>> open(const char* path);
    static Result<std::optional<ProcFolder>> of_process(std::uint32_t pid);
    static Result<std::optional<ProcFolder>> tasks_of(std::uint32_t pid); // /proc/PID/task

    // A file's first 16 KiB (a status with 1,400 groups), until the next call. Absent: it is gone meanwhile.
    [[nodiscard]] Result<std::optional<std::string_view>> read(const char* name);
    // Of what a link in it leads to; 0: it can't be followed.
    [[nodiscard]] std::uint64_t inode(const char* name) const;

private:
    explicit ProcFolder(Fd folder) : folder_(std::move(folder)) {}

    using Text = std::array<char, 16'384>;
    Fd folder_;
    std::unique_ptr<Text> text_ = std::make_unique_for_overwrite<Text>();
};

// The numbers that a folder of /proc lists: processes of /proc, threads of /proc/PID/task.
class ProcNumbers {
public:
    ProcNumbers() = default;
    // Empty when there is no such folder.
    static Result<ProcNumbers> open(const char* path);
    static Result<ProcNumbers> threads_of(std::uint32_t pid);

    [[nodiscard]] explicit operator bool() const {
        return folder_ != nullptr;
    }
    // Absent: that was the end, and the folder is closed.
    [[nodiscard]] Result<std::optional<std::uint32_t>> next();

private:
    struct Close {
        void operator()(DIR* folder) const {
            ::closedir(folder);
        }
    };
    std::unique_ptr<DIR, Close> folder_;
};

} // namespace nezuban

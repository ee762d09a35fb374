// Files as a daemon needs them.
#pragma once

#include "core/result.hpp"
#include "core/time.hpp"
#include "io/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nezuban {

// The whole file. One with more bytes than `limit`, and what is no regular file, is an error.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t limit);

// Existing paths, sorted; a pattern that matches nothing gives none. A directory that can't be read is an error.
[[nodiscard]] Result<std::vector<std::string>> expand_glob(const std::string& pattern);

// With all that is missing above it. The mode is that of what is created, whatever the umask.
Result<void> make_directories(const std::string& path, std::uint32_t mode);

// An empty file for its owner alone; one that is there is left as it is.
Result<void> create_private(const std::string& path);

// A missing file is fine.
Result<void> remove_file(const std::string& path);

// The exclusive flock on the file, which may be no link, with our pid written inside. It belongs to the open file:
// every duplicate, also in another process, holds it. Tried again and again for `patience`; then the error names the
// pid found inside. Where the file system is read-only, a file that is there is locked with whatever pid is inside.
[[nodiscard]] Result<Fd> lock_file(const std::string& path, Duration patience);

// Which file this is, whatever it is called: device and number. Empty: there is none.
struct FileId {
    std::uint64_t device = 0;
    std::uint64_t number = 0;
    friend bool operator==(const FileId&, const FileId&) = default;
};
[[nodiscard]] std::optional<FileId> file_id(const std::string& path);

// An unnamed file in memory with this content, at its beginning.
[[nodiscard]] Result<Fd> memory_file(std::string_view content);

[[nodiscard]] Result<Fd> open_null();

Result<void> make_nonblocking(int fd);

} // namespace nezuban

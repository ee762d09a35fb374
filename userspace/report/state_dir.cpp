#include "report/state_dir.hpp"

#include "io/files.hpp"

namespace nezuban {

std::string history_path(const std::string& state_dir) {
    return state_dir + "/history.db";
}

std::string StateDir::history_path() const {
    return nezuban::history_path(path);
}

Result<StateDir> open_state_dir(const std::string& path, Duration patience) {
    if (auto made = make_directories(path, 0750); !made) return std::unexpected(made.error());
    auto lock = lock_file(path + "/lock", patience);
    if (!lock) return std::unexpected(lock.error().in("claiming the state directory"));
    return StateDir{.path = path, .lock = std::move(*lock)};
}

} // namespace nezuban

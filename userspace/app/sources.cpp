#include "app/sources.hpp"

#include "io/files.hpp"
#include "io/users.hpp"

namespace nezuban {

Sources system_sources() {
    // One byte more than config/ accepts, so that it is config/ that says "too large", with the file's name.
    return {.read = [](const std::string& path) { return read_file(path, longest_configuration + 1); },
            .expand = expand_glob,
            .user = user_id,
            .group = group_id};
}

} // namespace nezuban

#include "app/sources.hpp"
#include "cli/verbs.hpp"
#include "config/load.hpp"

namespace nezuban {

std::string socket_path(const Options& options) {
    if (options.socket) return *options.socket;
    // Only the main file can name it. Users are not looked up, which may take as long as a directory service likes;
    // and errors elsewhere must not keep anybody from the daemon that still runs on the configuration before them.
    auto sources = system_sources();
    sources.expand = [](const std::string&) { return std::vector<std::string>{}; };
    sources.user = sources.group = [](const std::string&) { return std::optional<std::uint32_t>{0}; };
    return load(options.config, sources).spec.daemon.socket;
}

} // namespace nezuban

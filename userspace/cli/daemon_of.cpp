#include "app/sources.hpp"
#include "cli/verbs.hpp"
#include "config/load.hpp"

#include <stdexcept>

#include <fmt/format.h>

namespace nezuban {

DaemonSpec daemon_of(const Options& options) {
    // [daemon] stands in the main file alone. Users are not looked up, which may take as long as a directory service
    // likes; and errors elsewhere must not keep anybody from the daemon that still runs on the configuration before.
    auto sources = system_sources();
    sources.expand = [](const std::string&) { return std::vector<std::string>{}; };
    sources.user = sources.group = [](const std::string&) { return std::optional<std::uint32_t>{0}; };
    auto loaded = load(options.config, sources);
    if (options.socket) {
        loaded.spec.daemon.socket = *options.socket;
    } else if (!loaded.main_file_read && options.config != Options{}.config) {
        // The daemon of another configuration would be asked, or told to restart something of the same name.
        throw std::runtime_error(
            fmt::format("{}; where its daemon listens isn't known: say --socket", render(loaded.diagnostics.at(0))));
    }
    return loaded.spec.daemon;
}

} // namespace nezuban

#include "app/sources.hpp"
#include "cli/verbs.hpp"
#include "config/load.hpp"

namespace nezuban {

DaemonSpec daemon_of(const Options& options) {
    // [daemon] stands in the main file alone. Users are not looked up, which may take as long as a directory service
    // likes; and errors elsewhere must not keep anybody from the daemon that still runs on the configuration before.
    auto sources = system_sources();
    sources.expand = [](const std::string&) { return std::vector<std::string>{}; };
    sources.user = sources.group = [](const std::string&) { return std::optional<std::uint32_t>{0}; };
    auto daemon = load(options.config, sources).spec.daemon;
    if (options.socket) daemon.socket = *options.socket;
    return daemon;
}

} // namespace nezuban

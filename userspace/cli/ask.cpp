#include "cli/verbs.hpp"
#include "control/client.hpp"
#include "core/words.hpp"

#include <ostream>

#include <fmt/format.h>

namespace nezuban {

namespace {

// A reload reads files and asks who users are, perhaps after another one that does (see Reloads); everything else is
// answered from memory.
constexpr Duration patience = std::chrono::seconds{10};
constexpr Duration patience_for_reload = std::chrono::seconds{60};

} // namespace

int run_ask(Request::Verb verb, const Options& options, std::ostream& out, std::ostream& err) {
    const Request request{.verb = verb, .names = options.names, .hold = options.hold};
    const bool reload = verb == Request::Verb::reload;
    const auto response = ask(daemon_of(options).socket, request, reload ? patience_for_reload : patience);
    if (!response) {
        err << fmt::format("nezuban: {}\n", response.error().text);
        return exit_code_of(response.error());
    }
    if (options.json)
        out << (response->json.empty() ? to_line(*response) : response->json + "\n");
    else
        for (const auto& line : response->lines)
            (response->ok ? out : err) << printable(line) << '\n';
    if (!response->ok)
        err << fmt::format("nezuban: {}\n", printable(response->error)); // a name that was asked for is in it
    return response->exit_code;
}

} // namespace nezuban

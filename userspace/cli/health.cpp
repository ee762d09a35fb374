#include "control/health.hpp"

#include "cli/verbs.hpp"
#include "control/health_reader.hpp"
#include "core/json_words.hpp"
#include "io/clock.hpp"
#include "io/process_state.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <future>
#include <optional>
#include <ostream>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <system_error>

namespace nezuban {

namespace {

// The contract gives a second for everything, and on a busy machine a part of it is over before main is reached. But
// a shell that became us may have lived for long.
constexpr Duration patience = std::chrono::milliseconds{800};
constexpr Duration least_patience = std::chrono::milliseconds{300};

void print(const Health& health, const Options& options, std::ostream& out) {
    if (options.json) {
        const nlohmann::ordered_json object{
            {"style", name_of(options.style)}, {"exit_code", health.exit_code}, {"line", health.line}};
        out << harmless_json(object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)) << '\n';
    } else {
        out << health.line << '\n';
    }
    out.flush();
}

// The code is the answer, whatever becomes of the line.
int tell(const Health& health, const Options& options, std::ostream& out) {
    try {
        print(health, options, out);
    } catch (const std::exception&) {
        return health.exit_code;
    }
    return health.exit_code;
}

// The daemon says which configuration it runs on. When that at the usual place runs on the one that is meant, nothing
// of the configuration has to be read, from a disk that may be slow or hang.
std::optional<Health> answer_of_usual_place(const Options& options) {
    const auto seen = look_at_health(health_path(DaemonSpec{}.socket));
    std::error_code error;
    const auto config = std::filesystem::absolute(options.config, error).lexically_normal().string();
    if (!seen || error || seen->config != config) return std::nullopt;
    return health_of(seen->view, options.names, options.style, seen->blind);
}

// Reading the configuration may hang on a sick disk where no time-out helps, so that happens in a thread which is left
// behind.
int look(const Options& options, std::ostream& out) {
    const auto deadline = monotonic_now() + std::max(patience - own_age(), least_patience);
    const auto end_with = [&](const Health& health) { return tell(health, options, out); };
    const auto read = [&](const std::string& socket) {
        return read_health(health_path(socket), options.names, options.style, deadline);
    };
    if (options.socket) return end_with(read(*options.socket));
    if (const auto health = answer_of_usual_place(options)) return end_with(*health);

    std::promise<std::string> promise;
    auto socket = promise.get_future();
    auto read_it = [options, promise = std::move(promise)]() mutable {
        try {
            promise.set_value(daemon_of(options).socket);
        } catch (...) {
            promise.set_exception(std::current_exception());
        }
    };
    try {
        std::thread(std::move(read_it)).detach();
    } catch (const std::system_error& error) {
        return end_with(health_unknown(
            options.style, fmt::format("no thread could be begun to read {}: {}", options.config, error.what())));
    }
    if (socket.wait_for(deadline - monotonic_now()) == std::future_status::ready) return end_with(read(socket.get()));
    const auto code = end_with(health_unknown(options.style, "reading " + options.config
                                                                 + " takes too long; --socket makes that unnecessary"));
    std::_Exit(code); // the thread may be anywhere: nothing is torn down around it
}

} // namespace

// Whoever asks for health judges by the answer that doesn't come, too. Where memory is used up,
// anything may throw: the code for that is known before, because there may be no memory for words.
int run_health(const Options& options, std::ostream& out) {
    const auto code = health_unknown(options.style, "").exit_code;
    try {
        return look(options, out);
    } catch (const std::exception& problem) {
        try {
            return tell(health_unknown(options.style, problem.what()), options, out);
        } catch (const std::exception&) {
            return code;
        }
    }
}

} // namespace nezuban

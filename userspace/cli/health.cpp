#include "control/health.hpp"

#include "cli/verbs.hpp"
#include "control/client.hpp"

#include <cstdlib>
#include <future>
#include <ostream>
#include <thread>

#include <nlohmann/json.hpp>

namespace nezuban {

namespace {

// The contract gives a second for everything.
constexpr Duration patience = std::chrono::milliseconds{800};
constexpr Duration patience_with_files = std::chrono::milliseconds{900};

Health asked(const Options& options) {
    const auto path = daemon_of(options).socket;
    const auto response =
        ask(path, {.verb = Request::Verb::health, .names = options.names, .hold = std::nullopt, .style = options.style},
            patience);
    if (!response) return health_unknown(options.style, response.error().text);
    if (!response->ok) return health_unknown(options.style, response->error);
    if (response->lines.size() != 1) return health_unknown(options.style, "the daemon's answer is not one line");
    return {.exit_code = response->exit_code, .line = response->lines.front()};
}

void print(const Health& health, const Options& options, std::ostream& out) {
    if (options.json) {
        const nlohmann::ordered_json object{
            {"style", name_of(options.style)}, {"exit_code", health.exit_code}, {"line", health.line}};
        out << object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
    } else {
        out << health.line << '\n';
    }
    out.flush();
}

} // namespace

// Whoever asks for health judges by the answer that doesn't come, too. Reading the configuration may hang on a sick
// disk where no time-out helps, so that happens in a thread which is left behind.
int run_health(const Options& options, std::ostream& out) {
    std::promise<Health> promise;
    auto answer = promise.get_future();
    std::thread([options, promise = std::move(promise)]() mutable { promise.set_value(asked(options)); }).detach();
    if (answer.wait_for(patience_with_files) == std::future_status::ready) {
        const auto health = answer.get();
        print(health, options, out);
        return health.exit_code;
    }
    const auto health = health_unknown(options.style, "no answer within a second");
    print(health, options, out);
    std::_Exit(health.exit_code); // the thread may be anywhere: nothing is torn down around it
}

} // namespace nezuban

#include "app/store.hpp"

#include "io/boot_id.hpp"
#include "io/clock.hpp"
#include "io/unix_socket.hpp"
#include "report/history.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace nezuban {

namespace {

constexpr Duration between_scribes = 1s;
constexpr Duration last_words = 2s;

// Ours, for the scribe: it is the one who writes there.
Fd standard_error() {
    Fd ours(2);
    auto copy = ours.duplicate();
    (void)ours.release();
    return copy;
}

} // namespace

Store::Store(Loop& loop, Spawner& spawner, const DaemonSpec& spec, StateDir directory)
    : spawner_(spawner), spec_(spec), directory_(std::move(directory)),
      scribe_(loop, [this] { start_at_ = std::max(monotonic_now(), started_ + between_scribes); }) {}

Result<std::unique_ptr<Store>> Store::open(Loop& loop, Spawner& spawner, const DaemonSpec& spec) {
    auto directory = open_state_dir(spec.state_dir);
    if (!directory) return std::unexpected(directory.error());
    std::unique_ptr<Store> store(new Store(loop, spawner, spec, std::move(*directory)));
    store->memories_ = store->read_memories(); // before a scribe is there that sets a damaged history aside
    store->start_scribe();
    return store;
}

void Store::start_scribe() {
    start_at_.reset();
    started_ = monotonic_now();
    auto ends = socket_pair();
    auto request = ends ? Result<void>() : std::unexpected(ends.error());
    if (ends) {
        std::vector<Fd> extra;
        extra.push_back(directory_.lock.duplicate());
        request = spawner_.request({.argv = scribe_arguments(spec_),
                                    .environment = {},
                                    .input = std::move(ends->second),
                                    .output = standard_error(),
                                    .extra = std::move(extra),
                                    .own = true},
                                   [this](const Spawned& spawned) {
                                       scribe_pid_ = spawned.pid;
                                       if (spawned.error != 0) start_at_ = monotonic_now() + between_scribes;
                                   });
    }
    if (request) request = scribe_.attach(std::move(ends->first));
    if (!request) start_at_ = monotonic_now() + between_scribes;
}

std::vector<RuleMemory> Store::read_memories() {
    const auto history = History::open_for_reading(directory_.history_path());
    if (!history && history.error().number == ENOENT) return {};
    auto memories = history ? history->load_memories(clock_pair(), boot_id()) : std::unexpected(history.error());
    if (memories) {
        for (const auto& line : memories->left_out)
            log(Severity::warning, line);
        return std::move(memories->kept);
    }
    log(Severity::error, "budgets and pauses of the last run are lost: " + memories.error().text);
    return {};
}

void Store::advance(Time now) {
    if (start_at_ && *start_at_ <= now) start_scribe();
}

void Store::finish() {
    scribe_.flush(last_words);
}

} // namespace nezuban

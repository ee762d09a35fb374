// The process that may be kept waiting by whose arguments it reads.
#include "app/args_reader.hpp"
#include "app/args_wire.hpp"
#include "io/clock.hpp"
#include "io/helper_process.hpp"
#include "io/loop.hpp"
#include "io/own_process.hpp"
#include "io/procfs.hpp"
#include "io/signals.hpp"
#include "io/unix_socket.hpp"
#include "report/wire.hpp"

#include <array>
#include <optional>
#include <utility>

namespace nezuban {

namespace {

namespace aw = args_wire;

constexpr int socket = 0;
constexpr int niceness = -5;

} // namespace

int args_reader_main() {
    set_own_name("nezuban-args");
    ignore_signals(); // it ends when the watcher does, not before
    // The watcher waits for it, and is ahead of all others itself.
    if (!run_ahead()) run_among_others(niceness);
    if (!write_all(socket, aw::encode({.pid = own_pid(), .cost = own_cpu_time()}))) return 0;
    wire::Frames frames;
    std::array<char, 4096> piece{};
    for (;;) {
        const auto got = read_some(socket, piece);
        if (got.how == Transfer::later) {
            (void)wait_ready(socket, ready::in, std::nullopt);
            continue;
        }
        if (got.how != Transfer::some) return 0;
        frames.add({piece.data(), got.bytes});
        while (const auto frame = frames.next()) {
            const auto asked = aw::decode(*frame);
            if (!asked) return 0;
            // Each by itself: what is known shall be told before the next look may block.
            auto args = read_args(asked->pid);
            if (!write_all(socket, aw::encode({.pid = asked->pid, .args = std::move(args), .cost = own_cpu_time()})))
                return 0;
        }
    }
}

} // namespace nezuban

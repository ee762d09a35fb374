// Who of all threads does not move, from where it can be had: by BPF, or from /proc (without sockets, and without the
// moment since when).
#pragma once

#include "core/result.hpp"
#include "core/scan_wish.hpp"
#include "core/wait.hpp"
#include "io/proc_waits.hpp"
#include "probe/features.hpp"
#include "probe/waits.hpp"

#include <functional>
#include <string>
#include <utility>
#include <variant>

namespace nezuban {

class WaitSource {
public:
    static Result<WaitSource> load(const Features& features) {
        if (features.mode != Mode::bpf) return WaitSource(ProcWaits());
        auto waits = Waits::load(features);
        if (!waits) return std::unexpected(waits.error());
        return WaitSource(std::move(*waits));
    }

    Result<void> begin_threads(const ScanWish& wish) {
        return std::visit([&](auto& source) { return source.begin_threads(wish); }, source_);
    }
    // About a millisecond at most. False: that was the end.
    Result<bool> read_threads(const std::function<void(ThreadWait)>& sink) {
        return std::visit([&](auto& source) { return source.read_threads(sink); }, source_);
    }

    // Null: here sockets can't be looked at.
    [[nodiscard]] Waits* sockets() {
        return std::get_if<Waits>(&source_);
    }

private:
    explicit WaitSource(Waits waits) : source_(std::move(waits)) {}
    explicit WaitSource(ProcWaits waits) : source_(std::move(waits)) {}

    std::variant<Waits, ProcWaits> source_;
};

} // namespace nezuban

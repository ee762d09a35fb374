// The wait scan: the kernel's threads and sockets, walked slice by slice. Nothing here waits for anybody: what lies in
// a program's own memory is not read (that can block for as long as a dead disk pleases: see docs/adr/0008).
#pragma once

#include "core/result.hpp"
#include "core/scan_wish.hpp"
#include "core/wait.hpp"
#include "probe/features.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

struct bpf_object;

namespace nezuban {

struct ProgramCost;

class Waits {
public:
    // An error: this kernel, or this privilege, can't. The daemon then goes on without, and says so.
    static Result<Waits> load(const Features& features);
    ~Waits();
    Waits(Waits&&) noexcept;
    Waits& operator=(Waits&&) noexcept;

    // Starts a pass over all threads; one under way is given up.
    Result<void> begin_threads(const ScanWish& wish);
    // One slice, about a quarter of a millisecond of kernel time. False: that was the end of the pass. Frames of kernel
    // stacks may be addresses, for io/kernel_symbols.hpp.
    Result<bool> read_threads(const std::function<void(ThreadWait)>& sink);

    // Likewise over all sockets behind descriptors. Told are those with work in their queue.
    Result<void> begin_sockets();
    Result<bool> read_sockets(const std::function<void(SocketQueue)>& sink);

    // What it does without, a sentence each.
    [[nodiscard]] const std::vector<std::string>& missing() const;

    [[nodiscard]] std::vector<ProgramCost> costs() const;
    [[nodiscard]] std::uint64_t map_bytes() const;

private:
    struct State;
    explicit Waits(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace nezuban

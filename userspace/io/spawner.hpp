// Starts commands without ever waiting for one: a tiny process, forked before anything big exists, forks and executes
// on request. Its fork is cheap whatever the daemon has mapped and locked, and a program on a dead network disk hangs
// nobody but the command itself.
#pragma once

#include "core/identity.hpp"
#include "core/result.hpp"
#include "io/fd.hpp"
#include "io/loop.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nezuban {

struct SpawnRequest {
    std::vector<std::string> argv; // argv[0]: an absolute path, or a name to be found in PATH
    std::vector<std::pair<std::string, std::string>> environment; // added to what the daemon was started with
    Fd input;                                                     // standard input; empty: /dev/null
    Fd output;                                                    // standard output and error; empty: /dev/null
    std::vector<Fd> extra;                                        // becomes 3, 4, ...; at most 4
    // One of the daemon's own helpers: keeps what systemd has put into the environment for the daemon (NOTIFY_SOCKET,
    // JOURNAL_STREAM, ...) and stays hidden from the OOM killer.
    bool own = false;
    // As root, not executed when others could alter the program, or its script: it says so, and ends with 126.
    bool guarded = false;
    // Executed when these, which are ending, have closed their files and left; at most 64, and 10 s later at the
    // latest.
    std::vector<Identity> after = {};
};

struct Spawned {
    std::uint32_t pid = 0; // our child, for us to reap; the program may still fail to execute: it then ends with 127
    int error = 0;         // errno; not 0: nothing was started
};

class Spawner {
public:
    using Done = std::function<void(const Spawned&)>;

    // Forks. Call it first thing: before threads, BPF and locked memory.
    static Result<Spawner> start();
    ~Spawner();
    Spawner(Spawner&&) noexcept;
    Spawner& operator=(Spawner&&) noexcept;

    // From now on answers are read and waiting requests sent by this loop, which must outlive the spawner.
    Result<void> attach(Loop& loop);

    // Never blocks. The command becomes a child of this process, in its own session, with default signal dispositions,
    // no other descriptors, umask 022, in /. `done` is called from the loop, never from here. An error means that it
    // never will be: the request is larger than 120 KiB or 1,100 are waiting already.
    Result<void> request(SpawnRequest request, Done done);

    // Requests without an answer: children may exist whose pid is not known yet.
    [[nodiscard]] std::size_t outstanding() const;

    // Of the process itself; 0 from its death until the next request, which starts another one.
    [[nodiscard]] std::uint32_t pid() const;

private:
    struct State;
    explicit Spawner(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

} // namespace nezuban

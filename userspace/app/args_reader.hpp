// Reads the arguments of processes for the watcher, in a process of its own: the kernel takes the lock of the memory in
// which they lie, and whoever holds his own keeps the reader waiting for as long as he likes, or for as long as his
// disk is dead. The watcher waits a moment; then that reader is killed and replaced, and he who kept it waiting is not
// asked about again for a while.
#pragma once

#include "core/identity.hpp"
#include "core/process.hpp"
#include "core/time.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nezuban {

class Spawner;

// The process itself: answers on standard input's socket until its end.
int args_reader_main();

class ArgsReader {
public:
    struct Asked {
        Identity id;
        std::uint32_t uid = 0;
        std::string comm;
    };

    // The spawner outlives this. log: what an operator should know (the arguments of pid N can't be read).
    ArgsReader(Spawner& spawner, std::function<void(std::string)> log);
    ~ArgsReader();
    ArgsReader(const ArgsReader&) = delete;
    ArgsReader& operator=(const ArgsReader&) = delete;
    ArgsReader(ArgsReader&&) = delete;
    ArgsReader& operator=(ArgsReader&&) = delete;

    // Starts the process, so that the first question need not wait for that.
    void prepare();

    // One text each; null: it is gone, or could not be read in time. 30 ms are lost on one who keeps us waiting, at
    // most 60 a second on those of one user and 300 on all of them; until the first comparison is over, 3 s: nothing is
    // watched before it.
    [[nodiscard]] std::vector<Text> read(std::span<const Asked> asked);

    // A comparison is over. In a complete one all were asked about whose arguments matter: others are gone.
    void compared(bool complete);

    // Processor time that it has used for all of them, ever.
    [[nodiscard]] Duration cost() const;
    [[nodiscard]] std::uint32_t pid() const; // 0: none is there

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace nezuban

// The watcher's side of the scribe, the process that writes log and history: nothing here ever waits for a disk.
#pragma once

#include "core/incident.hpp"
#include "core/memory.hpp"
#include "core/spec.hpp"
#include "io/boot_id.hpp"
#include "io/fd.hpp"
#include "io/loop.hpp"
#include "report/wire.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace nezuban {

// The command line with which the spawner starts it: standard input is its socket, standard error the log, descriptor
// 3 the state directory's lock.
[[nodiscard]] std::vector<std::string> scribe_arguments(const DaemonSpec& spec);

// The process: takes messages from standard input until its end, then writes what is left. Returns its exit code.
int scribe_main(int argc, char** argv);

struct ScribeHealth {
    bool attached = false;     // a scribe is there
    std::string error;         // empty: the history is being written
    std::uint64_t dropped = 0; // incidents and log lines that nobody will ever read
    std::size_t waiting = 0;   // messages that are not known to be written
};

class Scribe {
public:
    // What waits for a scribe that is slow or dead.
    static constexpr std::size_t message_limit = 20'000;
    static constexpr std::size_t byte_limit = 4UL << 20U;

    // died: the scribe's end of the socket was closed. Called from the loop, which must outlive this.
    Scribe(Loop& loop, std::function<void()> died) : loop_(loop), died_(std::move(died)) {}
    ~Scribe();
    Scribe(const Scribe&) = delete;
    Scribe& operator=(const Scribe&) = delete;

    // Our end of the socket (socket_pair) of a new scribe. It gets everything that its predecessor has not confirmed;
    // what that one had written without having said so appears twice.
    Result<void> attach(Fd socket);

    void log(Severity severity, const std::string& text);
    void incident(const Incident& incident);
    // Never dropped: of each rule the last one waits for as long as it takes.
    void remember(const RuleMemory& memory);

    [[nodiscard]] ScribeHealth health() const;

    // For the daemon's end: sends what the socket takes, until everything is on its way, the scribe is gone or
    // `patience` is over. The scribe goes on reading after our death. This waits: not for the loop.
    void flush(Duration patience);

private:
    struct Message {
        std::uint64_t number = 0;
        wire::Note::Kind kind{};
        std::string bytes;
        std::size_t counted = 0; // of the bytes: in bytes_
        Time since;
    };

    [[nodiscard]] bool full(std::size_t more, std::size_t share = 1) const; // share: of the whole, so many times less
    void add(wire::Note note, bool droppable);
    void send();
    void receive();
    void confirmed(const wire::Health& health);
    void make_up();
    void detach();
    void take_back();
    void forget_memories();

    Loop& loop_;
    std::function<void()> died_;
    std::string boot_ = boot_id();
    Fd socket_;
    std::deque<Message> messages_; // not confirmed; the first sent_ of them are in the socket
    std::size_t bytes_ = 0;        // in messages_, without those that were held before: the ledger had bounded them
    std::size_t sent_ = 0;
    std::size_t offset_ = 0; // bytes of messages_[sent_] that are in the socket already
    // Incidents that the scribe has, for a disk that can't be written: as many as its ledger keeps.
    std::deque<Message> held_;
    std::uint64_t next_number_ = 1;
    std::map<std::string, wire::Note> memories_; // by rule: those that found the queue full
    std::map<std::string, wire::Note> latest_;   // by rule: all, because a dead scribe may have taken some with it
    std::uint64_t dropped_ = 0;
    std::uint64_t dropped_untold_ = 0;
    wire::Frames received_;
    wire::Health told_;                     // by the scribe
    std::uint64_t dropped_by_the_dead_ = 0; // by former scribes
};

} // namespace nezuban

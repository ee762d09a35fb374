// What a wait scan sees: threads that are suspicious, queues that are not empty, processes that are silent. Values, as
// they were at one moment; what they mean is for rules/ to say, when it has seen them more than once.
#pragma once

#include "core/identity.hpp"
#include "core/time.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nezuban {

enum class ThreadState : char {
    running = 'R', // or ready to
    sleeping = 'S',
    uninterruptible = 'D',
    stopped = 'T',
    traced = 't', // held by a debugger
    idle = 'I',   // a kernel thread that sleeps in D, but counts as idle
    parked = 'P',
    zombie = 'Z',
    dead = 'X',
};

// A thread of the machine; like Identity, a tid alone names nobody.
struct ThreadId {
    std::uint32_t tid = 0;      // in the initial pid namespace
    std::uint64_t start_ns = 0; // CLOCK_BOOTTIME, of the thread

    friend constexpr bool operator==(const ThreadId&, const ThreadId&) = default;
    friend constexpr auto operator<=>(const ThreadId&, const ThreadId&) = default;
};

struct Syscall {
    std::int64_t number = 0;
    std::array<std::uint64_t, 6> args{};
    bool compat = false;   // of a 32-bit program: number and args mean something else
    std::string name = {}; // "futex"; empty: not looked up, or not known

    friend bool operator==(const Syscall&, const Syscall&) = default;
};

enum class LockKind {
    unknown, // a futex of which we can't say what it is, nor who holds it
    mutex,   // pthread_mutex_t in any of its types, std::mutex
    rwlock,  // pthread_rwlock_t; an owner is known only while a writer holds it
    robust,  // the word names its owner: robust mutexes, and others that follow that protocol
    pi,      // likewise, and the kernel itself passes it on
    join,    // not a lock: it waits for the thread "owner" to end
};

[[nodiscard]] constexpr std::string_view name_of(LockKind kind) {
    switch (kind) {
    case LockKind::unknown: return "futex";
    case LockKind::mutex: return "mutex";
    case LockKind::rwlock: return "rwlock";
    case LockKind::robust: return "robust mutex";
    case LockKind::pi: return "PI mutex";
    case LockKind::join: return "join";
    }
    return "";
}

// A futex wait of which the memory was looked at.
struct LockWait {
    std::uint64_t address = 0; // of the lock, not always that of the word that is waited on
    LockKind kind = LockKind::unknown;
    bool shared = false;         // between processes
    std::uint32_t owner_tid = 0; // in the initial pid namespace; 0: unknown, or nobody
    std::uint32_t owner_pid = 0; // its process
    std::uint32_t readers = 0;   // of an rwlock held by readers

    friend bool operator==(const LockWait&, const LockWait&) = default;
};

// Who sent a signal, as the kernel saw it.
struct Sender {
    std::uint32_t pid = 0; // 0: the kernel itself, as for a terminal's ^Z
    std::uint32_t uid = 0;
    int signal = 0;
    std::string comm;

    friend bool operator==(const Sender&, const Sender&) = default;
};

// What lies nearest on the kernel stack of a thread in D: a strong hint at what it waits for, no proof.
struct StackDevice {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    std::string name;        // as its file system calls it: "loop0"; may be empty
    std::string file_system; // its type: "ext4"; empty: the device itself was found

    friend bool operator==(const StackDevice&, const StackDevice&) = default;
};

// What of a thread is left to be read by who may block; /proc asks for a lock that a dead disk may hold for ever.
enum class ToRead : std::uint8_t {
    nothing,
    if_lock, // its system call; unless it may wait for a lock there, the thread is told to nobody
    call,
    call_and_stack,
    whether_frozen, // both; the stack says whether it is
};

struct ThreadWait {
    Identity process;
    ThreadId thread;
    std::uint32_t in_namespace = 0;  // its tid in its own pid namespace
    std::uint64_t pid_namespace = 0; // which one
    std::string comm;                // of the thread; of a kernel thread in D all of its name
    ThreadState state = ThreadState::running;
    bool killable = true;       // SIGKILL would end this wait ...
    bool killable_known = true; // ... as far as was told: /proc doesn't
    bool kernel_thread = false;
    bool frozen = false; // by its cgroup or by a suspend
    bool on_cpu = false; // just now
    Duration off_cpu{};  // since it left its processor; never more than it was. Zero: unknown
    std::uint64_t voluntary_switches = 0;
    std::uint64_t forced_switches = 0;
    Duration cpu{};                        // user and system time it has used
    Duration system{};                     // system time alone
    std::optional<Syscall> syscall;        // in which it is; absent: in none
    bool entered_by_syscall = false;       // its last way into the kernel was a system call, not an interrupt
    std::optional<std::uint64_t> syscalls; // made since they are counted; absent: they are not
    std::uint64_t user_address = 0;        // where it was in its program
    std::uint32_t tracer_pid = 0;
    std::string tracer_comm;
    std::vector<std::string> kernel_stack; // innermost first, "futex_wait+0x7a"; empty: not asked for, or none
    ToRead to_read = ToRead::nothing;
    // Found out afterwards, where it could be:
    std::string device; // of a thread in D: "loop0 (7:0), ext4 on /export"
    std::optional<LockWait> lock;
    std::string object; // behind its descriptor: "/mnt/x/file on /dev/loop0 (7:0)", "pipe:[4711]"
    std::optional<Sender> stopped_by;

    [[nodiscard]] std::uint64_t switches() const {
        return voluntary_switches + forced_switches;
    }
};

enum class SocketKind { tcp_listening, tcp, udp, unix_listening, unix_stream, unix_datagram, unix_seqpacket };

[[nodiscard]] constexpr bool listening(SocketKind kind) {
    return kind == SocketKind::tcp_listening || kind == SocketKind::unix_listening;
}

// Of SocketQueue::length.
[[nodiscard]] constexpr std::string_view unit_of(SocketKind kind) {
    if (listening(kind)) return "connection";
    return kind == SocketKind::udp ? "datagram" : "byte";
}

// A socket whose queue of incoming work is not empty.
struct SocketQueue {
    Identity owner; // one of those who hold it
    std::uint32_t fd = 0;
    std::uint64_t inode = 0; // of the socket: the same for all who hold it
    std::uint64_t network_namespace = 0;
    SocketKind kind = SocketKind::tcp;
    std::uint32_t length = 0; // connections of a listening one, datagrams of UDP, bytes of the others
    std::uint32_t limit = 0;  // of the backlog; 0: none, or unknown
    std::uint64_t mark = 0;   // changes whenever something is taken out: what is at the head, or how much was ever read
    bool accepts = false;     // it serves: listening, accepted from a listening one of this host, or bound to its port
    bool peer_closed = false;
    bool frozen = false; // its owner is, by its cgroup or a suspend
    std::string local;   // "127.0.0.1:25", "[::]:80", "/run/x.sock", "@abstract", "" for a nameless one
    std::string peer;
};

// A process watched for silence.
struct Silence {
    Identity process;
    Duration silent{};  // no thread of it was on a processor for so long
    Duration longest{}; // stall since it is watched
    Duration usual{};   // median of its stalls; zero: none long enough to be counted
};

// A sign of life by a file.
struct FileBeat {
    std::string path;
    std::optional<Time> touched; // absent: error says why it is not known
    std::string error;
};

struct WaitScan {
    std::vector<ThreadWait> threads;
    std::vector<SocketQueue> sockets;
    std::vector<Silence> silences;
    std::vector<FileBeat> beats;
    bool sockets_seen = false; // false: they were not looked at this time
    Time began;
    // Time since the last scan in which we did not run, so perhaps nothing could: a paused virtual machine, or we were
    // stopped ourselves.
    std::optional<std::pair<Time, Time>> paused;
    bool complete = true; // false: nothing may be concluded from absence
};

} // namespace nezuban

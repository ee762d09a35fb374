#include "io/running_command.hpp"

#include "io/clock.hpp"
#include "io/errand.hpp"
#include "io/fd.hpp"
#include "io/proc_stat.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr std::string_view variable = "NEZUBAN_RUN=";
constexpr std::string_view spawner_name = "nezuban-spawner"; // of a command, too, until it has executed its program
constexpr std::chrono::milliseconds between_looks(1);
constexpr int most_unreadable = 10; // looks at one whose environment is there, and empty: he may have unmapped it
constexpr std::size_t environment_limit = 8UL << 20U; // the kernel takes 6 MiB at most

// Absent: it may not be opened, or is gone.
std::optional<std::string> read_some_of(std::uint32_t pid, const char* name, std::size_t limit) {
    const Fd fd(::open(fmt::format("/proc/{}/{}", pid, name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return std::nullopt;
    std::string text;
    std::array<char, 65536> piece{};
    while (text.size() < limit) {
        const auto size = ::read(fd.get(), piece.data(), piece.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        text.append(piece.data(), static_cast<std::size_t>(size));
    }
    return text;
}

// Absent: nobody runs under this pid. Takes none of that process' locks.
std::optional<ProcStat> look_at(std::uint32_t pid) {
    auto stat = parse_stat(read_some_of(pid, "stat", 4096).value_or(""));
    if (stat && stat->dead()) stat.reset();
    return stat;
}

// In the middle of an exec there is none for a moment, and whoever has opened the old program's reads nothing. Not
// found then, a command would be run twice.
std::string environment_of(std::uint32_t pid) {
    for (int unreadable = 0; unreadable < most_unreadable;) {
        auto text = read_some_of(pid, "environ", environment_limit);
        if (!text) return {};
        if (!text->empty()) return std::move(*text);
        const auto stat = look_at(pid);
        if (!stat || stat->ending() || stat->kernel_thread()) return {};
        if (!stat->between_programs()) {
            if (stat->environment_begin == stat->environment_end) return {};
            ++unreadable;
        }
        std::this_thread::sleep_for(between_looks);
    }
    return {};
}

bool leads_session(std::uint32_t pid) {
    return ::getsid(static_cast<pid_t>(pid)) == static_cast<pid_t>(pid);
}

// A system call for each process: 20,000 of them are asked in 10 ms, where reading what /proc has on each takes 400.
std::vector<std::uint32_t> session_leaders() {
    std::vector<std::uint32_t> leaders;
    const std::unique_ptr<DIR, decltype([](DIR* folder) { ::closedir(folder); })> folder(::opendir("/proc"));
    while (const auto* entry =
               folder ? ::readdir(folder.get()) : nullptr) { // NOLINT(concurrency-mt-unsafe): ours alone
        const std::string_view name(entry->d_name);
        std::uint32_t pid = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) continue;
        if (leads_session(pid)) leaders.push_back(pid);
    }
    // The newest first, mostly: what we look for is young, and the time may not be enough for all.
    std::ranges::sort(leaders, std::greater());
    return leaders;
}

struct Carrier {
    std::size_t wanted = 0;
    Identity id; // the start as it was before the look
};

// Who of these carries which token. Each look takes the lock of that process' memory, and may wait for ever.
class Looks {
public:
    Looks(std::vector<std::uint32_t> pids, std::span<const WantedCommand> wanted)
        : waiting_(std::move(pids)), wanted_(wanted) {}

    // One who keeps us waiting is left out, and looked at again when all others have been.
    void run(Time deadline) {
        const auto patience = deadline - monotonic_now();
        pass(deadline, patience / 8);
        waiting_.insert(waiting_.end(), unread_.begin(), unread_.end());
        unread_.clear();
        pass(deadline, patience / 4);
        unread_.insert(unread_.end(), waiting_.begin(), waiting_.end());
        waiting_.clear();
    }
    [[nodiscard]] const std::vector<Carrier>& carriers() const {
        return carriers_;
    }
    [[nodiscard]] const std::vector<std::uint32_t>& unread() const {
        return unread_;
    }

private:
    void pass(Time deadline, Duration patience) {
        while (!waiting_.empty() && monotonic_now() < deadline) {
            auto errand = Errand::send([this](const Errand::Say& say) { look(say); }, Errand::Descriptors::closed);
            if (!errand) return;
            std::string text;
            Errand::Brought brought;
            do { // as long as it gets on
                brought = errand->wait(std::min(deadline, monotonic_now() + patience));
                text += brought.text;
            } while (!brought.whole && !brought.text.empty() && monotonic_now() < deadline);
            const auto begun = understand(text);
            if (brought.whole) {
                waiting_.clear();
            } else if (begun > 0) {
                unread_.push_back(waiting_[begun - 1]);
                waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(begun));
            }
        }
    }

    // In the child.
    void look(const Errand::Say& say) const {
        for (const auto pid : waiting_) {
            say("?;");
            const auto stat = look_at(pid);
            if (!stat) continue;
            const auto environment = environment_of(pid);
            for (std::size_t i = 0; i < wanted_.size(); ++i) {
                if (carries(environment, wanted_[i].token)) say(fmt::format("={} {} {};", i, pid, start_ns(*stat)));
            }
        }
    }

    static bool carries(std::string_view environment, const std::string& token) {
        while (!environment.empty()) {
            const auto entry = environment.substr(0, environment.find('\0'));
            if (entry.starts_with(variable) && entry.substr(variable.size()) == token) return true;
            environment.remove_prefix(std::min(environment.size(), entry.size() + 1));
        }
        return false;
    }

    // How many looks were begun.
    std::size_t understand(std::string_view text) {
        std::size_t begun = 0;
        for (auto end = text.find(';'); end != std::string_view::npos; end = text.find(';')) {
            const std::string message(text.substr(0, end));
            text.remove_prefix(end + 1);
            begun += message == "?" ? 1 : 0;
            Carrier carrier;
            unsigned long long start = 0;
            if (std::sscanf(message.c_str(), "=%zu %u %llu", &carrier.wanted, &carrier.id.pid, &start) != 3) continue;
            carrier.id.start_ns = start;
            carriers_.push_back(carrier);
        }
        return begun;
    }

    std::vector<std::uint32_t> waiting_;
    std::vector<std::uint32_t> unread_;
    std::span<const WantedCommand> wanted_;
    std::vector<Carrier> carriers_;
};

// Known by its number, and not by its token: its program lies on a disk that doesn't answer, and is not executed yet,
// or keeps whoever looks at its memory waiting. Our own spawner, which may have that number by now, is our child; a
// command of a dead daemon is not. That the number is some other session's is less likely than that a second copy would
// do harm.
Identity by_number_alone(std::uint32_t pid, bool unread) {
    const auto stat = look_at(pid);
    const bool so = stat && (unread || stat->comm == spawner_name)
                    && stat->ppid != static_cast<std::uint32_t>(::getpid()) && leads_session(pid);
    return so ? Identity{.pid = pid, .start_ns = start_ns(*stat)} : Identity{};
}

Identity choose(const WantedCommand& wanted, std::size_t index, const Looks& looks) {
    Identity oldest;
    for (const auto& carrier : looks.carriers()) {
        if (carrier.wanted != index) continue;
        if (wanted.known.pid != 0 && carrier.id.pid != wanted.known.pid) continue;
        if (oldest.pid != 0 && oldest < carrier.id) continue;
        const auto stat = look_at(carrier.id.pid); // its number may be another's since the look
        if (stat && start_ns(*stat) == carrier.id.start_ns) oldest = carrier.id;
    }
    if (oldest.pid != 0 || wanted.known.pid == 0) return oldest;
    return by_number_alone(wanted.known.pid,
                           std::ranges::find(looks.unread(), wanted.known.pid) != looks.unread().end());
}

} // namespace

CommandSearch find_running_commands(std::span<const WantedCommand> wanted, Duration patience) {
    CommandSearch search{.found = std::vector<Identity>(wanted.size())};
    std::vector<std::uint32_t> pids;
    bool all = false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto& known = wanted[i].known;
        if (known.pid == 0) {
            all = true;
        } else if (known.start_ns == 0) {
            if (leads_session(known.pid)) pids.push_back(known.pid);
        } else if (const auto stat = look_at(known.pid); stat && same_start(start_ns(*stat), known.start_ns)) {
            search.found[i] = known;
        }
    }
    // Those of whom the number is known first: that one could not be looked at in time means more of them.
    if (all) {
        const auto known = pids;
        std::ranges::copy_if(session_leaders(), std::back_inserter(pids),
                             [&](std::uint32_t pid) { return std::ranges::find(known, pid) == known.end(); });
    }
    if (pids.empty()) return search;
    Looks looks(std::move(pids), wanted);
    looks.run(monotonic_now() + patience);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i].known.start_ns != 0) continue;
        search.found[i] = choose(wanted[i], i, looks);
        if (search.found[i].pid == 0) search.unread = looks.unread();
    }
    return search;
}

bool same_start(std::uint64_t a_ns, std::uint64_t b_ns) {
    const auto tick = static_cast<std::uint64_t>(duration_of_ticks(1).count());
    return a_ns / tick == b_ns / tick;
}

} // namespace nezuban

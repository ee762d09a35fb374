#include "app/explanation.hpp"
#include "core/date.hpp"
#include "core/tell.hpp"
#include "core/words.hpp"
#include "io/syscall_names.hpp"
#include "rules/wait_words.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nezuban {

namespace {

constexpr std::size_t most_findings = 5;
constexpr std::size_t most_groups = 12;
constexpr std::size_t most_sockets = 4;
constexpr std::size_t frames_shown = 12;
constexpr std::size_t width = 160; // of a line: a terminal wraps it once

// Threads that do the same.
struct Group {
    std::vector<const SeenThread*> threads;
    Purpose purpose;
    bool hung = false;
};

std::string cut(const std::string& text) {
    if (text.size() <= width) return text;
    return std::string(beginning(text, width - 3)) + "...";
}

std::string with_thousands(std::size_t number) {
    auto text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) {
        at -= 3;
        text.insert(at, ",");
    }
    return text;
}

std::set<std::uint32_t> hung_tids(const Explanation& explanation) {
    std::set<std::uint32_t> tids;
    for (const auto& finding : explanation.findings) {
        if (finding.tid != 0) tids.insert(finding.tid);
        for (const auto& fact : finding.evidence) {
            const auto* cycle = std::get_if<std::vector<Facts>>(&fact.value);
            if (cycle == nullptr) continue;
            for (const auto& member : *cycle) {
                const auto tid = std::ranges::find(member, "tid", &Fact::key);
                if (tid == member.end()) continue;
                if (const auto* number = std::get_if<std::int64_t>(&tid->value))
                    tids.insert(static_cast<std::uint32_t>(*number));
            }
        }
    }
    return tids;
}

// Who hangs stands alone, with its stack; the others by state, system call and what they wait for, or without the last
// when each of a thousand waits for something of its own.
std::vector<Group> grouped(const Explanation& explanation, bool coarse) {
    const auto hung = hung_tids(explanation);
    std::map<std::string, Group> groups;
    for (const auto& seen : explanation.threads) {
        const auto& wait = seen.last;
        auto purpose = purpose_of(wait, explanation.around);
        const bool stuck = hung.contains(wait.thread.tid);
        auto key = fmt::format("{} {} {} {}", static_cast<char>(wait.state), wait.frozen,
                               wait.syscall ? wait.syscall->name : "", static_cast<int>(purpose.what));
        if (!coarse) key += purpose.text;
        if (stuck) key += fmt::format(" {}", wait.thread.tid);
        auto& group = groups[key];
        group.threads.push_back(&seen);
        group.purpose = std::move(purpose);
        group.hung = stuck;
    }
    std::vector<Group> sorted;
    sorted.reserve(groups.size());
    for (auto& [key, group] : groups)
        sorted.push_back(std::move(group));
    // A lock explains more than a crowd of idlers does.
    std::ranges::sort(sorted, {}, [](const Group& group) {
        const bool stuck =
            group.threads.front()->last.state == ThreadState::uninterruptible || group.purpose.what == WaitsFor::lock;
        return std::tuple(!group.hung, !stuck, group.purpose.what != WaitsFor::nothing,
                          -static_cast<long>(group.threads.size()), group.threads.front()->last.thread.tid);
    });
    return sorted;
}

std::string so_long(const Group& group, Time now) {
    const auto [latest, earliest] = std::ranges::minmax(group.threads, std::ranges::greater{}, &SeenThread::since);
    const auto longest = now - earliest->since;
    const auto shortest = now - latest->since;
    if (longest < 1ms) return {};
    if (longest - shortest < std::max<Duration>(longest / 5, 100ms)) return " for " + tell(longest);
    return fmt::format(" for {} to {}", tell(shortest), tell(longest));
}

std::string call_of(const ThreadWait& wait, bool arguments) {
    if (!wait.syscall) return {};
    const auto name =
        wait.syscall->name.empty() ? fmt::format("system call {}", wait.syscall->number) : wait.syscall->name;
    if (!arguments) return " in " + name;
    return fmt::format(" in {}({})", name, fmt::join(syscall_words(*wait.syscall), ", "));
}

// How every system call is entered says nothing about this one.
std::vector<std::string> telling_frames(std::vector<std::string> frames) {
    constexpr std::array<std::string_view, 7> entries{"entry_SYSCALL", "do_syscall",     "x64_sys_call", "el0_svc",
                                                      "el0t_64_sync",  "invoke_syscall", "do_el0_svc"};
    while (frames.size() > 1
           && std::ranges::any_of(entries, [&](auto entry) { return frames.back().starts_with(entry); }))
        frames.pop_back();
    return frames;
}

void print_stack(const ThreadWait& wait, std::ostream& out) {
    if (wait.kernel_stack.empty()) return;
    const auto frames = telling_frames(wait.kernel_stack);
    std::string line = "     ";
    for (std::size_t i = 0; i < frames.size() && i < frames_shown; ++i) {
        const auto frame = (i == 0 ? " " : " < ") + frames[i];
        if (line.size() + frame.size() > 100) {
            out << printable(line) << '\n';
            line = "       ";
        }
        line += frame;
    }
    if (frames.size() > frames_shown) line += " < ...";
    out << printable(line) << '\n';
}

void print_group(const Group& group, const Explanation& explanation, bool stacks, bool coarse, std::ostream& out) {
    const auto& first = group.threads.front()->last;
    const bool alone = group.threads.size() == 1;
    const bool running = group.purpose.what == WaitsFor::nothing;
    auto who = fmt::format("tid {} ({})", first.thread.tid, first.comm);
    if (!alone) {
        who = with_thousands(group.threads.size()) + " threads";
        if (std::ranges::all_of(group.threads, [&](const auto* seen) { return seen->last.comm == first.comm; }))
            who += fmt::format(" ({})", first.comm);
    }
    auto line = fmt::format("  {}: {}{}{}", who, static_cast<char>(first.state), running ? "" : call_of(first, alone),
                            running ? "" : so_long(group, explanation.now));
    if (alone || !coarse || group.purpose.what == WaitsFor::wakeup) line += ", " + group.purpose.text;
    if (first.state == ThreadState::uninterruptible && !first.kernel_thread && first.killable_known)
        line += first.killable ? "; SIGKILL can end it" : "; SIGKILL can't end it";
    out << cut(printable(line)) << '\n';
    if (stacks) {
        for (const auto* seen : group.threads) {
            if (!alone) out << fmt::format("    tid {} ({})\n", seen->last.thread.tid, printable(seen->last.comm));
            print_stack(seen->last, out);
        }
    } else if (group.hung || first.state == ThreadState::uninterruptible) {
        print_stack(first, out);
    }
}

void print_threads(const Explanation& explanation, bool stacks, std::ostream& out) {
    auto groups = grouped(explanation, false);
    const bool coarse = groups.size() > most_groups;
    if (coarse) groups = grouped(explanation, true);
    out << (explanation.threads.size() == 1 ? "thread:\n"
                                            : fmt::format("{} threads:\n", with_thousands(explanation.threads.size())));
    std::size_t shown = 0;
    std::size_t left = explanation.threads.size();
    for (const auto& group : groups) {
        if (!stacks && shown++ == most_groups) break;
        left -= group.threads.size();
        print_group(group, explanation, stacks, coarse, out);
    }
    if (left > 0) out << fmt::format("  and {} more (--stacks and --json show all)\n", with_thousands(left));
    for (std::size_t i = 0; i < explanation.owners.size() && i < most_sockets; ++i) {
        const auto& seen = explanation.owners[i];
        const auto& wait = seen.last;
        const auto line =
            fmt::format("  lock owner tid {} of pid {} ({}): {}{}, {}", wait.thread.tid, wait.process.pid, wait.comm,
                        static_cast<char>(wait.state), call_of(wait, true), purpose_of(wait, {}).text);
        out << cut(printable(line)) << '\n';
    }
}

void print_findings(const Explanation& explanation, std::ostream& out) {
    const auto& findings = explanation.findings;
    for (std::size_t i = 0; i < findings.size() && i < most_findings; ++i) {
        const auto& finding = findings[i];
        out << printable(fmt::format("{} since {}Z: {}", name_of(finding.kind),
                                     format_time(explanation.clocks.to_wall(finding.since)).substr(0, 19),
                                     finding.reason))
            << '\n';
    }
    if (findings.size() > most_findings) out << fmt::format("and {} more findings\n", findings.size() - most_findings);
}

void print_sockets(const Explanation& explanation, std::ostream& out) {
    const auto& sockets = explanation.sockets;
    if (!sockets.empty()) out << "work that waits:\n";
    for (std::size_t i = 0; i < sockets.size() && i < most_sockets; ++i) {
        const auto& socket = sockets[i].last;
        const auto line = fmt::format("  {}{}{}: {}{} {}s, descriptor {}, untouched for at least {}",
                                      socket.local.empty() ? "a nameless socket" : socket.local,
                                      socket.peer.empty() ? "" : " from ", socket.peer, socket.length,
                                      socket.limit == 0 ? "" : fmt::format(" of at most {}", socket.limit),
                                      unit_of(socket.kind), socket.fd, tell(explanation.now - sockets[i].since));
        out << cut(printable(line)) << '\n';
    }
    if (sockets.size() > most_sockets) out << fmt::format("  and {} more\n", sockets.size() - most_sockets);
}

} // namespace

std::string explanation_line(const Explanation& explanation) {
    return cut(printable(
        fmt::format("{} ({}): {}", explanation.around.pid, explanation.around.comm, explanation.verdict.headline())));
}

void print_explanation(const Explanation& explanation, bool stacks, std::ostream& out) {
    out << printable(explanation.verdict.headline()) << '\n';
    const auto& around = explanation.around;
    auto who = fmt::format("pid {} ({})", around.pid, around.comm);
    if (!explanation.rules.empty()) who += fmt::format(", rule {}", fmt::join(explanation.rules, ", "));
    if (explanation.verdict.kernel_thread)
        who += ", a kernel thread";
    else if (around.parent.pid != 0)
        who += fmt::format(", child of {} ({})", around.parent.pid, around.parent.comm);
    if (!around.args.empty()) who += ": " + around.args;
    out << cut(printable(who)) << '\n';
    for (const auto& note : explanation.notes)
        out << printable(note) << '\n';
    print_findings(explanation, out);
    if (!explanation.threads.empty()) print_threads(explanation, stacks, out);
    print_sockets(explanation, out);
}

} // namespace nezuban

// A process that is never twice the same: its name, command line, ids, parent, session and program change as fast as it
// can.
//
//   nzhostile TURNS --seed N --name X… (names to take, beside rubbish) [--mark TEXT] [--exec-every N] [--wait]
//
// A keeper forks it, adopts what it leaves behind and reaps it; whoever of the line was killed is born again. When all
// turns are made it says how many processes there were and how many of them were killed. mark: a text that each of its
// names and command lines carries behind a newline and an escape sequence. With --wait it begins at the first line of
// standard input.
#include "nz.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

namespace {

constexpr const char* usage = "nzhostile TURNS --seed N [--name X]... [--mark TEXT] [--exec-every N] [--wait]";
constexpr std::size_t long_argument = 120'000; // the kernel takes 128 KiB at most
constexpr int long_arguments = 17;             // 2 MiB in all
constexpr rlim_t stack_bytes = 64UL << 20U;    // a quarter of it may be arguments

// What is left of the turns, and what has become of the line: shared by all of it, whatever they execute.
struct Shared {
    long turns = 0;
    std::uint64_t dice = 0;
};

struct Options {
    long turns = 0;
    std::uint64_t seed = 1;
    std::vector<std::string> names;
    std::string mark;
    long exec_every = 0;
    bool wait = false;
    int shared = -1; // descriptor; given: it is one of the line
};

Options options_from(int argc, char** argv) {
    Options options;
    options.turns = nz::number_or_usage(argc > 1 ? argv[1] : nullptr, usage);
    for (int at = 2; at < argc; ++at) {
        const std::string word = argv[at];
        if (word == "--") break; // rubbish from here on
        if (word == "--wait") {
            options.wait = true;
            continue;
        }
        if (at + 1 >= argc) nz::number_or_usage(nullptr, usage);
        const char* value = argv[++at];
        if (word == "--seed") options.seed = static_cast<std::uint64_t>(nz::number_or_usage(value, usage));
        if (word == "--name") options.names.emplace_back(value);
        if (word == "--mark") options.mark = value;
        if (word == "--exec-every") options.exec_every = nz::number_or_usage(value, usage);
        if (word == "--shared") options.shared = static_cast<int>(nz::number_or_usage(value, usage));
    }
    return options;
}

class Hostile {
public:
    Hostile(const Options& options, Shared& shared, char* title, std::size_t title_size)
        : options_(options), shared_(shared), title_(title), title_size_(title_size), dice_(shared.dice) {}

    [[noreturn]] void rage() {
        while (shared_.turns > 0) {
            --shared_.turns;
            shared_.dice = dice_();
            turn();
        }
        _exit(0);
    }

private:
    std::size_t roll(std::size_t sides) {
        return static_cast<std::size_t>(dice_() % sides);
    }

    // No NUL: it would be the end.
    std::string rubbish(std::size_t length) {
        std::string text = "\n\033[2J\033]0;x\007\xff\xc0\x80" + options_.mark;
        while (text.size() < length)
            text += static_cast<char>(1 + roll(255));
        text.resize(length);
        return text;
    }

    void turn() {
        if (options_.exec_every > 0 && roll(static_cast<std::size_t>(options_.exec_every)) == 0) become_anew();
        switch (roll(8)) {
        case 0:
        case 1: take_a_name(); break;
        case 2: prctl(PR_SET_NAME, rubbish(15).c_str()); break;
        case 3: write_title(); break;
        case 4: change_ids(); break;
        case 5: leave_parent(); break;
        case 6: roll(2) == 0 ? setsid() : setpgid(0, 0); break;
        default: end_child_at_once(); break;
        }
    }

    void take_a_name() {
        if (!options_.names.empty()) prctl(PR_SET_NAME, options_.names[roll(options_.names.size())].c_str());
    }

    void write_title() {
        const auto text = rubbish(title_size_);
        std::copy(text.begin(), text.end(), title_);
    }

    // Root is always left among the three, so that the way back is open.
    void change_ids() {
        const uid_t ids[] = {0, 1, 1000, 65534};
        (void)!setresgid(ids[roll(4)], ids[roll(4)], 0);
        (void)!setresuid(ids[roll(4)], ids[roll(4)], 0);
        if (roll(2) == 0) (void)!setresuid(0, 0, 0);
    }

    // The child goes on, the parent is gone.
    void leave_parent() {
        const pid_t child = fork();
        if (child > 0) _exit(0);
    }

    // A target that is gone before anybody can look.
    void end_child_at_once() {
        const pid_t child = fork();
        if (child == 0) {
            take_a_name();
            if (roll(2) == 0) raise(SIGKILL);
            _exit(3);
        }
        if (child > 0) waitpid(child, nullptr, 0);
    }

    // 2 MiB of command line, or little of it; from the main thread or another one, whose pid becomes that of the
    // process.
    void become_anew() {
        (void)!setresuid(0, 0, 0);
        std::vector<std::string> words{roll(3) == 0 ? rubbish(30) : "nzhostile", "0", "--shared",
                                       std::to_string(options_.shared)};
        const std::pair<const char*, std::string> given[] = {{"--mark", options_.mark},
                                                             {"--exec-every", std::to_string(options_.exec_every)}};
        for (const auto& [key, value] : given)
            words.insert(words.end(), {key, value});
        for (const auto& name : options_.names)
            words.insert(words.end(), {"--name", name});
        words.emplace_back("--");
        const bool is_long = roll(2) == 0;
        for (int i = 0; i < (is_long ? long_arguments : 3); ++i)
            words.push_back(rubbish(is_long ? long_argument : 40));
        std::vector<char*> argv;
        for (auto& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        if (roll(2) == 0) std::thread([&] { execve("/proc/self/exe", argv.data(), environ); }).join();
        execve("/proc/self/exe", argv.data(), environ);
        _exit(1);
    }

    const Options& options_;
    Shared& shared_;
    char* title_;
    std::size_t title_size_;
    std::mt19937_64 dice_;
};

int keep(const Options& options, int argc, char** argv, int memory, Shared& shared) {
    shared = {.turns = options.turns, .dice = options.seed};
    nz::rename_to(("keeper" + std::to_string(getpid())).c_str()); // older than all of them, and its name is its own
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    nz::say(R"({"event": "ready", "pid": %d})", getpid());
    std::string line;
    if (options.wait && !nz::read_line(line)) return 0;
    const rlimit stack{.rlim_cur = stack_bytes, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_STACK, &stack);
    long processes = 0;
    long killed = 0;
    while (shared.turns > 0) {
        const pid_t child = fork();
        if (child < 0) nz::give_up("fork");
        if (child == 0) {
            alarm(nz::default_life_s);
            Options own = options;
            own.shared = memory;
            Hostile(own, shared, argv[0],
                    static_cast<std::size_t>(argv[argc - 1] + std::strlen(argv[argc - 1]) - argv[0]))
                .rage();
        }
        // Until none of the line is left.
        int status = 0;
        while (waitpid(-1, &status, 0) > 0) {
            ++processes;
            if (WIFSIGNALED(status)) ++killed;
        }
    }
    nz::say(R"({"event": "done", "processes": %ld, "killed": %ld})", processes, killed);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    const Options options = options_from(argc, argv);
    nz::live_at_most(nz::default_life_s);
    int memory = options.shared;
    if (memory < 0) {
        nz::die_with(getppid());
        memory = static_cast<int>(syscall(SYS_memfd_create, "hostile", 0));
        if (memory < 0 || ftruncate(memory, sizeof(Shared)) != 0) nz::give_up("memfd_create");
    }
    void* place = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (place == MAP_FAILED) nz::give_up("mmap");
    auto& shared = *static_cast<Shared*>(place);
    if (options.shared < 0) return keep(options, argc, argv, memory, shared);
    Hostile(options, shared, argv[0], static_cast<std::size_t>(argv[argc - 1] + std::strlen(argv[argc - 1]) - argv[0]))
        .rage();
}

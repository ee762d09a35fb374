// A process that waits, and changes when it is told to.
//
//   nzidle [--name X] [--stay | --leash FIFO] [--detach] [--life SECONDS] [anything else is ignored]
//
//   --name X      renames itself before it says that it is ready
//   --stay        ignores standard input: ends by a signal or its life
//   --leash FIFO  takes its commands from there instead; ends when nobody has it open for writing any more
//   --detach      goes to the background like a daemon; for a leash or --stay
//
// Commands, one a line; each is answered by one line:
//   rename X · title X · setuid N · setgid N · ignore SIGNAL · fork [NAME] · zombie · reap PID
//   flutter NAME (says so, then renames itself as fast as it can, to NAME at last, until the next line; then answers)
//   thread-exit (the leader ends, another thread goes on; children forked before die with it)
//   hold MIB PATH (so much memory, and a lock on that file: it takes long to let go of both)
//   exec PATH ARGS… (the new program answers) · raise SIGNAL · abort · exit N (nobody answers)
#include "await.hpp"
#include "nz.hpp"

#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>

namespace {

// The command line's own memory, as setproctitle overwrites it.
struct Title {
    char* begin = nullptr;
    std::size_t size = 0;
};

struct State {
    Title title;
    pid_t parent = 0;
    bool leader_ended = false;
};

void serve(State& state);

void* serve_in_thread(void* state) {
    // The leader must be seen dead before the answer: its thread is a zombie then, and stays one.
    nz::await_state(getpid(), getpid(), 'Z');
    nz::say(R"({"event": "thread-exit", "pid": %d})", getpid());
    serve(*static_cast<State*>(state));
    std::exit(0);
}

void leave_leader(State& state) {
    pthread_t thread{};
    state.leader_ended = true;
    if (pthread_create(&thread, nullptr, serve_in_thread, &state) != 0) nz::give_up("pthread_create");
    pthread_detach(thread);
    pthread_exit(nullptr);
}

void fork_child(const std::string& name) {
    const pid_t child = nz::fork_waiting(name.c_str());
    nz::say(R"({"event": "forked", "pid": %d})", child);
}

void make_zombie() {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    siginfo_t info{};
    if (child < 0 || waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) != 0) nz::give_up("zombie");
    nz::say(R"({"event": "zombie", "pid": %d})", child);
}

void reap(pid_t pid) {
    int status = 0;
    if (waitpid(pid, &status, 0) != pid) nz::give_up("waitpid");
    nz::say(R"({"event": "reaped", "pid": %d, "code": %d, "signal": %d})", pid,
            WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

void retitle(const Title& title, const std::string& text) {
    const std::size_t length = text.size() < title.size ? text.size() : title.size - 1;
    std::memset(title.begin, 0, title.size);
    std::memcpy(title.begin, text.data(), length);
    nz::say(R"({"event": "titled", "title": "%s"})", nz::quoted(text.substr(0, length)).c_str());
}

void flutter(const std::string& name) {
    nz::say(R"({"event": "fluttering"})");
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    while (poll(&input, 1, 0) == 0) {
        for (int i = 0; i < 1000; ++i)
            nz::rename_to(i % 2 == 0 ? "nz-butterfly" : name.c_str());
    }
    std::string line;
    nz::read_line(line);
    nz::say(R"({"event": "fluttered", "name": "%s"})", nz::quoted(name).c_str());
}

void hold(const std::string& words) {
    char* path = nullptr;
    const long size = std::strtol(words.c_str(), &path, 10) * 1024 * 1024;
    const int file = open(path + 1, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || flock(file, LOCK_EX | LOCK_NB) != 0) nz::give_up("locking");
    void* memory = mmap(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) nz::give_up("mmap");
    nz::say(R"({"event": "holding", "bytes": %ld})", size);
}

[[noreturn]] void exec_words(const std::string& words) {
    std::vector<std::string> list;
    for (std::size_t at = 0; at < words.size();) {
        const std::size_t end = words.find(' ', at);
        list.push_back(words.substr(at, end == std::string::npos ? end : end - at));
        at = end == std::string::npos ? words.size() : end + 1;
    }
    std::vector<char*> argv;
    for (auto& word : list)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    if (!list.empty()) execv(argv[0], argv.data());
    nz::give_up("exec");
}

void change_owner(const State& state, const char* what, int result, long id) {
    if (result != 0) nz::give_up(what);
    if (state.parent > 0) nz::die_with(state.parent);
    nz::say(R"({"event": "%s", "id": %ld})", what, id);
}

void obey(State& state, const std::string& line) {
    std::string rest;
    if (nz::is_command(line, "rename", rest)) {
        nz::rename_to(rest.c_str());
        nz::say(R"({"event": "renamed", "name": "%s"})", nz::quoted(rest).c_str());
    } else if (nz::is_command(line, "flutter", rest)) {
        flutter(rest);
    } else if (nz::is_command(line, "title", rest)) {
        retitle(state.title, rest);
    } else if (nz::is_command(line, "setuid", rest)) {
        const uid_t uid = static_cast<uid_t>(std::atol(rest.c_str()));
        change_owner(state, "setuid", setresuid(uid, uid, uid), uid);
    } else if (nz::is_command(line, "setgid", rest)) {
        const gid_t gid = static_cast<gid_t>(std::atol(rest.c_str()));
        change_owner(state, "setgid", setresgid(gid, gid, gid), gid);
    } else if (nz::is_command(line, "ignore", rest)) {
        if (std::signal(std::atoi(rest.c_str()), SIG_IGN) == SIG_ERR) nz::give_up("ignore");
        nz::say(R"({"event": "ignoring", "signal": %d})", std::atoi(rest.c_str()));
    } else if (nz::is_command(line, "fork", rest)) {
        fork_child(rest);
    } else if (line == "zombie") {
        make_zombie();
    } else if (nz::is_command(line, "reap", rest)) {
        reap(std::atoi(rest.c_str()));
    } else if (line == "thread-exit" && !state.leader_ended) {
        leave_leader(state);
    } else if (nz::is_command(line, "hold", rest)) {
        hold(rest);
    } else if (nz::is_command(line, "exec", rest)) {
        exec_words(rest);
    } else if (nz::is_command(line, "raise", rest)) {
        kill(getpid(), std::atoi(rest.c_str()));
    } else if (line == "abort") {
        std::abort();
    } else if (nz::is_command(line, "exit", rest)) {
        _exit(std::atoi(rest.c_str()));
    } else {
        nz::say(R"({"event": "error", "what": "unknown command: %s"})", nz::quoted(line).c_str());
    }
}

void serve(State& state) {
    std::string line;
    while (nz::read_line(line))
        obey(state, line);
}

struct Options {
    const char* name = nullptr;
    const char* leash = nullptr;
    bool stay = false;
    bool detach = false;
    unsigned life = nz::default_life_s;
};

Options options_from(int argc, char** argv) {
    Options options;
    for (int at = 1; at < argc; ++at) {
        const std::string word = argv[at];
        const bool last = at + 1 == argc;
        if (word == "--name" && !last) options.name = argv[++at];
        if (word == "--leash" && !last) options.leash = argv[++at];
        if (word == "--life" && !last) options.life = static_cast<unsigned>(std::atoi(argv[++at]));
        if (word == "--stay") options.stay = true;
        if (word == "--detach") options.detach = true;
    }
    return options;
}

} // namespace

int main(int argc, char** argv) {
    const Options options = options_from(argc, argv);
    static State state; // outlives the main thread, see thread-exit
    state.title = {argv[0], static_cast<std::size_t>(argv[argc - 1] + std::strlen(argv[argc - 1]) + 1 - argv[0])};
    if (options.detach) {
        const pid_t child = fork();
        if (child < 0) nz::give_up("fork");
        if (child > 0) _exit(0);
        setsid();
    } else if (options.leash == nullptr && !options.stay) {
        state.parent = getppid();
        nz::die_with(state.parent);
    }
    nz::live_at_most(options.life);
    nz::rename_to(options.name);
    if (options.leash != nullptr) {
        const int fifo = open(options.leash, O_RDONLY);
        if (fifo < 0 || dup2(fifo, STDIN_FILENO) < 0) nz::give_up("opening the leash");
        close(fifo);
    }
    nz::say(R"({"event": "ready", "pid": %d})", getpid());
    while (options.stay)
        pause();
    serve(state);
    return 0;
}

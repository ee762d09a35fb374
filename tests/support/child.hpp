// Programs that a test starts: spoken to by lines, waited for by pidfd, dead at the latest with the test.
#pragma once

#include "fd.hpp"

#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace nezuban::test {

// build/PRESET, whatever the preset: tests and benches are one folder below it.
inline std::filesystem::path build_dir() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
}
inline std::string program(std::string_view name) {
    return (build_dir() / "programs" / name).string();
}
inline std::string nezuban_binary() {
    return (build_dir() / "nezuban").string();
}

// glibc 2.36 declares pidfd_open without C linkage.
inline Fd open_pidfd(long pid) {
    return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

struct ChildOptions {
    std::vector<std::pair<std::string, std::string>> environment; // added to ours
    std::string directory;                                        // empty: ours
    bool own_errors = false;                                      // keep standard error apart; else it is ours
    bool ends_with_input = false; // it ends, and reaps what it started, when its standard input does
};

struct Ending {
    int exit_code = 0; // meaningful when signal is 0
    int signal = 0;
};

class Child {
public:
    // Throws when the program can't be executed. It gets SIGKILL when the calling thread ends, however that comes.
    explicit Child(std::vector<std::string> argv, const ChildOptions& options = {})
        : name_(argv.at(0)), ends_with_input_(options.ends_with_input) {
        std::signal(SIGPIPE, SIG_IGN); // a program that died early is an error of send, not our end
        auto [in_read, in_write] = make_pipe();
        auto [out_read, out_write] = make_pipe();
        auto [error_read, error_write] = make_pipe();
        auto [failure_read, failure_write] = make_pipe();
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ < 0) fail_with_errno("fork");
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != parent) ::_exit(127);
            // Who was started in the background has SIGINT and SIGQUIT ignored, and would pass that on.
            for (const int signal : {SIGPIPE, SIGINT, SIGQUIT})
                std::signal(signal, SIG_DFL);
            ::dup2(in_read.get(), STDIN_FILENO);
            ::dup2(out_write.get(), STDOUT_FILENO);
            if (options.own_errors) ::dup2(error_write.get(), STDERR_FILENO);
            become(argv, options);
            const int error = errno;
            (void)!::write(failure_write.get(), &error, sizeof error);
            ::_exit(127);
        }
        pidfd_ = open_pidfd(pid_);
        input_ = std::move(in_write);
        output_ = LineReader(std::move(out_read));
        errors_ = LineReader(std::move(error_read));
        failure_write.close();
        int error = 0;
        if (::read(failure_read.get(), &error, sizeof error) == sizeof error) {
            ::waitpid(std::exchange(pid_, -1), nullptr, 0);
            throw std::system_error(error, std::generic_category(), "executing " + name_);
        }
    }
    ~Child() {
        if (pid_ <= 0) return;
        input_.close();
        if (!ends_with_input_ || !wait_readable(pidfd_.get(), after()))
            ::kill(pid_, SIGKILL); // still ours: it was not reaped
        ::waitpid(pid_, nullptr, 0);
    }
    Child(Child&& other) noexcept
        : name_(std::move(other.name_)), ends_with_input_(other.ends_with_input_), pid_(std::exchange(other.pid_, -1)),
          pidfd_(std::move(other.pidfd_)), input_(std::move(other.input_)), output_(std::move(other.output_)),
          errors_(std::move(other.errors_)) {}
    Child& operator=(Child&&) = delete;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    [[nodiscard]] pid_t pid() const {
        return pid_;
    }
    [[nodiscard]] int pidfd() const {
        return pidfd_.get();
    }
    [[nodiscard]] LineReader& errors() {
        return errors_;
    }

    void send(std::string_view line) {
        const std::string text = std::string(line) + "\n";
        if (::write(input_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
            fail_with_errno("writing to " + name_);
    }
    // Throws when none comes in time, or the output ended.
    std::string read_line(Deadline deadline = after()) {
        auto line = output_.next(deadline);
        if (!line) throw std::runtime_error(name_ + " ended its output");
        return *line;
    }
    std::string ask(std::string_view line, Deadline deadline = after()) {
        send(line);
        return read_line(deadline);
    }
    // Everything until the end of its output.
    std::string read_rest(Deadline deadline = after()) {
        return output_.rest(deadline);
    }
    void close_input() {
        input_.close();
    }
    void signal(int number) const {
        if (pid_ <= 0 || ::kill(pid_, number) != 0) fail_with_errno("signalling " + name_);
    }
    // Throws when it doesn't end in time.
    Ending wait(Deadline deadline = after()) {
        if (!wait_readable(pidfd_.get(), deadline)) throw std::runtime_error(name_ + " did not end in time");
        int status = 0;
        ::waitpid(std::exchange(pid_, -1), &status, 0);
        if (WIFSIGNALED(status)) return {.exit_code = 0, .signal = WTERMSIG(status)};
        return {.exit_code = WEXITSTATUS(status), .signal = 0};
    }

private:
    static std::pair<Fd, Fd> make_pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) fail_with_errno("pipe");
        return {Fd(ends[0]), Fd(ends[1])};
    }
    static void become(std::vector<std::string>& words, const ChildOptions& options) {
        for (const auto& [key, value] : options.environment)
            ::setenv(key.c_str(), value.c_str(), 1);
        if (!options.directory.empty() && ::chdir(options.directory.c_str()) != 0) return;
        std::vector<char*> argv;
        for (auto& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        ::execvp(argv[0], argv.data());
    }

    std::string name_;
    bool ends_with_input_ = false;
    pid_t pid_ = -1;
    Fd pidfd_;
    Fd input_;
    LineReader output_{Fd()};
    LineReader errors_{Fd()};
};

// The number behind "key": in one line of a helper program; throws when there is none.
inline long number_in(std::string_view line, std::string_view key) {
    const std::string wanted = "\"" + std::string(key) + "\": ";
    const auto at = line.find(wanted);
    if (at == std::string_view::npos) throw std::runtime_error("no " + wanted + "in: " + std::string(line));
    return std::stol(std::string(line.substr(at + wanted.size())));
}

// A helper program that has said that it is ready.
inline Child start_program(std::string_view name, std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), program(name));
    Child child(std::move(arguments), {.ends_with_input = true});
    const std::string line = child.read_line();
    if (line.find("\"ready\"") == std::string::npos && line.find("\"first\"") == std::string::npos)
        throw std::runtime_error(std::string(name) + " is not ready: " + line);
    return child;
}

} // namespace nezuban::test

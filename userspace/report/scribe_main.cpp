// The process that may block: it writes what it is told to log and history, and says how that went.
#include "io/clock.hpp"
#include "io/own_process.hpp"
#include "io/privileges.hpp"
#include "io/signals.hpp"
#include "io/unix_socket.hpp"
#include "report/ledger.hpp"
#include "report/log_writer.hpp"
#include "report/scribe.hpp"
#include "report/state_dir.hpp"
#include "report/wire.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <thread>

namespace nezuban {

using namespace std::chrono_literals;

namespace {

constexpr int input = 0;
constexpr std::size_t batch_bytes = 1UL << 20U; // read before something is written
constexpr int exit_usage = 2;
// What comes together is written together. A transaction takes a processor for 0.3 ms: begun with the first word of a
// death, it took that of the restart command, which then waited between fork and exec although another processor was
// idle (two of them; from kill -9 to the running command 1.72 ms, with this 1.40).
constexpr auto gathering = 5ms;

struct Arguments {
    std::string state_dir;
    std::uint64_t size = DaemonSpec{}.history_size;
    std::string level = DaemonSpec{}.log_level;
    LogFormat format = LogFormat::text;
    bool journal = false;
};

std::optional<Arguments> parse(int argc, char** argv) {
    Arguments arguments;
    std::vector<std::string_view> words(argv, argv + argc);
    for (std::size_t i = 2; i < words.size(); ++i) { // behind the program's name and the verb
        if (words[i] == "--journal") {
            arguments.journal = true;
            continue;
        }
        auto value = i + 1 < words.size() ? words[i + 1] : std::string_view();
        if (words[i] == "--state-dir") {
            arguments.state_dir = value;
        } else if (words[i] == "--size") {
            std::from_chars(value.data(), value.data() + value.size(), arguments.size);
        } else if (words[i] == "--log-level") {
            arguments.level = value;
        } else if (words[i] == "--log-format") {
            arguments.format = value == "json" ? LogFormat::json : LogFormat::text;
        } else {
            return std::nullopt;
        }
        ++i;
    }
    if (arguments.state_dir.empty()) return std::nullopt;
    return arguments;
}

class Scribing {
public:
    explicit Scribing(const Arguments& arguments)
        : log_(arguments.level, arguments.format, arguments.journal),
          ledger_(history_path(arguments.state_dir), arguments.size,
                  [this](Severity severity, const std::string& text) { tell(severity, text); }) {
        if (!log_.missing().empty()) tell(Severity::warning, log_.missing());
    }

    int run() {
        for (;;) {
            ledger_.write(monotonic_now());
            answer();
            if (ended_) break;
            wait();
            std::this_thread::sleep_for(gathering);
            read();
        }
        return ledger_.finish() ? EXIT_SUCCESS : EXIT_FAILURE;
    }

private:
    void tell(Severity severity, const std::string& text) {
        log_.write({.severity = severity, .time = clock_pair().wall, .text = text});
    }

    void wait() const {
        std::optional<Duration> patience;
        if (auto at = ledger_.next_try()) patience = std::max(*at - monotonic_now(), Duration::zero());
        auto events = answer_.empty() ? ready::in : ready::in | ready::out;
        [[maybe_unused]] bool came = wait_ready(input, events, patience);
    }

    void read() {
        std::array<char, 65536> piece{};
        for (std::size_t total = 0; total < batch_bytes;) {
            auto got = read_some(input, piece);
            if (got.how == Transfer::later) return;
            // Not the end: with an answer of ours unread in its hands the other side's death shows as an error first,
            // and what it sent before is still to be read. A real error would come again, so this one is for once.
            if (got.how == Transfer::failed && !std::exchange(failed_, true)) continue;
            if (got.how != Transfer::some || frames_.broken()) {
                ended_ = true;
                return;
            }
            total += got.bytes;
            frames_.add({piece.data(), got.bytes});
            while (auto frame = frames_.next()) {
                if (auto note = wire::decode_note(*frame)) take(std::move(*note));
            }
        }
    }

    void take(wire::Note note) {
        if (!note.logged) log_.write(note);
        ledger_.add(std::move(note));
    }

    void answer() {
        auto frame = wire::encode(ledger_.health());
        if (answer_.empty() && frame != last_answer_) {
            answer_ = frame;
            last_answer_ = std::move(frame);
        }
        while (!answer_.empty()) {
            auto sent = write_some(input, answer_);
            if (sent.how == Transfer::later) return;
            // Nobody is there to be answered, or to wait for: reading will tell.
            answer_.erase(0, sent.how == Transfer::some ? sent.bytes : answer_.size());
        }
    }

    LogWriter log_;
    Ledger ledger_;
    wire::Frames frames_;
    std::string answer_; // what the socket has not taken yet
    std::string last_answer_;
    bool failed_ = false;
    bool ended_ = false;
};

} // namespace

std::vector<std::string> scribe_arguments(const DaemonSpec& spec) {
    std::vector<std::string> arguments{"/proc/self/exe", "scribe",
                                       "--state-dir",    spec.state_dir,
                                       "--size",         std::to_string(spec.history_size),
                                       "--log-level",    spec.log_level,
                                       "--log-format",   spec.log_format == LogFormat::json ? "json" : "text"};
    if (stderr_is_journal()) arguments.emplace_back("--journal");
    return arguments;
}

int scribe_main(int argc, char** argv) {
    auto arguments = parse(argc, argv);
    if (!arguments) return exit_usage;
    set_own_name("nezuban-scribe");
    keep_file_access_alone();
    set_file_mask(027); // as the directory: what was seen of everybody's processes is not everybody's to read
    ignore_signals();   // it ends when the watcher does, not before
    return Scribing(*arguments).run();
}

} // namespace nezuban

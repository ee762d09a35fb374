// The process that may block. What it is about to look at stands in the shared word, so that the watcher knows whom it
// hangs on without having been told so by message, which would wake it for every process looked at.
#include "app/examiner.hpp"
#include "app/examiner_wire.hpp"
#include "io/clock.hpp"
#include "io/helper_process.hpp"
#include "io/own_process.hpp"
#include "io/shared_word.hpp"
#include "io/signals.hpp"
#include "io/unix_socket.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace nezuban {

namespace {

namespace ew = examiner_wire;
using namespace std::chrono_literals;

constexpr int socket = 0;
constexpr int word_file = 3;
constexpr int exit_usage = 2;
constexpr int niceness = -5; // a loaded machine is where the answers are wanted
constexpr std::size_t batch_bytes = 32UL << 10U;
constexpr Duration batch_time = 20ms; // what is known shall be told before the next look may block
constexpr std::size_t most_questions = 65'536;
constexpr std::size_t most_files = 4096;

class Examining {
public:
    explicit Examining(SharedWord word) : word_(std::move(word)) {}

    void run() {
        std::array<char, 65536> piece{};
        while (!ended_) {
            const auto got = read_some(socket, piece);
            if (got.how == Transfer::later) {
                (void)wait_ready(socket, ready::in, std::nullopt);
                continue;
            }
            if (got.how != Transfer::some) return;
            frames_.add({piece.data(), got.bytes});
            while (auto frame = frames_.next()) {
                if (auto message = ew::decode(*frame)) take(std::move(*message));
            }
            if (frames_.broken()) return;
        }
    }

private:
    void take(ew::Message message) {
        round_ = message.round;
        if (auto* question = std::get_if<Question>(&message.part)) {
            if (questions_.size() < most_questions) questions_.push_back(std::move(*question));
        } else if (auto* file = std::get_if<ew::BeatFile>(&message.part)) {
            if (files_.size() < most_files) files_.push_back(std::move(*file));
        } else if (std::holds_alternative<ew::Go>(message.part)) {
            answer();
        }
    }

    void answer() {
        told_at_ = monotonic_now();
        examine(std::exchange(questions_, {}),
                {.before = [this](std::uint32_t pid) { look_at({.kind = ew::Subject::Kind::process, .number = pid}); },
                 .found = [this](const Answer& answer) { tell(answer); },
                 .devices = &devices_,
                 .stacks = &stacks_});
        for (const auto& file : std::exchange(files_, {})) {
            look_at({.kind = ew::Subject::Kind::beat_file, .number = file.index});
            tell(ew::BeatSeen{.index = file.index, .beat = look_at_beat(file.path)});
        }
        look_at({});
        tell(ew::Done{});
        send();
    }

    void look_at(const ew::Subject& subject) {
        if (!output_.empty() && monotonic_now() - told_at_ >= batch_time) send();
        word_.store(subject.packed(++turn_));
    }

    void tell(const ew::Part& part) {
        output_ += ew::encode(round_, part);
        if (output_.size() >= batch_bytes) send();
    }

    void send() {
        if (!write_all(socket, output_)) ended_ = true;
        output_.clear();
        told_at_ = monotonic_now();
    }

    SharedWord word_;
    wire::Frames frames_;
    std::uint64_t round_ = 0;
    std::uint64_t turn_ = 0;
    std::vector<Question> questions_;
    StackDevices devices_;
    KernelStacks stacks_;
    std::vector<ew::BeatFile> files_;
    std::string output_;
    Time told_at_;
    bool ended_ = false;
};

} // namespace

int examiner_main() {
    auto word = SharedWord::open(Fd(word_file));
    if (!word) return exit_usage;
    set_own_name("nezuban-examine");
    ignore_signals(); // it ends when the watcher does, not before
    run_among_others(niceness);
    Examining(std::move(*word)).run();
    return 0;
}

} // namespace nezuban

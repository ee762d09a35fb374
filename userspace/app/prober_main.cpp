// The process that asks services. It may block, and die of what they answer: the watcher replaces it.
#include "app/prober.hpp"
#include "app/prober_wire.hpp"
#include "io/helper_process.hpp"
#include "io/own_process.hpp"
#include "io/privileges.hpp"
#include "io/probe_client.hpp"
#include "io/signals.hpp"
#include "io/unix_socket.hpp"
#include "report/wire.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

namespace nezuban {

namespace {

namespace pw = prober_wire;

constexpr int socket = 0;
constexpr int niceness = -5; // a loaded machine is where the answers are wanted

class Probing {
public:
    void run() {
        auto client = ProbeClient::create();
        if (client)
            client_.emplace(std::move(*client));
        else
            why_not_ = client.error().text;
        while (!ended_) {
            if (client_) {
                for (const auto& answer : client_->step(socket))
                    output_ += pw::encode(pw::Answer{.number = answer.number, .error = answer.error});
            } else {
                (void)wait_ready(socket, ready::in, std::nullopt);
            }
            send();
            receive();
            send();
        }
    }

private:
    void receive() {
        std::array<char, 65536> piece{};
        for (;;) {
            const auto got = read_some(socket, piece);
            if (got.how == Transfer::later) return;
            if (got.how == Transfer::some) frames_.add({piece.data(), got.bytes});
            while (auto frame = frames_.next()) {
                if (const auto question = pw::decode_question(*frame)) take(*question);
            }
            if (got.how != Transfer::some || frames_.broken()) {
                ended_ = true;
                return;
            }
        }
    }

    void take(const pw::Question& question) {
        if (client_)
            client_->ask(question.number, question.probe);
        else
            output_ += pw::encode(pw::Answer{.number = question.number, .error = why_not_});
    }

    void send() {
        if (!write_all(socket, output_)) ended_ = true;
        output_.clear();
    }

    std::optional<ProbeClient> client_;
    std::string why_not_;
    wire::Frames frames_;
    std::string output_;
    bool ended_ = false;
};

} // namespace

int prober_main() {
    set_own_name("nezuban-probe");
    ignore_signals(); // it ends when the watcher does, not before
    run_among_others(niceness);
    keep_file_access_alone(); // it speaks with everybody
    Probing().run();
    return 0;
}

} // namespace nezuban

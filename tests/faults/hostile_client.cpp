// Clients of the control socket, and senders to the notify socket, that say anything but what they should: honest ones
// are served, services restarted, and nothing of it is kept.
#include "faults/stage.hpp"
#include "support/descriptors.hpp"
#include "support/features.hpp"

#include <fcntl.h>
#include <sys/socket.h>

using namespace nezuban::test;

namespace {

constexpr int attacks = 600;
constexpr std::size_t held_at_most = 150;
constexpr int linger_seconds = 300;

// Never blocks: a queue that is full is one attack less.
Fd connect_to(const std::string& path) {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto address = unix_address(path);
    if (fd.get() < 0) fail_with_errno("socket");
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
    return fd;
}

void say(const Fd& fd, std::string_view bytes, int flags = 0) {
    (void)!::send(fd.get(), bytes.data(), bytes.size(), flags | MSG_NOSIGNAL | MSG_DONTWAIT);
}

// The descriptors of a message, where nobody asked for any.
void send_descriptors(int socket, std::string_view bytes) {
    constexpr std::size_t count = 32;
    const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const std::vector<int> numbers(count, null.get());
    (void)!send_with_descriptors(socket, bytes, numbers);
}

bool descriptors_are_refused() {
    return features().socket_filter || features().passrights;
}

class Attacker {
public:
    Attacker(const Daemon& daemon, const std::string& name, Dice& dice) : daemon_(daemon), name_(name), dice_(dice) {}

    void attack() {
        if (dice_.roll(8) == 0) return notify();
        Fd fd = connect_to(daemon_.socket());
        if (fd.get() < 0) {
            held_.clear();
            return;
        }
        switch (dice_.roll(10)) {
        case 0: say(fd, dice_.bytes(dice_.roll(5000))); break;
        case 1: say(fd, dice_.bytes(200'000)); break;
        case 2: say(fd, std::string(dice_.roll(60'000), dice_.roll(2) == 0 ? '[' : '{') + "\n"); break;
        case 3: say(fd, mangled(R"({"verb":"status","names":[")" + name_ + "\"]}\n")); break;
        case 4: // never reads what it asked for, a hundred times
            for (int i = 0; i < 100; ++i)
                say(fd, "{\"verb\":\"status\"}\n");
            break;
        case 5: say(fd, "{\"verb\":\"status\",\"names\":[\"\\u001b[2J\\nnezuban forged\"]}\n"); break;
        case 6: say(fd, "{\"verb\":\"pause\",\"names\":[\"" + name_ + "\"],\"for_ms\":" + number() + "}\n"); break;
        case 7: send_descriptors(fd.get(), "{\"verb\":\"status\"}\n"); break;
        case 8: say(fd, "!", MSG_OOB); break;
        default: say(fd, "{\"verb\""); break;
        }
        if (dice_.roll(3) == 0) ::shutdown(fd.get(), dice_.roll(2) == 0 ? SHUT_WR : SHUT_RD);
        if (dice_.roll(2) == 0) held_.push_back(std::move(fd));
        if (held_.size() > held_at_most) held_.erase(held_.begin());
    }
    // Whoever closes the last copy of what is sent waits for longer than anybody has patience.
    void send_what_lingers() {
        lingering_.emplace_back(connect_to_datagrams(notify_socket()), "WATCHDOG=1", linger_seconds);
        (void)lingering_.back().await_sent();
    }
    void let_go() {
        held_.clear();
        lingering_.clear();
    }

private:
    void notify() {
        const Fd fd = connect_to_datagrams(notify_socket());
        REQUIRE(fd.get() >= 0);
        const auto text =
            dice_.roll(2) == 0 ? dice_.bytes(dice_.roll(5000)) : std::string("WATCHDOG=1\nREADY=1\nSTOPPING=1");
        if (dice_.roll(3) == 0) return send_descriptors(fd.get(), text);
        say(fd, text);
    }

    [[nodiscard]] std::string notify_socket() const {
        auto path = daemon_.socket();
        return path.replace(path.rfind('.'), std::string::npos, ".notify");
    }

    std::string mangled(std::string text) {
        for (std::size_t changes = 1 + dice_.roll(4); changes > 0; --changes)
            text[dice_.roll(text.size() - 1)] = static_cast<char>(dice_.roll(256));
        return text;
    }

    // No number of milliseconds.
    std::string number() {
        static const std::vector<std::string> all{"-1",
                                                  "0",
                                                  "1e300",
                                                  "-0.0",
                                                  "18446744073709551615",
                                                  "99999999999999999999999999",
                                                  "9223372036854775807",
                                                  "null",
                                                  "\"1\"",
                                                  "[]",
                                                  "1.5"};
        return dice_.pick(all);
    }

    const Daemon& daemon_;
    std::string name_;
    Dice& dice_;
    std::vector<Fd> held_;
    std::vector<LingeringSender> lingering_;
};

} // namespace

TEST_CASE("hostile clients: honest ones are answered, services are restarted, and nothing is left of them") {
    NEEDS_DAEMON();
    INFO("NEZUBAN_SEED=" << seed());
    Dice dice("hostile client");
    const TempDir dir;
    const Leash leash(dir.file("leash"));
    const Service service(dir, leash, "hang.heartbeat = \"1h\""); // so that there is something to send to
    Daemon daemon(service.text);
    Witness witness(similar_to(service.name));
    daemon.start();
    auto pid = service.await_pid(daemon);
    const auto before = vitals_of(daemon);

    Attacker attacker(daemon, service.name, dice);
    std::size_t restarts = 1;
    for (int i = 1; i <= attacks; ++i) {
        attacker.attack();
        if (i % (attacks / 6) != 0) continue;
        if (descriptors_are_refused()) attacker.send_what_lingers();
        CHECK(daemon.ask({"status"}).exit_code == 0);
        ++restarts;
        end(pid);
        pid = service.await_pid(daemon);
        CHECK(daemon.ask({"health", service.name}).exit_code == 0);
    }

    service.check_restarts(daemon, restarts);
    witness.check();
    const auto told = history_of(daemon, service.name);
    CHECK(told.at("exit") == restarts - 1);
    CHECK_FALSE(told.contains("paused"));
    CHECK(daemon.log().find("\nnezuban forged") == std::string::npos);
    CHECK(daemon.log().find('\033') == std::string::npos);
    attacker.let_go();
    check_no_leak(daemon, before);
    CHECK(daemon.stop().exit_code == 0);
}

#include "app/prober.hpp"

#include "io/clock.hpp"
#include "support/apart.hpp"
#include "support/child.hpp"
#include "support/fd.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace nezuban;
using namespace std::chrono_literals;
using nezuban::test::Child;
using nezuban::test::TempDir;

namespace {

// The prober is started as "this program, prober": here, too.
[[gnu::constructor]] void become_prober(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "prober") == 0) ::_exit(prober_main());
}

constexpr Duration patient = 20s; // where the time-out is not what is looked at

// The watcher's place: a loop, a spawner, and what came of it.
struct Watching {
    Spawner spawner = Spawner::start().value();
    Loop loop = Loop::create().value();
    std::map<CommandId, std::vector<std::string>> answers;
    std::vector<CommandId> order;
    std::vector<std::string> lines;
    CommandId last = 0;
    Prober prober{loop, spawner,
                  [this](const Probed& probed) {
                      answers[probed.id].push_back(probed.error);
                      order.push_back(probed.id);
                  },
                  [this](std::string line) { lines.push_back(std::move(line)); }};

    Watching() {
        if (!spawner.attach(loop)) std::abort();
    }
    void until(const std::function<bool()>& so) {
        while (!so()) {
            if (!loop.step(prober.next_deadline())) std::abort();
            prober.advance(monotonic_now());
        }
    }
    CommandId begin(ProbeKind kind, const std::string& target, Duration timeout = patient) {
        prober.ask({.id = ++last, .kind = kind, .target = target, .timeout = timeout});
        return last;
    }
    std::string answer_to(CommandId id) {
        until([&] { return answers.contains(id); });
        return answers.at(id).front();
    }
    std::string tcp(const std::string& target, Duration timeout = patient) {
        return answer_to(begin(ProbeKind::tcp, target, timeout));
    }
    std::string http(const std::string& target, Duration timeout = patient) {
        return answer_to(begin(ProbeKind::http, target, timeout));
    }
    [[nodiscard]] bool each_once() const {
        return answers.size() == last
               && std::ranges::all_of(answers, [](const auto& one) { return one.second.size() == 1; });
    }
};

// Listens on a port that the kernel chose, or on a file, and accepts nobody.
class Listener {
public:
    explicit Listener(int family = AF_INET, int backlog = 128) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_storage address{};
        address.ss_family = static_cast<sa_family_t>(family);
        socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        if (family == AF_INET)
            reinterpret_cast<sockaddr_in*>(&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        else
            reinterpret_cast<sockaddr_in6*>(&address)->sin6_addr = in6addr_loopback;
        works_ = ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0
                 && ::listen(fd_.get(), backlog) == 0
                 && ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0;
        port_ = ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port); // at the same place in both
    }
    explicit Listener(const std::string& path, int backlog = 128)
        : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::copy_n(path.begin(), std::min(path.size(), sizeof address.sun_path - 1), &address.sun_path[0]);
        works_ = ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0
                 && ::listen(fd_.get(), backlog) == 0;
    }
    [[nodiscard]] int fd() const {
        return fd_.get();
    }
    [[nodiscard]] bool works() const {
        return works_;
    }
    [[nodiscard]] std::string at(const std::string& host = "127.0.0.1") const {
        return host + ":" + std::to_string(port_);
    }
    [[nodiscard]] std::string url(const std::string& path = "/") const {
        return "http://" + at() + path;
    }

private:
    test::Fd fd_;
    bool works_ = false;
    std::uint16_t port_ = 0;
};

// Says the same to everybody who connects and says something, and hangs up.
class Server {
public:
    explicit Server(std::string text)
        : text_(std::move(text)), thread_([this](const std::stop_token& stop) { run(stop); }) {}
    [[nodiscard]] std::string url(const std::string& path = "/") const {
        return listener_.url(path);
    }

private:
    void run(const std::stop_token& stop) const {
        while (!stop.stop_requested()) {
            pollfd wait{.fd = listener_.fd(), .events = POLLIN, .revents = 0};
            if (::poll(&wait, 1, 20) != 1) continue;
            const test::Fd client(::accept(listener_.fd(), nullptr, nullptr));
            std::array<char, 4096> request{};
            if (::recv(client.get(), request.data(), request.size(), 0) <= 0) continue;
            std::string_view rest = text_;
            while (!rest.empty()) {
                const auto sent = ::send(client.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
                if (sent <= 0) break;
                rest.remove_prefix(static_cast<std::size_t>(sent));
            }
        }
    }

    std::string text_;
    Listener listener_;
    std::jthread thread_;
};

std::string http_answer(int status, const std::string& more = "") {
    return "HTTP/1.1 " + std::to_string(status) + " So\r\nContent-Length: 2\r\n" + more + "\r\nok";
}

// A port that nobody listens on: it was bound a moment ago, and stays so.
class DeafPort {
public:
    DeafPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        REQUIRE(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
    }
    [[nodiscard]] std::string at() const {
        return "127.0.0.1:" + std::to_string(port_);
    }

private:
    test::Fd fd_;
    std::uint16_t port_ = 0;
};

} // namespace

TEST_CASE("nobody probes before there is a question, and nothing wakes the watcher after the last answer") {
    Watching watching;
    CHECK(watching.prober.pid() == 0);
    CHECK_FALSE(watching.prober.next_deadline());
    const Listener listener;
    CHECK(watching.tcp(listener.at()).empty());
    CHECK(watching.prober.pid() != 0);
    CHECK_FALSE(watching.prober.next_deadline());
}

TEST_CASE("prepared, it is there before the first question") {
    Watching watching;
    watching.prober.prepare();
    watching.until([&] { return watching.prober.pid() != 0; });
    const auto pid = watching.prober.pid();
    const Listener listener;
    CHECK(watching.tcp(listener.at()).empty());
    CHECK(watching.prober.pid() == pid);
}

TEST_CASE("whoever accepts is ready: by address, by name, on a socket file") {
    Watching watching;
    const Listener four;
    CHECK(watching.tcp(four.at()).empty());
    CHECK(watching.tcp(four.at("localhost")).empty());
    const TempDir dir;
    const Listener file(dir.file("x.sock"));
    CHECK(watching.tcp("unix:" + dir.file("x.sock")).empty());
    const Listener six(AF_INET6);
    if (!six.works()) SKIP("there is no IPv6 here");
    CHECK(watching.tcp(six.at("[::1]")).empty());
}

TEST_CASE("whoever does not accept is not ready, and it is said why") {
    Watching watching;
    const DeafPort deaf;
    CHECK(watching.tcp(deaf.at()) == "connection refused");
    CHECK(watching.http("http://" + deaf.at() + "/") == "connection refused");
    const TempDir dir;
    CHECK(watching.tcp("unix:" + dir.file("missing.sock")) == "no such file or directory");
    {
        const Listener gone(dir.file("gone.sock"));
    }
    CHECK(watching.tcp("unix:" + dir.file("gone.sock")) == "connection refused");
}

TEST_CASE("a socket file whose queue is full is not ready") {
    const TempDir dir;
    const Listener listener(dir.file("full.sock"), 0);
    Watching watching;
    // given as many as the queue takes
    std::vector<test::Fd> queued;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = dir.file("full.sock");
    std::copy_n(path.begin(), path.size(), &address.sun_path[0]);
    do
        queued.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    while (::connect(queued.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    // then the next one is not taken for a connection
    CHECK(watching.tcp("unix:" + path, 500ms) == "nobody accepts: the queue is full");
}

TEST_CASE("an answer of HTTP is judged by its status, and a redirect is one") {
    Watching watching;
    for (const int status : {200, 204, 301, 302}) {
        CAPTURE(status);
        const Server server(http_answer(status, "Location: http://127.0.0.1:1/\r\n"));
        CHECK(watching.http(server.url("/health?full=1")).empty());
    }
    for (const int status : {401, 404, 500, 503}) {
        const Server server(http_answer(status));
        CHECK(watching.http(server.url()) == "answered with " + std::to_string(status));
    }
}

TEST_CASE("an answer that is none is told as what it is") {
    Watching watching;
    CHECK(watching.http(Server("SSH-2.0-OpenSSH_9.2\r\n").url()) == "does not speak HTTP");
    CHECK(watching.http(Server("").url()) == "closed the connection without an answer");
    const Server cut("HTTP/1.1 200 So\r\nContent-Length: 100\r\n\r\nok");
    CHECK_FALSE(watching.http(cut.url()).empty());
}

TEST_CASE("a service that accepts and is silent has not answered") {
    Watching watching;
    const Listener silent;
    CHECK(watching.tcp(silent.at()).empty());
    CHECK(watching.http(silent.url(), 250ms) == "no answer within 250 ms");
    CHECK(watching.prober.pid() != 0); // the prober itself was not to blame
    CHECK(watching.lines.empty());
}

TEST_CASE("a body without end is not read to its end") {
    Watching watching;
    const Server server("HTTP/1.1 200 So\r\n\r\n" + std::string(32UL << 20U, 'x'));
    CHECK(watching.http(server.url()).empty());
}

TEST_CASE("a proxy of the environment is not asked") {
    const DeafPort deaf;
    for (const auto* name : {"http_proxy", "https_proxy", "ALL_PROXY"})
        ::setenv(name, ("http://" + deaf.at()).c_str(), 1);
    {
        Watching watching;
        const Server server(http_answer(200));
        CHECK(watching.http(server.url()).empty());
    }
    for (const auto* name : {"http_proxy", "https_proxy", "ALL_PROXY"})
        ::unsetenv(name);
}

TEST_CASE("a hundred at once are answered once each, and the slow ones delay nobody") {
    Watching watching;
    const Listener listener;
    const DeafPort deaf;
    std::vector<CommandId> slow;
    std::vector<CommandId> quick;
    // given many that will not answer before their time-out
    for (int i = 0; i < 50; ++i)
        slow.push_back(watching.begin(ProbeKind::http, listener.url(), 3s));
    // when as many others are asked
    for (int i = 0; i < 25; ++i) {
        quick.push_back(watching.begin(ProbeKind::tcp, listener.at()));
        quick.push_back(watching.begin(ProbeKind::tcp, deaf.at()));
    }
    watching.until([&] { return watching.each_once(); });
    // then those were answered first, each as it deserves
    for (std::size_t i = 0; i < quick.size(); ++i) {
        CHECK(std::ranges::find(quick, watching.order[i]) != quick.end());
        CHECK(watching.answers.at(quick[i]).front() == std::string(i % 2 == 0 ? "" : "connection refused"));
    }
    for (const auto id : slow)
        CHECK(watching.answers.at(id).front() == "no answer within 3.0 s");
}

TEST_CASE("more than can be asked at once wait for their turn, and more than that are refused") {
    Watching watching;
    const DeafPort deaf;
    for (int i = 0; i < 5000; ++i)
        watching.begin(ProbeKind::tcp, deaf.at());
    watching.until([&] { return watching.each_once(); });
    std::map<std::string, int> by_answer;
    for (const auto& [id, errors] : watching.answers)
        ++by_answer[errors.front()];
    CHECK(by_answer["connection refused"] == 4096);
    CHECK(by_answer["too many probes at once"] == 5000 - 4096);
}

TEST_CASE("a prober that is killed fails what it was asked, and another one takes its place") {
    Watching watching;
    const Listener listener;
    CHECK(watching.tcp(listener.at()).empty());
    const auto first = watching.prober.pid();
    // given two questions under way
    const auto one = watching.begin(ProbeKind::http, listener.url());
    const auto two = watching.begin(ProbeKind::http, listener.url());
    // when it is killed
    REQUIRE(::kill(static_cast<pid_t>(first), SIGKILL) == 0);
    // then they are answered, and the next question reaches another prober
    CHECK(watching.answer_to(one) == "the prober ended");
    CHECK(watching.answer_to(two) == "the prober ended");
    CHECK(watching.tcp(listener.at()).empty());
    CHECK(watching.prober.pid() != first);
    CHECK(watching.each_once());
    CHECK(watching.lines.size() == 1);
}

TEST_CASE("a prober that is stopped is given up after the time-out, and another one takes its place") {
    Watching watching;
    const Listener listener;
    CHECK(watching.tcp(listener.at()).empty());
    const auto first = watching.prober.pid();
    REQUIRE(::kill(static_cast<pid_t>(first), SIGSTOP) == 0);
    CHECK(watching.tcp(listener.at(), 100ms) == "no answer within 100 ms");
    CHECK(watching.tcp(listener.at()).empty());
    CHECK(watching.prober.pid() != first);
    CHECK(watching.each_once());
    REQUIRE(watching.lines.size() == 1);
    CHECK(watching.lines.front().contains("does not answer"));
}

TEST_CASE("who is told of an answer may ask at once") {
    Spawner spawner = Spawner::start().value();
    Loop loop = Loop::create().value();
    REQUIRE(spawner.attach(loop));
    const Listener listener;
    int answers = 0;
    std::unique_ptr<Prober> prober;
    const auto ask = [&] {
        prober->ask({.id = 1, .kind = ProbeKind::http, .target = listener.url(), .timeout = patient});
    };
    prober = std::make_unique<Prober>(
        loop, spawner,
        [&](const Probed&) {
            if (++answers < 3) ask();
        },
        [](const std::string&) {});
    ask();
    while (answers < 3) {
        REQUIRE(loop.step(prober->next_deadline()));
        prober->advance(monotonic_now());
        if (prober->pid() != 0) ::kill(static_cast<pid_t>(prober->pid()), SIGKILL);
    }
    CHECK(answers == 3);
}

TEST_CASE("a certificate that nobody signed is as good as any") {
    if (::access("/usr/bin/openssl", X_OK) != 0) SKIP("there is no openssl here");
    const TempDir dir;
    Child make({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-subj", "/CN=somebody-else", "-days", "1", "-keyout", dir.file("key"), "-out",
                dir.file("cert")},
               {.own_errors = true});
    REQUIRE(make.wait().exit_code == 0);
    std::string port;
    {
        const Listener chosen;
        port = chosen.at().substr(chosen.at().rfind(':') + 1);
    }
    const Child server({"/usr/bin/openssl", "s_server", "-quiet", "-www", "-accept", "127.0.0.1:" + port, "-key",
                        dir.file("key"), "-cert", dir.file("cert")});
    Watching watching;
    const auto deadline = monotonic_now() + 10s;
    std::string said;
    do
        said = watching.http("https://127.0.0.1:" + port + "/");
    while (said == "connection refused" && monotonic_now() < deadline);
    CHECK(said.empty());
    CHECK_FALSE(watching.http("http://127.0.0.1:" + port + "/", 2s).empty());
    const Server plain(http_answer(200));
    CHECK(watching.http("https" + plain.url().substr(4)).starts_with("no TLS: "));
}

namespace {

// In a network and with a name server of its own.
bool isolate(const TempDir& dir) {
    std::ofstream(dir.file("resolv.conf")) << "nameserver 127.0.0.1\n";
    if (::unshare(CLONE_NEWNET) != 0 || !test::take_own_mounts()
        || ::mount(dir.file("resolv.conf").c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) != 0)
        return false;
    const test::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(&request.ifr_name[0], "lo");
    request.ifr_flags = IFF_UP;
    return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

} // namespace

TEST_CASE("a name server that is silent delays nobody else") {
    const TempDir dir;
    const auto said = test::apart([&]() -> std::string {
        if (!isolate(dir)) return "skip";
        Watching watching;
        const Listener listener;
        // given no name server at all
        std::string text = watching.tcp("nobody.example.org:80");
        // when there is one that takes every question and answers none
        const test::Fd server(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(53);
        if (::bind(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "skip";
        const auto lost = watching.begin(ProbeKind::tcp, "nobody.example.org:80", 300ms);
        text += "|" + watching.answer_to(lost);
        // then others are answered although that look-up is not over
        text += "|" + watching.tcp(listener.at(), 2500ms) + "|" + std::to_string(watching.lines.size());
        return text;
    });
    if (said == "skip") SKIP("no network of our own can be made here");
    CHECK(said == "no such host|no answer within 300 ms||0");
}

TEST_CASE("a connection with itself is none") {
    const TempDir dir;
    const auto said = test::apart([&]() -> std::string {
        if (!isolate(dir)) return "skip";
        // given one port only to connect from
        std::ofstream range("/proc/sys/net/ipv4/ip_local_port_range");
        range << "40000 40000\n" << std::flush;
        if (!range) return "skip";
        Watching watching;
        return watching.tcp("127.0.0.1:40000") + "|" + watching.http("http://127.0.0.1:40001/", 1s);
    });
    if (said == "skip") SKIP("no network of our own can be made here");
    CHECK(said.starts_with("connection refused|"));
}

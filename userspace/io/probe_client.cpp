#include "io/probe_client.hpp"

#include "core/tell.hpp"
#include "io/clock.hpp"
#include "io/errno.hpp"
#include "io/probe_library.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <deque>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <climits>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace nezuban {

namespace {

using std::chrono::milliseconds;

// Three descriptors each while a name is looked up, of the usual 1,024.
constexpr std::size_t most_at_once = 256;
constexpr std::size_t most_of_a_body = 64UL << 10U;
constexpr std::string_view unix_prefix = "unix:";

struct Inquiry {
    std::uint64_t number = 0;
    Probe probe;
    Time deadline;
    std::size_t body = 0;
    bool enough = false; // of the body: we hung up
    std::array<char, CURL_ERROR_SIZE> words{};
};

std::size_t take_body(char* /*bytes*/, std::size_t size, std::size_t count, void* inquiry) {
    auto& one = *static_cast<Inquiry*>(inquiry);
    one.body += size * count;
    one.enough = one.body > most_of_a_body;
    return one.enough ? 0 : size * count;
}

// As part of a sentence.
std::string lower(std::string text) {
    if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0)
        text.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
    return text;
}

bool same_address(const sockaddr_storage& a, const sockaddr_storage& b) {
    if (a.ss_family != b.ss_family) return false;
    const auto* const bytes_a = reinterpret_cast<const char*>(&a);
    const auto* const bytes_b = reinterpret_cast<const char*>(&b);
    if (a.ss_family == AF_INET) return std::memcmp(bytes_a, bytes_b, offsetof(sockaddr_in, sin_zero)) == 0;
    if (a.ss_family == AF_INET6) return std::memcmp(bytes_a, bytes_b, sizeof(sockaddr_in6)) == 0;
    return false;
}

constexpr std::string_view full_queue = "nobody accepts: the queue is full";

// What may look like a connection and is none: a connect to a UNIX socket whose queue is full fails at once, which not
// every libcurl tells from one that is under way; one to a local port that nobody listens on, out of that very port,
// meets itself.
std::string wrong_with(int fd) {
    sockaddr_storage here{};
    sockaddr_storage there{};
    socklen_t here_size = sizeof here;
    socklen_t there_size = sizeof there;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&there), &there_size) != 0)
        return errno == ENOTCONN ? std::string(full_queue) : lower(errno_text(errno));
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&here), &here_size) != 0) return lower(errno_text(errno));
    return same_address(here, there) ? "connection refused" : "";
}

} // namespace

struct ProbeClient::State {
    ProbeLibrary library;
    CURLM* multi = nullptr;
    std::unordered_map<CURL*, std::unique_ptr<Inquiry>> active;
    std::deque<std::unique_ptr<Inquiry>> waiting;
    std::vector<Answer> answers;

    explicit State(const ProbeLibrary& its_library) : library(its_library), multi(library.multi_init()) {}
    ~State() {
        for (const auto& [easy, inquiry] : active) {
            library.multi_remove_handle(multi, easy);
            library.easy_cleanup(easy);
        }
        if (multi != nullptr) library.multi_cleanup(multi);
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    State(State&&) = delete;
    State& operator=(State&&) = delete;

    void begin_waiting() {
        while (!waiting.empty() && active.size() < most_at_once) {
            auto inquiry = std::move(waiting.front());
            waiting.pop_front();
            begin(std::move(inquiry));
        }
    }

    void begin(std::unique_ptr<Inquiry> inquiry) {
        const auto left = inquiry->deadline - monotonic_now();
        CURL* easy = left > Duration::zero() ? library.easy_init() : nullptr;
        if (easy == nullptr) {
            const bool late = left <= Duration::zero();
            answers.push_back({inquiry->number, late ? "too much else to probe" : "out of memory"});
            return;
        }
        set_up(easy, *inquiry, std::max<std::int64_t>(1, std::chrono::ceil<milliseconds>(left).count()));
        if (library.multi_add_handle(multi, easy) != CURLM_OK) {
            library.easy_cleanup(easy);
            answers.push_back({inquiry->number, "out of memory"});
            return;
        }
        active.emplace(easy, std::move(inquiry));
    }

    void set_up(CURL* easy, Inquiry& inquiry, std::int64_t left) const {
        const auto set = [&](CURLoption option, auto value) { (void)library.easy_setopt(easy, option, value); };
        set(CURLOPT_ERRORBUFFER, inquiry.words.data());
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::min<std::int64_t>(left, INT_MAX)));
        set(CURLOPT_QUICK_EXIT, 1L); // never wait for a thread that waits for a name server
        set(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
        set(CURLOPT_FRESH_CONNECT, 1L);
        set(CURLOPT_PROXY, "");
        set(CURLOPT_NOPROXY, "*");
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        const auto& target = inquiry.probe.target;
        if (inquiry.probe.kind == ProbeKind::http) return set_up_http(set, inquiry);
        set(CURLOPT_CONNECT_ONLY, 1L);
        if (target.starts_with(unix_prefix)) set(CURLOPT_UNIX_SOCKET_PATH, target.c_str() + unix_prefix.size());
        const auto url = target.starts_with(unix_prefix) ? std::string("http://localhost/") : "http://" + target + "/";
        set(CURLOPT_URL, url.c_str());
    }

    template <typename Set> static void set_up_http(const Set& set, Inquiry& inquiry) {
        set(CURLOPT_FORBID_REUSE, 1L); // the other kind is to be looked at once it is connected
        set(CURLOPT_URL, inquiry.probe.target.c_str());
        set(CURLOPT_HTTPGET, 1L);
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        set(CURLOPT_USERAGENT, "nezuban/" NEZUBAN_VERSION);
        set(CURLOPT_WRITEFUNCTION, &take_body);
        set(CURLOPT_WRITEDATA, static_cast<void*>(&inquiry));
        // Whether it answers is the question, not whether it may be trusted: so also old ciphers, and no reading of
        // the machine's certificates, which takes some 30 ms.
        set(CURLOPT_SSL_VERIFYPEER, 0L);
        set(CURLOPT_SSL_VERIFYHOST, 0L);
        set(CURLOPT_CAINFO, static_cast<char*>(nullptr));
        set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
        set(CURLOPT_SSL_CIPHER_LIST, "ALL:@SECLEVEL=0");
    }

    void finish(CURL* easy, CURLcode code) {
        const auto found = active.find(easy);
        answers.push_back({found->second->number, error_of(easy, code, *found->second)});
        library.multi_remove_handle(multi, easy);
        library.easy_cleanup(easy);
        active.erase(found);
    }

    [[nodiscard]] std::string error_of(CURL* easy, CURLcode code, const Inquiry& inquiry) const {
        if (code == CURLE_OPERATION_TIMEDOUT) return "no answer within " + tell(inquiry.probe.timeout);
        if (code == CURLE_COULDNT_RESOLVE_HOST) return "no such host";
        if (code == CURLE_GOT_NOTHING) return "closed the connection without an answer";
        if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY) return "does not speak HTTP";
        const bool answered = code == CURLE_OK || (code == CURLE_WRITE_ERROR && inquiry.enough);
        if (!answered) return failure_of(easy, code, inquiry);
        if (inquiry.probe.kind == ProbeKind::tcp) {
            curl_socket_t fd = CURL_SOCKET_BAD;
            (void)library.easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
            return fd == CURL_SOCKET_BAD ? "hung up at once" : wrong_with(fd);
        }
        long status = 0;
        (void)library.easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        return status >= 200 && status < 400 ? "" : fmt::format("answered with {}", status);
    }

    [[nodiscard]] std::string failure_of(CURL* easy, CURLcode code, const Inquiry& inquiry) const {
        long number = 0;
        if (code == CURLE_COULDNT_CONNECT || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR)
            (void)library.easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
        if (number != 0) return lower(errno_text(static_cast<int>(number)));
        if (code == CURLE_COULDNT_CONNECT && inquiry.probe.target.starts_with(unix_prefix))
            return std::string(full_queue);
        std::string words = inquiry.words.data();
        if (words.empty()) words = library.easy_strerror(code);
        return code == CURLE_SSL_CONNECT_ERROR ? "no TLS: " + words : lower(words);
    }
};

Result<ProbeClient> ProbeClient::create() {
    auto library = ProbeLibrary::load();
    if (!library) return std::unexpected(library.error());
    auto state = std::make_unique<State>(*library);
    if (state->multi == nullptr) return fail("libcurl can't be initialized");
    return ProbeClient(std::move(state));
}

ProbeClient::ProbeClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
ProbeClient::~ProbeClient() = default;
ProbeClient::ProbeClient(ProbeClient&&) noexcept = default;
ProbeClient& ProbeClient::operator=(ProbeClient&&) noexcept = default;

void ProbeClient::ask(std::uint64_t number, const Probe& probe) {
    auto inquiry = std::make_unique<Inquiry>();
    inquiry->number = number;
    inquiry->probe = probe;
    inquiry->deadline = monotonic_now() + probe.timeout;
    state_->waiting.push_back(std::move(inquiry));
}

std::vector<ProbeClient::Answer> ProbeClient::step(int fd) {
    auto& state = *state_;
    state.begin_waiting();
    int running = 0;
    (void)state.library.multi_perform(state.multi, &running);
    const auto collect = [&] {
        int left = 0;
        while (const auto* message = state.library.multi_info_read(state.multi, &left)) {
            if (message->msg == CURLMSG_DONE) state.finish(message->easy_handle, message->data.result);
        }
    };
    collect();
    if (state.answers.empty()) {
        curl_waitfd wait{.fd = fd, .events = CURL_WAIT_POLLIN, .revents = 0};
        (void)state.library.multi_poll(state.multi, &wait, 1, INT_MAX, nullptr);
        (void)state.library.multi_perform(state.multi, &running);
        collect();
    }
    return std::exchange(state.answers, {});
}

} // namespace nezuban

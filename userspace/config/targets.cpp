#include "config/targets.hpp"

#include "config/hosts.hpp"
#include "core/words.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <system_error>

namespace nezuban {

namespace {

constexpr std::size_t longest_socket = 107; // sockaddr_un
constexpr std::string_view tcp_example = R"("127.0.0.1:5432")";
constexpr std::string_view http_example = R"("http://127.0.0.1:8080/health")";

struct Wrong {
    std::string text; // empty: nothing is
    std::string hint;
};

Wrong of(std::string_view text, std::string_view what, std::string hint = {}) {
    return {.text = fmt::format("{} {}", quoted(text), what), .hint = std::move(hint)};
}

std::string write(std::string_view text) {
    return fmt::format("write {}", quoted(text));
}

Wrong wrong_port(std::string_view port) {
    std::uint32_t number = 0;
    const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
    const bool whole = failure == std::errc{} && end == port.data() + port.size();
    if (whole && number >= 1 && number <= 65535 && port.front() != '0') return {};
    return of(port, "is not a port", "a number from 1 to 65535");
}

// meant: the target with an address in the place of the host.
Wrong wrong_host(std::string_view host, bool in_brackets, const std::string& meant) {
    const bool numbers = host.find_first_not_of("0123456789.") == std::string_view::npos;
    if (host.empty()) return {.text = "there is no host in it", .hint = write(meant)};
    if (in_brackets && !is_ipv6(host)) return of(host, "is not an IPv6 address");
    if (!in_brackets && !(numbers ? is_ipv4(host) : is_host_name(host))) return of(host, "is not a host", write(meant));
    if (host == "0.0.0.0" || (in_brackets && host.find_first_not_of("0:") == std::string_view::npos))
        return of(host, "is where a service listens, not where it answers", write(meant));
    return {};
}

struct HostAndPort {
    std::string_view host;
    std::string_view port; // without a colon before it: absent
    bool in_brackets = false;
    bool has_port = false;
};

std::optional<HostAndPort> split(std::string_view text) {
    HostAndPort parts;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        parts.in_brackets = true;
        parts.host = text.substr(1, close - 1);
        text.remove_prefix(close + 1);
        if (!text.empty() && !text.starts_with(':')) return std::nullopt;
    } else {
        parts.host = text.substr(0, text.find(':'));
        text.remove_prefix(parts.host.size());
    }
    parts.has_port = !text.empty();
    if (parts.has_port) parts.port = text.substr(1);
    return parts;
}

Wrong wrong_unix(std::string_view text) {
    const auto path = text.substr(text.find(':') + 1);
    if (path.starts_with("//")) {
        const auto from = std::min(path.find_first_not_of('/'), path.size());
        return of(text, "has too many slashes", write(fmt::format("unix:/{}", path.substr(from))));
    }
    if (!path.starts_with('/') || path.size() == 1)
        return of(path, "is not an absolute path", R"(write "unix:/run/x.sock")");
    if (path.size() > longest_socket) return of(path, fmt::format("is longer than {} bytes", longest_socket));
    return {};
}

// More colons than one, and no brackets.
Wrong bare_ipv6(std::string_view text) {
    const auto last = text.rfind(':');
    const auto host = text.substr(0, last);
    const auto port = text.substr(last + 1);
    const bool both = is_ipv6(host) && wrong_port(port).text.empty();
    return of(text, "has more than one colon",
              both ? write(fmt::format("[{}]:{}", host, port)) : R"(an IPv6 address stands in brackets: "[::1]:5432")");
}

Wrong wrong_tcp(std::string_view text) {
    if (text.starts_with("unix:")) return wrong_unix(text);
    if (text.starts_with('/')) return of(text, "has no port", write(fmt::format("unix:{}", text)));
    if (text.starts_with("http://") || text.starts_with("https://"))
        return of(text, "is a URL", fmt::format("write ready.http = {}", quoted(text)));
    if (const auto scheme = text.find("://"); scheme != std::string_view::npos)
        return of(text, "is a URL", write(text.substr(scheme + 3)));
    if (text.find_first_not_of("0123456789") == std::string_view::npos)
        return of(text, "has no host", write(fmt::format("127.0.0.1:{}", text)));
    if (std::ranges::count(text, ':') > 1 && !text.starts_with('[')) return bare_ipv6(text);
    const auto parts = split(text);
    if (!parts) return of(text, "is not a host and a port", R"(write "[::1]:5432")");
    if (!parts->has_port) return of(text, "has no port", write(fmt::format("{}:5432", text)));
    if (auto wrong = wrong_port(parts->port); !wrong.text.empty()) return wrong;
    return wrong_host(parts->host, parts->in_brackets, fmt::format("127.0.0.1:{}", parts->port));
}

Wrong no_scheme(std::string_view text) {
    if (text.substr(0, text.find('/')).contains(':') && text.contains("://"))
        return of(text, "is neither an http nor an https URL", fmt::format("write {}", http_example));
    const bool hostless = text.starts_with(':') || text.starts_with('/');
    return of(text, "has no http:// or https:// before it",
              write(fmt::format("http://{}{}", hostless ? "127.0.0.1" : "", text)));
}

Wrong wrong_http(std::string_view text) {
    if (!text.starts_with("http://") && !text.starts_with("https://")) return no_scheme(text);
    if (std::ranges::any_of(text, [](char c) { return c <= ' ' || c > '~'; }))
        return of(text, "contains characters that a URL may not have", "a blank is %20");
    if (text.contains('#')) return of(text, "has a fragment, which is never sent", "leave out what follows the #");
    const auto scheme = text.substr(0, text.find("://") + 3);
    const auto rest = text.substr(scheme.size());
    const auto authority = rest.substr(0, rest.find_first_of("/?"));
    // Configurations are read by many, and so are the errors that would quote it.
    if (authority.contains('@'))
        return {.text = "the URL contains a user or a password",
                .hint = "let ready.command run a program that knows how to log in"};
    const auto parts = split(authority);
    if (!parts) return of(authority, "is not a host", fmt::format("write {}", http_example));
    if (parts->has_port) {
        if (auto wrong = wrong_port(parts->port); !wrong.text.empty()) return wrong;
    }
    const auto port = parts->has_port ? fmt::format(":{}", parts->port) : std::string();
    return wrong_host(parts->host, parts->in_brackets,
                      fmt::format("{}127.0.0.1{}{}", scheme, port, rest.substr(authority.size())));
}

bool read_target(const Field& field, std::string& out, std::string_view example, Wrong (*wrong)(std::string_view)) {
    std::string text;
    if (!field.text(text, example)) return false;
    if (auto problem = wrong(text); !problem.text.empty())
        return field.error(std::move(problem.text), std::move(problem.hint));
    out = std::move(text);
    return true;
}

} // namespace

bool read_tcp_target(const Field& field, std::string& out) {
    return read_target(field, out, tcp_example, wrong_tcp);
}

bool read_http_target(const Field& field, std::string& out) {
    return read_target(field, out, http_example, wrong_http);
}

} // namespace nezuban

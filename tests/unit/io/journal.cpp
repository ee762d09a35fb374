#include "io/journal.hpp"

#include "support/apart.hpp"
#include "support/skip.hpp"

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

using namespace nezuban;

namespace {

constexpr const char* journal_path = "/run/systemd/journal/socket";

// A journal of our own, where everybody looks for it.
test::Fd be_the_journal() {
    if (!test::take_own_mounts() || ::mount("nztest", "/run", "tmpfs", 0, nullptr) != 0
        || ::mkdir("/run/systemd", 0755) != 0 || ::mkdir("/run/systemd/journal", 0755) != 0)
        return test::Fd();
    test::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(&address.sun_path[0], journal_path);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return test::Fd();
    return socket;
}

} // namespace

TEST_CASE("an entry reaches the journal with all its fields, also one of several lines") {
    const auto told = test::apart([]() -> std::string {
        const auto socket = be_the_journal();
        if (socket.get() < 0) return "skip";
        const auto journal = Journal::open();
        if (!journal) return "skip: " + journal.error().text;
        journal->send(std::vector<std::string>{"MESSAGE=two\nlines", "PRIORITY=4", "NEZUBAN_RULE=mail"});
        std::array<char, 4096> entry{};
        const auto size = ::recv(socket.get(), entry.data(), entry.size(), MSG_DONTWAIT);
        return size > 0 ? std::string(entry.data(), static_cast<std::size_t>(size)) : "nothing came";
    });
    if (told.starts_with("skip")) SKIP("no journal of our own can be made here " + told);
    // A field of several lines has its length before it, as eight bytes.
    CHECK(told.starts_with(std::string("MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\n", 26)));
    CHECK(told.find("\nPRIORITY=4\n") != std::string::npos);
    CHECK(told.find("\nNEZUBAN_RULE=mail\n") != std::string::npos);
}

// Datagrams as the kernel sends them, and as nobody should.
#include "probe/connector.hpp"

#include <cstring>
#include <vector>

#include <doctest/doctest.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

using namespace nezuban;

namespace {

std::vector<std::byte> datagram(const proc_event& event, std::uint32_t channel = CN_IDX_PROC) {
    std::vector<std::byte> bytes(NLMSG_SPACE(sizeof(cn_msg) + sizeof(event)));
    cn_msg message{};
    message.id = {.idx = channel, .val = CN_VAL_PROC};
    message.len = sizeof(event);
    std::memcpy(bytes.data() + NLMSG_HDRLEN, &message, sizeof(message));
    std::memcpy(bytes.data() + NLMSG_HDRLEN + sizeof(message), &event, sizeof(event));
    return bytes;
}

proc_event event_of(decltype(proc_event::what) what) {
    proc_event event{};
    event.what = what;
    event.timestamp_ns = 5'000'000'000;
    return event;
}

} // namespace

TEST_CASE("a fork names the child, its process and whose child it is") {
    auto event = event_of(proc_event::PROC_EVENT_FORK);
    event.event_data.fork = {.parent_pid = 10, .parent_tgid = 9, .child_pid = 21, .child_tgid = 20};

    const auto message = decode_connector(datagram(event));

    REQUIRE(message);
    CHECK(message->kind == ProcMessage::Kind::fork);
    CHECK(message->tid == 21);
    CHECK(message->pid == 20);
    CHECK(message->parent == 9);
    CHECK(message->time == Time(std::chrono::seconds(5)));
}

TEST_CASE("an exit tells the thread, its process and the status") {
    auto event = event_of(proc_event::PROC_EVENT_EXIT);
    event.event_data.exit.process_pid = 21;
    event.event_data.exit.process_tgid = 20;
    event.event_data.exit.exit_code = 3 << 8;

    const auto message = decode_connector(datagram(event));

    REQUIRE(message);
    CHECK(message->kind == ProcMessage::Kind::exit);
    CHECK(message->tid == 21);
    CHECK(message->pid == 20);
    CHECK(message->status == 3 << 8);
}

TEST_CASE("execs, renames and changes of owner are told; sessions, debuggers and answers are not") {
    const auto kind_of = [](decltype(proc_event::what) what) {
        const auto message = decode_connector(datagram(event_of(what)));
        return message ? std::optional(message->kind) : std::nullopt;
    };
    CHECK(kind_of(proc_event::PROC_EVENT_EXEC) == ProcMessage::Kind::exec);
    CHECK(kind_of(proc_event::PROC_EVENT_COMM) == ProcMessage::Kind::rename);
    CHECK(kind_of(proc_event::PROC_EVENT_UID) == ProcMessage::Kind::owner);
    CHECK(kind_of(proc_event::PROC_EVENT_GID) == ProcMessage::Kind::owner);
    CHECK_FALSE(kind_of(proc_event::PROC_EVENT_SID));
    CHECK_FALSE(kind_of(proc_event::PROC_EVENT_PTRACE));
    CHECK_FALSE(kind_of(proc_event::PROC_EVENT_NONE));
}

TEST_CASE("what is cut, or of another channel, is nothing") {
    const auto whole = datagram(event_of(proc_event::PROC_EVENT_FORK));
    CHECK(decode_connector(whole));
    CHECK_FALSE(decode_connector({}));
    CHECK_FALSE(decode_connector(std::span(whole).first(NLMSG_HDRLEN + sizeof(cn_msg))));
    CHECK_FALSE(decode_connector(datagram(event_of(proc_event::PROC_EVENT_FORK), CN_IDX_DM)));
}

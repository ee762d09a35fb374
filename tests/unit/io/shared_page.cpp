#include "io/shared_page.hpp"

#include "io/clock.hpp"
#include "io/own_process.hpp"
#include "io/process_state.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nezuban;

namespace {

struct Desk {
    test::TempDir directory;
    std::string path = directory.file("control.health");

    [[nodiscard]] SharedPage page(std::size_t capacity = 1000) const {
        auto made = SharedPage::create(path, capacity);
        REQUIRE(made.has_value());
        return std::move(*made);
    }
    [[nodiscard]] int error() const {
        const auto copy = read_shared_page(path);
        return copy ? 0 : copy.error().number;
    }
    // A bit of one byte is turned over.
    void damage(std::uint64_t at) const {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(at));
        const auto byte = static_cast<char>(file.get() ^ 0x10);
        file.seekp(static_cast<std::streamoff>(at));
        file.put(byte);
    }
};

} // namespace

TEST_CASE("what was published last is what is read, with who wrote it and when he was seen alive") {
    const Desk desk;
    auto page = desk.page();
    const auto now = monotonic_now();
    for (const auto* text : {"one", "", "three"}) {
        page.beat(now);
        REQUIRE(page.publish(text).has_value());
        const auto copy = read_shared_page(desk.path);
        REQUIRE(copy.has_value());
        CHECK(copy->text == text);
        CHECK(copy->pid == own_pid());
        CHECK(copy->started == read_process_state(own_pid())->started);
        CHECK(copy->beat == now);
    }
}

TEST_CASE("a text that doesn't fit leaves the former one") {
    const Desk desk;
    auto page = desk.page(3);
    REQUIRE(page.publish("abc").has_value());
    CHECK(page.publish("abcd").error().number == EMSGSIZE);
    CHECK(read_shared_page(desk.path)->text == "abc");
}

TEST_CASE("only its owner can read the file, and it has its whole size from the beginning") {
    const Desk desk;
    const auto page = desk.page(100'000);
    struct stat info{};
    REQUIRE(::stat(desk.path.c_str(), &info) == 0);
    CHECK((info.st_mode & 07777U) == 0600);
    CHECK(info.st_blocks * 512 >= 200'000);
}

TEST_CASE("a successor replaces the file of the one before, and whatever else lay there") {
    const Desk desk;
    const auto elsewhere = desk.directory.write("elsewhere", "precious");
    std::filesystem::create_symlink(elsewhere, desk.path);
    std::filesystem::create_symlink(elsewhere, desk.path + ".new");
    auto first = desk.page();
    auto second = desk.page();
    REQUIRE(first.publish("first").has_value());
    REQUIRE(second.publish("second").has_value());
    CHECK(read_shared_page(desk.path)->text == "second");
    CHECK(desk.directory.read("elsewhere") == "precious");
}

TEST_CASE("a reader never sees half of one text and half of another") {
    const Desk desk;
    constexpr std::size_t size = 64'000;
    auto page = desk.page(size);
    std::atomic<bool> stop = false;
    std::thread writer([&] {
        for (char letter = 'a'; !stop; letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1))
            (void)page.publish(std::string(size, letter));
    });
    int whole = 0;
    while (whole < 500) {
        const auto copy = read_shared_page(desk.path);
        if (!copy) continue; // written all the time: that may be, and is said
        if (copy->text.find_first_not_of(copy->text.empty() ? ' ' : copy->text.front()) != std::string::npos) break;
        ++whole;
    }
    stop = true;
    writer.join();
    CHECK(whole == 500);
}

TEST_CASE("a writer that dies in the middle leaves the text before") {
    const Desk desk;
    auto page = desk.page(1000);
    REQUIRE(page.publish("whole").has_value());
    const auto before = desk.directory.read("control.health");
    REQUIRE(page.publish("cut in two").has_value());
    // Its half is written, but for the end; the header isn't yet.
    auto file = desk.directory.read("control.health");
    const auto at = file.find("cut in two");
    REQUIRE(at != std::string::npos);
    file.replace(at + 4, 6, 6, '\0');
    file.replace(0, 48, before, 0, 48);
    desk.directory.write("control.health", file);
    CHECK(read_shared_page(desk.path)->text == "whole");
}

TEST_CASE("whatever is damaged or missing is said, and mended by the next text") {
    const Desk desk;
    auto page = desk.page();
    REQUIRE(page.publish("some text").has_value());
    const auto at = desk.directory.read("control.health").find("some text");

    desk.damage(at);
    CHECK(desk.error() == EBADMSG);
    REQUIRE(page.publish("some text").has_value());
    CHECK(desk.error() == 0);
    desk.damage(0); // the magic number
    CHECK(desk.error() == EBADMSG);
    REQUIRE(page.publish("some text").has_value());
    desk.damage(8); // the version
    CHECK(desk.error() == EPROTONOSUPPORT);
    REQUIRE(page.publish("some text").has_value());
    desk.damage(24 + 7); // the capacity: more than any memory
    CHECK(desk.error() == EBADMSG);
    for (const auto length : {50, 7, 0}) {
        REQUIRE(page.publish("some text").has_value());
        CHECK(desk.error() == 0);
        std::filesystem::resize_file(desk.path, length);
        CAPTURE(length);
        CHECK(desk.error() == EBADMSG);
    }
}

TEST_CASE("no bytes whatever in the file hurt a reader") {
    const Desk desk;
    auto page = desk.page(200);
    REQUIRE(page.publish("some text").has_value());
    const auto seed = desk.directory.read("control.health");
    std::mt19937 random{7};
    for (int round = 0; round < 2000; ++round) {
        auto bytes = seed;
        for (int i = 0; i < 3; ++i)
            bytes[random() % (round % 2 == 0 ? 100 : bytes.size())] = static_cast<char>(random());
        bytes.resize(random() % 4 == 0 ? random() % bytes.size() : bytes.size());
        desk.directory.write("control.health", bytes);
        ::chmod(desk.path.c_str(), 0600);
        const auto copy = read_shared_page(desk.path);
        if (copy) CHECK(copy->text == "some text");
    }
}

TEST_CASE("only what nobody else could have written is believed") {
    const Desk desk;
    CHECK(desk.error() == ENOENT);
    REQUIRE(desk.page().publish("text").has_value());
    REQUIRE(::chmod(desk.path.c_str(), 0622) == 0);
    CHECK(desk.error() == EACCES);
    REQUIRE(::chmod(desk.path.c_str(), 0600) == 0);
    CHECK(desk.error() == 0);

    std::filesystem::rename(desk.path, desk.directory.file("real"));
    std::filesystem::create_symlink(desk.directory.file("real"), desk.path);
    CHECK(desk.error() == EACCES);
    std::filesystem::remove(desk.path);
    REQUIRE(::mkfifo(desk.path.c_str(), 0600) == 0);
    CHECK(desk.error() == EBADMSG);
    std::filesystem::remove(desk.path);
    std::filesystem::create_directory(desk.path);
    CHECK(desk.error() == EBADMSG);
    std::filesystem::remove(desk.path);
    if (::geteuid() != 0) SKIP("needs root to give a file to somebody else");
    std::filesystem::rename(desk.directory.file("real"), desk.path);
    REQUIRE(::chown(desk.path.c_str(), 65534, 65534) == 0);
    CHECK(desk.error() == EACCES);
}

#include "report/wire.hpp"

#include <doctest/doctest.h>

using namespace nezuban;

TEST_CASE("what is said arrives, however it is cut into pieces") {
    wire::Note note{.number = 7,
                    .kind = wire::Note::Kind::incident,
                    .severity = Severity::error,
                    .time = WallTime(Duration(42)),
                    .text = "text",
                    .rule = "rule",
                    .event = "exit",
                    .json = std::string("{\0}", 3)};
    auto marked = wire::encode(wire::Note{.number = 8, .text = "x"});
    wire::mark_logged(marked);
    auto bytes = wire::encode(note) + marked;
    wire::Frames frames;
    std::vector<wire::Note> notes;
    for (char byte : bytes) {
        frames.add({&byte, 1});
        while (auto frame = frames.next())
            notes.push_back(wire::decode_note(*frame).value());
    }
    REQUIRE(notes.size() == 2);
    CHECK(notes[0].number == 7);
    CHECK(notes[0].kind == wire::Note::Kind::incident);
    CHECK(notes[0].severity == Severity::error);
    CHECK(notes[0].time == note.time);
    CHECK(notes[0].text == "text");
    CHECK(notes[0].rule == "rule");
    CHECK(notes[0].event == "exit");
    CHECK(notes[0].json == note.json);
    CHECK_FALSE(notes[0].logged);
    CHECK(notes[1].number == 8);
    CHECK(notes[1].text == "x");
    CHECK(notes[1].logged);
}

TEST_CASE("garbage is refused") {
    CHECK_FALSE(wire::decode_note("short"));
    CHECK_FALSE(wire::decode_note(std::string(200, '\xff')));
    CHECK_FALSE(wire::decode_health(""));
    auto frame = wire::encode(wire::Health{.done = 1}).substr(4);
    CHECK(wire::decode_health(frame));
    CHECK_FALSE(wire::decode_health(frame + "x"));
    wire::Frames frames;
    frames.add("\xff\xff\xff\xff");
    CHECK_FALSE(frames.next());
    CHECK(frames.broken());
}

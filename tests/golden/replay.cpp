// Recorded traces and what is decided on them: NAME.jsonl, judged by NAME.toml, has its answer in NAME.expected.
// Setting NEZUBAN_UPDATE_GOLDEN=1 writes the answers anew; look at the difference before committing it.
#include "replay/replay.hpp"

#include "config/load.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace nezuban;

namespace {

const std::filesystem::path folder = std::filesystem::path(NEZUBAN_SOURCE_DIR) / "tests/golden/replay";

std::string text_of(const std::filesystem::path& path) {
    const std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

Spec spec_of(const std::filesystem::path& path) {
    const auto nobody = [](const std::string&) -> std::optional<std::uint32_t> { return std::nullopt; };
    auto loaded =
        load(path.string(), {.read = [](const std::string& name) -> Result<std::string> { return text_of(name); },
                             .expand = [](const std::string&) -> Result<std::vector<std::string>> { return {}; },
                             .user = nobody,
                             .group = nobody});
    for (const auto& diagnostic : loaded.diagnostics) {
        FAIL(render(diagnostic));
    }
    return std::move(loaded.spec);
}

std::string decisions_on(const std::filesystem::path& trace) {
    auto spec = spec_of(std::filesystem::path(trace).replace_extension(".toml"));
    Engine engine({}, std::move(spec.rules), std::move(spec.groups), {});
    std::istringstream record(text_of(trace));
    std::string text;
    Time start;
    const auto summary = replay(record, engine,
                                {.begin = [&](const ClockPair& clocks) { start = clocks.monotonic; },
                                 .intent =
                                     [&](Time time, const Intent& intent) {
                                         const auto line = replay_text(time - start, intent);
                                         if (!line.empty()) text += line + '\n';
                                     },
                                 .broken =
                                     [&](std::uint64_t line, const std::string& why) {
                                         text += "line " + std::to_string(line) + " left out: " + why + '\n';
                                     }});
    if (!summary) return text + summary.error().text + '\n';
    return text + std::to_string(summary->events) + " events\n";
}

} // namespace

TEST_CASE("every recorded trace leads to exactly its decisions") {
    const bool update = std::getenv("NEZUBAN_UPDATE_GOLDEN") != nullptr;
    std::vector<std::filesystem::path> traces;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() == ".jsonl") traces.push_back(entry.path());
    }
    std::ranges::sort(traces);
    CHECK(traces.size() >= 4);
    for (const auto& trace : traces) {
        const auto expected = std::filesystem::path(trace).replace_extension(".expected");
        const auto decided = decisions_on(trace);
        if (update) std::ofstream(expected, std::ios::binary) << decided;
        INFO(trace.filename().string());
        CHECK(decided == text_of(expected));
    }
}

// Bad configurations and what is said about them: NAME.toml has its answer in NAME.expected. Setting
// NEZUBAN_UPDATE_GOLDEN=1 writes the answers anew; look at the difference before committing it.
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

const std::filesystem::path folder = std::filesystem::path(NEZUBAN_SOURCE_DIR) / "tests/golden/config";

Result<std::string> read_from(const std::filesystem::path& root, const std::string& path) {
    const std::ifstream file(root / path, std::ios::binary);
    if (!file) return fail("opening " + path + ": No such file or directory");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

// Of globs with one * in the file's name: enough here.
std::vector<std::string> expand_in(const std::filesystem::path& root, const std::string& glob) {
    const auto star = glob.find('*');
    const auto before = glob.substr(0, star);
    const auto after = glob.substr(star + 1);
    const std::string directory = before.substr(0, before.rfind('/') + 1);
    std::vector<std::string> found;
    if (!std::filesystem::is_directory(root / directory)) return found;
    for (const auto& entry : std::filesystem::directory_iterator(root / directory)) {
        const auto path = directory + entry.path().filename().string();
        if (path.starts_with(before) && path.ends_with(after)) found.push_back(path);
    }
    std::ranges::sort(found);
    return found;
}

std::optional<std::uint32_t> resolve(const std::string& name) {
    if (name == "root") return 0;
    if (name == "mailsec") return 990;
    return std::nullopt;
}

// A machine on which alice, who is not root, has what is below /home, everybody may write what is called shared, and
// /mnt is a disk that doesn't answer.
std::vector<std::optional<Alterable>> alterable(const std::vector<Questioned>& questions) {
    std::vector<std::optional<Alterable>> answers;
    for (const auto& [path, program] : questions) {
        auto& answer = answers.emplace_back();
        if (path.starts_with("/home/")) {
            answer = {.how = "/home/alice belongs to uid 1000", .mend = "chown root /home/alice"};
        } else if (path.contains("shared")) {
            answer = {.how = path + " may be written by everybody (mode 0777)", .mend = "chmod go-w " + path};
        } else if (path.starts_with("/mnt/")) {
            answer = {.how = "a disk on the way does not answer", .mend = {}, .unknown = true};
        }
    }
    return answers;
}

// Paths in the files, and in what is said about them, are relative to root.
Sources sources_below(const std::filesystem::path& root) {
    return {
        .read = [root](const std::string& path) { return read_from(root, path); },
        .expand = [root](const std::string& glob) -> Result<std::vector<std::string>> { return expand_in(root, glob); },
        .user = resolve,
        .group = resolve,
        .alterable = alterable,
        .refuses = true};
}

std::string answer_to(const std::filesystem::path& root, const std::string& path) {
    std::string text;
    for (const auto& diagnostic : load(path, sources_below(root)).diagnostics) {
        text += render(diagnostic) + '\n';
    }
    return text;
}

std::vector<std::filesystem::path> configurations_in(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path().extension() == ".toml") found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
}

} // namespace

TEST_CASE("every bad configuration gets exactly its complaints") {
    const bool update = std::getenv("NEZUBAN_UPDATE_GOLDEN") != nullptr;
    const auto files = configurations_in(folder);
    REQUIRE(files.size() >= 20);
    for (const auto& file : files) {
        CAPTURE(file.filename().string());
        auto expected_path = file;
        expected_path.replace_extension(".expected");
        const auto answer = answer_to(folder, file.filename().string());
        CHECK_FALSE(answer.empty());
        if (update) {
            std::ofstream(expected_path, std::ios::binary) << answer;
        } else {
            CHECK(answer == read_from(folder, expected_path.filename().string()).value_or("no .expected file"));
        }
    }
}

TEST_CASE("the default configuration is good and draws no remark") {
    const auto root = std::filesystem::path(NEZUBAN_SOURCE_DIR) / "configs";
    CHECK(answer_to(root, "nezuban.toml").empty());
    const auto loaded = load("nezuban.toml", sources_below(root));
    REQUIRE(loaded.spec.rules.size() == 1);
    CHECK(loaded.spec.daemon == DaemonSpec{});
    const auto& rule = loaded.spec.rules.front();
    CHECK(rule.match.any);
    CHECK(rule.count.min == 0);
    CHECK(rule.count.over == Over::report);
    CHECK_FALSE(rule.restart.possible());
}

TEST_CASE("every example is good") {
    const auto root = std::filesystem::path(NEZUBAN_SOURCE_DIR) / "configs";
    const auto examples = configurations_in(root / "examples");
    REQUIRE(examples.size() >= 3);
    for (const auto& example : examples) {
        const auto loaded = load("examples/" + example.filename().string(), sources_below(root));
        CAPTURE(answer_to(root, "examples/" + example.filename().string()));
        CHECK(loaded.ok());
        CHECK_FALSE(loaded.spec.rules.empty());
    }
}

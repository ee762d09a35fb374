// Any bytes at all as a configuration: always an answer that can be shown and says where, and what is accepted is a
// configuration that an engine can live with. A line "--- file" begins the next drop-in.
#include "config/load.hpp"
#include "engine/engine.hpp"
#include "properties.hpp"
#include "rules/matcher.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace nezuban;
using fuzz::require;

std::vector<std::string> files_in(std::string_view text) {
    constexpr std::string_view border = "\n--- file\n";
    std::vector<std::string> files;
    while (true) {
        const auto end = text.find(border);
        files.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return files;
        text.remove_prefix(end + border.size());
    }
}

Sources sources_of(const std::vector<std::string>& files) {
    const auto resolve = [](const std::string& name) -> std::optional<std::uint32_t> {
        return name == "root" ? std::optional<std::uint32_t>(0) : std::nullopt;
    };
    return {.read = [files](const std::string& path) -> Result<std::string> {
                if (path == "0") return files.front();
                const auto number = static_cast<std::size_t>(std::atoi(path.c_str()));
                if (number == 0 || number >= files.size())
                    return fail("opening " + path + ": No such file or directory");
                return files[number];
            },
            .expand = [count = files.size()](const std::string& /*glob*/) -> Result<std::vector<std::string>> {
                std::vector<std::string> found;
                for (std::size_t number = 0; number < count; ++number) {
                    found.push_back(std::to_string(number));
                }
                return found;
            },
            .user = resolve,
            .group = resolve};
}

// Where a file ends too soon is told as the place behind its last character, which may be the end of its last line.
bool is_in(const std::string& text, unsigned line, unsigned column) {
    std::string_view rest(text);
    for (; line > 1; --line) {
        const auto end = rest.find('\n');
        if (end == std::string_view::npos) return false;
        rest.remove_prefix(end + 1);
    }
    const auto end = rest.find('\n');
    const auto places = end == std::string_view::npos ? rest.size() + 1 : end + 2;
    return column <= places; // characters are no more than bytes
}

void judge(const Diagnostic& diagnostic, const std::vector<std::string>& files) {
    require(diagnostic.line >= 1 && diagnostic.column >= 1 && !diagnostic.text.empty());
    require(fuzz::can_be_shown(render(diagnostic)));
    const auto number = static_cast<std::size_t>(std::atoi(diagnostic.file.c_str()));
    require(number >= files.size() || is_in(files[number], diagnostic.line, diagnostic.column));
}

// Who has just what a rule asks for is meant by it.
void judge(const RuleSpec& rule) {
    require(!rule.name.empty() && fuzz::can_be_shown(rule.name));
    require(!rule.count.max || rule.count.min <= *rule.count.max);
    for (const auto duration : {rule.count.hold, rule.restart.kill_after, rule.restart.timeout, rule.restart.settle,
                                rule.restart.delay_max, rule.restart.window, rule.ready.every, rule.ready.timeout}) {
        require(duration >= Duration::zero() && duration <= 10 * 366 * 24h);
    }
    require(rule.restart.signal > 0 && rule.restart.signal <= 64);
    const auto& match = rule.match;
    if (match.kernel_thread || match.exe || match.args_regex || match.cgroup || match.unit) return;
    std::string args;
    for (const auto& argument : match.args) {
        args += argument + '\0';
    }
    const Process process{.uid = match.user ? match.user->id : 0,
                          .gid = match.group ? match.group->id : 0,
                          .comm = match.comm.value_or(""),
                          .args = std::make_shared<const std::string>(args)};
    require(Matcher(match).matches(process));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto files = files_in({reinterpret_cast<const char*>(data), size});
    const auto loaded = load("0", sources_of(files));
    require(loaded.diagnostics.size() <= 101);
    for (const auto& diagnostic : loaded.diagnostics) {
        judge(diagnostic, files);
    }
    if (!loaded.ok()) return 0;
    std::set<std::string> names;
    for (const auto& rule : loaded.spec.rules) {
        require(names.insert(rule.name).second);
        judge(rule);
    }
    for (const auto& group : loaded.spec.groups) {
        require(!group.members.empty() && names.insert(group.name).second);
    }
    Engine engine({}, loaded.spec.rules, loaded.spec.groups, {});
    Intents wanted;
    require(engine.view(Time{}).rules.size() == loaded.spec.rules.size());
    require(engine.reload(loaded.spec.rules, loaded.spec.groups, Time{}, wanted).empty());
    return 0;
}

#include "rules/matcher.hpp"

#include "rules/expression.hpp"
#include "rules/glob.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include <re2/re2.h>

namespace nezuban {

namespace {

std::unique_ptr<re2::RE2> compile(const std::string& expression) {
    return std::make_unique<re2::RE2>(expression, options_for_bytes());
}

// Calls each for every piece that ends with the separator (or with the text); stops when it returns true.
template <typename Each> bool any_piece(std::string_view text, char separator, Each each) {
    while (!text.empty()) {
        const auto end = text.find(separator);
        if (each(text.substr(0, end))) return true;
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return false;
}

bool has_component(std::string_view path, std::string_view component) {
    return any_piece(path, '/', [&](std::string_view piece) { return piece == component; });
}

} // namespace

std::string as_line(std::string_view args) {
    std::string line(args.substr(0, args.find_last_not_of('\0') + 1));
    std::ranges::replace(line, '\0', ' ');
    return line;
}

Matcher::Matcher(MatchSpec spec) : spec_(std::move(spec)) {
    if (spec_.comm && spec_.kernel_thread) name_ = compile(expression_of_glob(*spec_.comm, Slash::is_plain));
    if (spec_.exe) exe_ = compile(expression_of_glob(*spec_.exe));
    if (spec_.args_regex) args_ = compile(*spec_.args_regex);
    if (spec_.cgroup) cgroup_ = compile(expression_of_glob(*spec_.cgroup));
}

Matcher::~Matcher() = default;
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;

bool Matcher::possible(const Process& process) const {
    if (process.kernel_thread != spec_.kernel_thread) return false;
    if (spec_.comm && !may_be_named(process)) return false;
    if (spec_.user && process.uid != spec_.user->id) return false;
    if (spec_.group && process.gid != spec_.group->id) return false;
    return true;
}

Needs Matcher::needs() const {
    return {.exe = spec_.exe.has_value(),
            .args = !spec_.args.empty() || spec_.args_regex.has_value(),
            .cgroups = spec_.cgroup.has_value() || spec_.unit.has_value(),
            .name = spec_.kernel_thread};
}

bool Matcher::matches(const Process& process) const {
    return possible(process) && is_named(process) && matches_exe(process) && matches_args(process)
           && matches_cgroup(process);
}

// A kernel thread's name begins with its comm, so of most it is known without a look that they are somebody else.
bool Matcher::may_be_named(const Process& process) const {
    if (!spec_.kernel_thread) return process.comm == *spec_.comm;
    if (!process.may_have_longer_name()) return is_named(process);
    const auto beginning = literal_beginning(*spec_.comm);
    return beginning.starts_with(process.comm) || process.comm.starts_with(beginning);
}

bool Matcher::is_named(const Process& process) const {
    return !name_ || re2::RE2::FullMatch(process.comm, *name_)
           || (process.name && re2::RE2::FullMatch(*process.name, *name_));
}

bool Matcher::matches_exe(const Process& process) const {
    return !exe_ || (process.exe && re2::RE2::FullMatch(*process.exe, *exe_));
}

bool Matcher::matches_args(const Process& process) const {
    if (!needs().args) return true;
    if (!process.args) return false;
    const bool all = std::ranges::all_of(spec_.args, [&](const std::string& wanted) {
        return any_piece(*process.args, '\0', [&](std::string_view argument) { return argument == wanted; });
    });
    if (!all || !args_) return all;
    return re2::RE2::PartialMatch(as_line(*process.args), *args_);
}

bool Matcher::matches_cgroup(const Process& process) const {
    if (!needs().cgroups) return true;
    if (!process.cgroups) return false;
    // Each on its own: with several hierarchies the unit may be told by one path and the container by another.
    const auto on_any_path = [&](auto fits) { return any_piece(*process.cgroups, '\n', fits); };
    if (spec_.unit && !on_any_path([&](std::string_view path) { return has_component(path, *spec_.unit); }))
        return false;
    return !cgroup_ || on_any_path([&](std::string_view path) {
        return re2::RE2::FullMatch(re2::StringPiece(path.data(), path.size()), *cgroup_);
    });
}

} // namespace nezuban

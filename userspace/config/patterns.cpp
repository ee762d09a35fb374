#include "config/patterns.hpp"

#include "core/words.hpp"

#include <cstddef>

#include <fmt/format.h>
#include <re2/re2.h>

namespace nezuban {

namespace {

constexpr std::size_t longest_comm = 15;      // TASK_COMM_LEN, without the NUL
constexpr std::size_t longest_name = 63;      // of a kernel thread, as /proc shows it
constexpr std::size_t longest_pattern = 1000; // compiled, it has to stay within RE2's memory

bool read_pattern(const Field& field, std::string& out) {
    if (!field.text(out)) return false;
    if (out.size() > longest_pattern) {
        return field.error(fmt::format("is {} bytes long", out.size()), fmt::format("at most {}", longest_pattern));
    }
    return true;
}

// "z-a" in brackets: the set is empty, and so is what the glob can match.
bool has_backward_range(std::string_view glob) {
    for (std::size_t open = glob.find('['); open != std::string_view::npos; open = glob.find('[', open + 1)) {
        const auto close = glob.find(']', open + 2);
        if (close == std::string_view::npos) return false;
        for (auto at = open + 2; at + 1 < close; ++at) {
            if (glob[at] == '-'
                && static_cast<unsigned char>(glob[at - 1]) > static_cast<unsigned char>(glob[at + 1])) {
                return true;
            }
        }
        open = close;
    }
    return false;
}

void read_path_glob(const Field& field, std::optional<std::string>& out, std::string_view what,
                    std::string_view prefix) {
    std::string glob;
    if (!read_pattern(field, glob)) return;
    if (!glob.starts_with('/') && !glob.starts_with('*')) {
        field.error(fmt::format("{} never matches: {} begins with /", quoted(glob), what),
                    fmt::format("write the whole path, or {}", quoted(std::string(prefix) + glob)));
    } else if (has_backward_range(glob)) {
        field.error(fmt::format("{} never matches: a range in brackets runs backwards", quoted(glob)));
    } else {
        out = std::move(glob);
    }
}

} // namespace

void read_comm(const Field& field, std::optional<std::string>& out) {
    std::string comm;
    if (read_pattern(field, comm)) out = std::move(comm);
}

WrongComm wrong_comm(const std::string& comm, bool kernel_thread) {
    const auto longest = kernel_thread ? longest_name : longest_comm;
    if (comm.size() > longest) {
        auto text = fmt::format("{} has {} bytes, {} name at most {}", quoted(comm), comm.size(),
                                kernel_thread ? "a kernel thread's" : "a thread", longest);
        if (kernel_thread) return {.text = std::move(text), .hint = "an asterisk stands for any number of them"};
        return {.text = std::move(text),
                .hint = comm.starts_with('/') ? "match.exe takes a path"
                                              : "the kernel keeps no more: shorten it, or use match.exe"};
    }
    if (!kernel_thread) return {};
    if (has_backward_range(comm))
        return {.text = fmt::format("{} never matches: a range in brackets runs backwards", quoted(comm)), .hint = {}};
    // A set of characters, of which it would match one.
    if (comm.size() > 3 && comm.starts_with('[') && comm.find(']') == comm.size() - 1)
        return {.text =
                    fmt::format("{} never matches: ps puts brackets around the names of kernel threads", quoted(comm)),
                .hint = fmt::format("write {}", quoted(comm.substr(1, comm.size() - 2)))};
    return {};
}

void read_exe(const Field& field, std::optional<std::string>& out) {
    read_path_glob(field, out, "the path of a program", "**/");
}

void read_cgroup(const Field& field, std::optional<std::string>& out) {
    read_path_glob(field, out, "the path of a cgroup", "/");
}

void read_unit(const Field& field, std::optional<std::string>& out) {
    std::string unit;
    if (!read_pattern(field, unit)) return;
    if (unit.find('/') != std::string::npos) {
        field.error(fmt::format("{} is not one component of a path", quoted(unit)), "match.cgroup takes a path");
        return;
    }
    if (unit.find('.') == std::string::npos) {
        field.warning(fmt::format("{} has no suffix; systemd's units always have one", quoted(unit)),
                      fmt::format("write {}", quoted(unit + ".service")));
    }
    out = std::move(unit);
}

void read_regex(const Field& field, std::optional<std::string>& out) {
    std::string expression;
    if (!read_pattern(field, expression)) return;
    re2::RE2::Options options(re2::RE2::Latin1); // as the matcher compiles it: arguments are bytes
    options.set_log_errors(false);
    options.set_dot_nl(true);
    const re2::RE2 compiled(expression, options);
    if (compiled.ok()) {
        out = std::move(expression);
    } else {
        field.error(fmt::format("{} is no regular expression: {}", quoted(expression), compiled.error()),
                    "RE2 syntax, without look-around and back-references; quote it 'so' to spare the backslashes");
    }
}

} // namespace nezuban

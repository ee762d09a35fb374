#include "io/alterable.hpp"

#include "core/interpreter.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <string_view>

#include <climits>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace nezuban {

namespace {

constexpr int most_links = 40; // as the kernel has it

std::deque<std::string> components(std::string_view path) {
    std::deque<std::string> parts;
    while (!path.empty()) {
        const auto part = path.substr(0, path.find('/'));
        path.remove_prefix(std::min(path.size(), part.size() + 1));
        if (!part.empty() && part != ".") parts.emplace_back(part);
    }
    return parts;
}

std::string below(const std::string& directory, const std::string& name) {
    return directory == "/" ? directory + name : directory + "/" + name;
}

std::string above(const std::string& directory) {
    return directory.substr(0, std::max<std::size_t>(directory.rfind('/'), 1));
}

std::string target_of(const std::string& link) {
    std::string target(PATH_MAX, '\0');
    const auto size = ::readlink(link.c_str(), target.data(), target.size());
    target.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return target;
}

std::optional<Step> look(const std::string& path) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) return std::nullopt;
    // Only where it matters: with an ACL the group's bits are the most that anybody named in it may do.
    const bool acl = !S_ISLNK(info.st_mode) && (info.st_mode & S_IWGRP) != 0
                     && ::lgetxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) > 0;
    return Step{.path = path, .uid = info.st_uid, .gid = info.st_gid, .mode = info.st_mode, .acl = acl};
}

// All components in the order in which the kernel takes them, links before what they lead to.
struct Way {
    std::vector<Step> steps;
    std::string missing; // where it ends too early
};

Way way_to(const std::string& path) {
    auto ahead = components(path);
    if (!path.starts_with('/')) {
        std::array<char, PATH_MAX> here{};
        if (::getcwd(here.data(), here.size()) == nullptr) return {};
        const auto before = components(here.data());
        ahead.insert(ahead.begin(), before.begin(), before.end());
    }
    Way way;
    if (auto root = look("/")) way.steps.push_back(std::move(*root));
    std::string directory = "/";
    for (int links = 0; !ahead.empty();) {
        const auto name = std::move(ahead.front());
        ahead.pop_front();
        if (name == "..") {
            directory = above(directory);
            continue;
        }
        auto step = look(below(directory, name));
        if (!step) {
            if (errno == ENOENT) way.missing = below(directory, name);
            return way;
        }
        way.steps.push_back(*step);
        if (!S_ISLNK(step->mode)) {
            directory = step->path;
            continue;
        }
        if (++links > most_links) return way;
        const auto target = target_of(step->path);
        const auto parts = components(target);
        ahead.insert(ahead.begin(), parts.begin(), parts.end());
        if (target.starts_with('/')) directory = "/";
    }
    return way;
}

bool executable(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

bool is_stranger(const Weakness& weakness, const Insiders& insiders) {
    const auto among = [&](const std::vector<std::uint32_t>& ids) {
        return std::ranges::find(ids, weakness.id) != ids.end();
    };
    if (insiders.everybody) return false;
    switch (weakness.power) {
    case Power::owner: return !among(insiders.owners);
    case Power::group: return !among(insiders.groups);
    case Power::everybody: return true;
    }
    return true;
}

bool sticky(const Step& step) {
    return S_ISDIR(step.mode) && (step.mode & S_ISVTX) != 0;
}

bool group_may_write(const Step& step) {
    return (step.mode & S_IWGRP) != 0 && (step.gid != 0 || step.acl);
}

std::vector<Weakness> all_on(const Way& way) {
    std::vector<Weakness> found;
    for (const auto& step : way.steps) {
        for (auto& each : weaknesses_of(step))
            found.push_back(std::move(each));
    }
    return found;
}

// The sticky bit of a directory protects what is there already, and not what isn't.
std::vector<Weakness> who_may_create(const Way& way) {
    if (way.missing.empty() || way.steps.empty() || !sticky(way.steps.back())) return {};
    auto last = way.steps.back();
    last.path = way.missing;
    last.uid = 0; // its owner was judged already
    last.mode &= ~static_cast<std::uint32_t>(S_ISVTX);
    auto found = weaknesses_of(last);
    for (auto& each : found)
        each.missing = true;
    return found;
}

} // namespace

std::vector<Weakness> weaknesses_of(const Step& step) {
    std::vector<Weakness> found;
    const auto add = [&](Power power, std::uint32_t id) {
        found.push_back({.path = step.path, .power = power, .id = id, .mode = step.mode & 07777U});
    };
    const bool link = S_ISLNK(step.mode); // its mode means nothing
    if (!link && !sticky(step) && (step.mode & S_IWOTH) != 0) add(Power::everybody, 0);
    if (!link && !sticky(step) && group_may_write(step)) add(Power::group, step.gid);
    if (step.uid != 0) add(Power::owner, step.uid);
    return found;
}

Insiders insiders() {
    Insiders result{.owners = {::geteuid()}};
    for (const auto& weakness : all_on(way_to(target_of("/proc/self/exe")))) {
        switch (weakness.power) {
        case Power::owner: result.owners.push_back(weakness.id); break;
        case Power::group: result.groups.push_back(weakness.id); break;
        case Power::everybody: result.everybody = true; break;
        }
    }
    return result;
}

std::optional<Weakness> weakness_of(const std::string& path, const Insiders& insiders) {
    const auto way = way_to(path);
    for (const auto& all : {all_on(way), who_may_create(way)}) {
        for (const auto& weakness : all) {
            if (is_stranger(weakness, insiders)) return weakness;
        }
    }
    return std::nullopt;
}

std::optional<std::string> find_program(const std::string& name) {
    if (name.contains('/')) return name;
    const char* set = std::getenv("PATH"); // NOLINT(concurrency-mt-unsafe): nobody of ours changes it meanwhile
    std::string_view path = set == nullptr ? usual_path : set;
    while (true) {
        const auto end = path.find(':');
        const auto directory = std::string(path.substr(0, end));
        auto candidate = (directory.empty() ? "." : directory) + "/" + name; // empty: where we are
        if (executable(candidate)) return candidate;
        if (end == std::string_view::npos) return std::nullopt;
        path.remove_prefix(end + 1);
    }
}

std::optional<Weakness> weakness_of_command(std::span<const std::string> argv, const Insiders& insiders) {
    if (argv.empty()) return std::nullopt;
    if (const auto program = find_program(argv.front())) {
        if (auto weakness = weakness_of(*program, insiders)) return weakness;
    }
    const auto script = script_in(argv);
    return script ? weakness_of(argv[*script], insiders) : std::nullopt;
}

std::string tell(const Weakness& weakness) {
    if (weakness.power == Power::owner) return fmt::format("{} belongs to uid {}", weakness.path, weakness.id);
    const auto who = weakness.power == Power::group ? fmt::format("group {}", weakness.id) : "everybody";
    if (weakness.missing) return fmt::format("{} isn't there, and {} may create it", weakness.path, who);
    return fmt::format("{} may be written by {} (mode {:04o})", weakness.path, who, weakness.mode);
}

std::string mend(const Weakness& weakness) {
    if (weakness.missing) return "create it";
    return fmt::format("{} {}", weakness.power == Power::owner ? "chown root" : "chmod go-w", weakness.path);
}

} // namespace nezuban

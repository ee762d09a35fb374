// Who, besides root and ourselves, could alter what a path leads to: a file, any directory on the way to it, any link.
//
// Whoever owns a component can change its mode; whoever may write a directory can put something else in it, but where
// its sticky bit is set, only what is his own. Whoever could replace our own program in the same way needs nothing of
// ours for it and is no stranger: a checkout that root runs from belongs to somebody, too.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nezuban {

// A component as the kernel has it.
struct Step {
    std::string path;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t mode = 0; // with the kind of file
    bool acl = false;       // the group's bits may stand for others than the group
};

enum class Power { owner, group, everybody };

struct Weakness {
    std::string path; // of the component
    Power power = Power::everybody;
    std::uint32_t id = 0; // of the owner or the group
    std::uint32_t mode = 0;
    bool missing = false; // nothing is there, and that it is put there can't be prevented
};

// Those who are no strangers, besides root.
struct Insiders {
    std::vector<std::uint32_t> owners;
    std::vector<std::uint32_t> groups;
    bool everybody = false;
};

// What is wrong with one component; the worst comes first. Pure.
[[nodiscard]] std::vector<Weakness> weaknesses_of(const Step& step);

// Ourselves, and whoever could replace our program.
[[nodiscard]] Insiders insiders();

// The first weakness on the way to it, from the root on. A relative path begins in our directory. What is missing is
// none, unless it lies in a directory where others may create it. These may wait for a disk.
[[nodiscard]] std::optional<Weakness> weakness_of(const std::string& path, const Insiders& insiders);

// PATH where there is none.
inline constexpr const char* usual_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// argv[0] as it would be executed: itself, or where PATH has it. Absent: nowhere.
[[nodiscard]] std::optional<std::string> find_program(const std::string& name);

// Of its program, and of its script when the program is an interpreter.
[[nodiscard]] std::optional<Weakness> weakness_of_command(std::span<const std::string> argv, const Insiders& insiders);

// "/opt belongs to uid 1000", "/opt/x.sh may be written by everybody (mode 0777)".
[[nodiscard]] std::string tell(const Weakness& weakness);
// "chown root /opt", "chmod go-w /opt/x.sh".
[[nodiscard]] std::string mend(const Weakness& weakness);

} // namespace nezuban

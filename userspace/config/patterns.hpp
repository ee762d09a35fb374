// The keys of match that can be written so that they never match anything.
#pragma once

#include "config/field.hpp"

#include <optional>
#include <string>

namespace nezuban {

// A name, or for kernel threads a glob; which of them is known only when the whole rule is.
void read_comm(const Field& field, std::optional<std::string>& out);

// What is wrong with it; an empty text: nothing is.
struct WrongComm {
    std::string text;
    std::string hint;
};
[[nodiscard]] WrongComm wrong_comm(const std::string& comm, bool kernel_thread);

void read_exe(const Field& field, std::optional<std::string>& out);
void read_cgroup(const Field& field, std::optional<std::string>& out);
void read_unit(const Field& field, std::optional<std::string>& out);
void read_regex(const Field& field, std::optional<std::string>& out);

} // namespace nezuban

// The keys of match that can be written so that they never match anything.
#pragma once

#include "config/field.hpp"

#include <optional>
#include <string>

namespace nezuban {

void read_comm(const Field& field, std::optional<std::string>& out);
void read_exe(const Field& field, std::optional<std::string>& out);
void read_cgroup(const Field& field, std::optional<std::string>& out);
void read_unit(const Field& field, std::optional<std::string>& out);
void read_regex(const Field& field, std::optional<std::string>& out);

} // namespace nezuban

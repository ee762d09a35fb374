// Where a service can be asked whether it is ready: what can't be a target is said at load, not at three in the
// morning.
#pragma once

#include "config/field.hpp"

#include <string>

namespace nezuban {

// "127.0.0.1:5432", "[::1]:5432", "localhost:5432", "unix:/run/x.sock"
bool read_tcp_target(const Field& field, std::string& out);

// "http://127.0.0.1:8080/health", also https
bool read_http_target(const Field& field, std::string& out);

} // namespace nezuban

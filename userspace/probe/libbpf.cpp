#include "probe/libbpf.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <string_view>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

namespace nezuban {

namespace {

// libbpf's print callback is handed no context, so what it says has to go somewhere that it can find: the one
// piece of global state that this project has.
std::deque<std::string>& said() {
    static std::deque<std::string> lines;
    return lines;
}

// Of a program that the verifier refused, all that it thought comes as one message; the reason is at its end.
void keep_end_of(std::string_view message) {
    while (!message.empty()) {
        const auto line = message.substr(0, message.find('\n'));
        message.remove_prefix(std::min(message.size(), line.size() + 1));
        if (line.empty() || line.starts_with("processed ") || line.starts_with("-- END")) continue;
        said().emplace_back(line.substr(0, 300));
        if (said().size() > 6) said().pop_front();
    }
}

int keep(libbpf_print_level level, const char* format, va_list arguments) {
    if (level != LIBBPF_WARN) return 0;
    va_list again;
    va_copy(again, arguments);
    const int size = std::vsnprintf(nullptr, 0, format, again);
    va_end(again);
    std::string message(static_cast<std::size_t>(std::max(size, 0)), '\0');
    std::vsnprintf(message.data(), message.size() + 1, format, arguments);
    keep_end_of(message);
    return 0;
}

} // namespace

LibbpfLog::LibbpfLog() {
    said().clear();
    libbpf_set_print(keep);
}

std::unexpected<Error> LibbpfLog::error(const std::string& what, int number) const {
    std::string text = what + ": " + std::strerror(number);
    for (const auto& line : said()) {
        text += "; " + line;
    }
    return fail(std::move(text), number);
}

std::vector<ProgramCost> costs_of(const bpf_object* object) {
    std::vector<ProgramCost> costs;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object) {
        const int descriptor = bpf_program__fd(program);
        bpf_prog_info info{};
        std::uint32_t size = sizeof(info);
        if (descriptor < 0 || bpf_obj_get_info_by_fd(descriptor, &info, &size) != 0) continue;
        std::string hook = bpf_program__section_name(program);
        hook.erase(0, hook.find('/') == std::string::npos ? 0 : hook.find('/') + 1);
        costs.push_back({.name = bpf_program__name(program),
                         .hook = std::move(hook),
                         .runs = info.run_cnt,
                         .nanoseconds = info.run_time_ns,
                         .missed = info.recursion_misses});
    }
    return costs;
}

std::uint64_t map_bytes_of(const bpf_object* object) {
    std::uint64_t bytes = 0;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        std::ifstream info("/proc/self/fdinfo/" + std::to_string(bpf_map__fd(map)));
        std::string key;
        while (info >> key) {
            std::uint64_t value = 0;
            if (key == "memlock:" && info >> value) bytes += value;
        }
    }
    return bytes;
}

} // namespace nezuban

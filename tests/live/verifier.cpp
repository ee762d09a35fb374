// Every program of ours before this kernel's verifier: how many instructions it has to follow, against what was ever
// needed.
#include "support/child.hpp"
#include "support/privilege.hpp"
#include "support/skip.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>

using namespace nezuban::test;

namespace {

struct Close {
    void operator()(bpf_object* object) const {
        bpf_object__close(object);
    }
};
using Object = std::unique_ptr<bpf_object, Close>;

Object open_object(const std::filesystem::path& file) {
    Object object(bpf_object__open_file(file.c_str(), nullptr));
    if (!object) fail_with_errno("opening " + file.string());
    return object;
}

// bpf/NAME.bpf.o
std::set<std::filesystem::path> objects() {
    std::set<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(build_dir() / "bpf"))
        if (entry.path().extension() == ".o" && entry.is_regular_file()) files.insert(entry.path());
    return files;
}

std::vector<std::string> programs_of(const bpf_object* object) {
    std::vector<std::string> names;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object) {
        names.emplace_back(bpf_program__name(program));
    }
    return names;
}

// Where the choices are that are made before loading, of a constant each: const volatile bool, true by default, which
// says that the kernel has what is wanted. Programs are other ones to the verifier when they are false.
std::vector<std::size_t> choices_in(const bpf_object* object) {
    const btf* types = bpf_object__btf(object);
    const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
    if (section < 0) return {};
    const btf_type* constants = btf__type_by_id(types, static_cast<__u32>(section));
    std::vector<std::size_t> offsets;
    for (int at = 0; at < btf_vlen(constants); ++at) {
        const auto& one = btf_var_secinfos(constants)[at];
        const auto* type = btf__type_by_id(types, btf__type_by_id(types, one.type)->type);
        while (btf_is_mod(type) || btf_is_typedef(type))
            type = btf__type_by_id(types, type->type);
        if (btf_is_int(type) && (btf_int_encoding(type) & BTF_INT_BOOL) != 0) offsets.push_back(one.offset);
    }
    return offsets;
}

void choose_fallbacks(const bpf_object* object, bpf_map* constants) {
    std::size_t size = 0;
    const auto* bytes = static_cast<const unsigned char*>(bpf_map__initial_value(constants, &size));
    std::vector<unsigned char> changed(bytes, bytes + size);
    for (const auto offset : choices_in(object))
        changed.at(offset) = 0;
    REQUIRE(bpf_map__set_initial_value(constants, changed.data(), size) == 0);
}

// Loads that one alone; absent: this kernel has not what it needs.
std::optional<unsigned long> instructions_of(const std::filesystem::path& file, const std::string& name,
                                             bool fallbacks) {
    constexpr int statistics_only = 4; // BPF_LOG_STATS: some lines, and not all that the verifier thinks
    // A global function is told of by each instruction even so, and a log that doesn't fit is a refusal.
    std::vector<char> log(1U << 20U);
    const auto object = open_object(file);
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object.get()) {
        const bool wanted = name == bpf_program__name(program);
        bpf_program__set_autoload(program, wanted);
        if (!wanted) continue;
        bpf_program__set_log_level(program, statistics_only);
        bpf_program__set_log_buf(program, log.data(), log.size());
    }
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object.get()) {
        // Its size comes with the configuration.
        if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF) bpf_map__set_max_entries(map, 1U << 20U);
        if (fallbacks && std::string(bpf_map__name(map)).ends_with(".rodata")) choose_fallbacks(object.get(), map);
    }
    if (bpf_object__load(object.get()) != 0) return std::nullopt;
    unsigned long processed = 0;
    const std::string text(log.data());
    const auto at = text.find("processed ");
    if (at == std::string::npos || std::sscanf(text.c_str() + at, "processed %lu insns", &processed) != 1)
        throw std::runtime_error(name + " was loaded without statistics: " + text);
    return processed;
}

// By object and program; 15 % above the most that was seen on any kernel.
std::map<std::string, unsigned long> budgets() {
    std::ifstream file(NEZUBAN_SOURCE_DIR "/tests/live/instructions.budget");
    std::map<std::string, unsigned long> most;
    std::string name;
    for (unsigned long count = 0; file >> name >> count;)
        most[name] = count;
    return most;
}

} // namespace

TEST_CASE("no program makes the verifier follow more instructions than its budget") {
    if (!can_load_bpf()) SKIP(why_no_bpf());
    libbpf_set_print(nullptr); // a refusal is an answer here
    const auto budget = budgets();
    REQUIRE_FALSE(budget.empty());

    std::size_t loaded = 0;
    const auto judge = [&](const std::filesystem::path& file, const std::string& program, bool fallbacks) {
        const auto name = file.stem().stem().string() + "/" + program + (fallbacks ? ":fallback" : "");
        const auto instructions = instructions_of(file, program, fallbacks);
        std::printf("instructions %s %s\n", name.c_str(),
                    instructions ? std::to_string(*instructions).c_str() : "refused");
        if (!instructions) return;
        ++loaded;
        INFO(name, ": see scripts/vm/budget");
        CHECK(*instructions <= (budget.contains(name) ? budget.at(name) : 0));
    };
    for (const auto& file : objects()) {
        const auto object = open_object(file);
        for (const auto& program : programs_of(object.get())) {
            judge(file, program, false);
            if (!choices_in(object.get()).empty()) judge(file, program, true);
        }
    }
    CHECK(loaded > 10);
}

// What the programs that hang share: their command line, threads with names, and knowing that a thread is where it was
// meant to get stuck. "ready" must not be said before.
#pragma once

#include "../await.hpp"
#include "../nz.hpp"

#include <future>
#include <string>
#include <thread>
#include <vector>

#include <sys/syscall.h>

namespace nz {

struct Scene {
    std::string kind;
    std::vector<std::string> words; // that follow the kind
    const char* name = nullptr;
    unsigned life = default_life_s;

    [[nodiscard]] std::string word(std::size_t at, const char* otherwise) const {
        return at < words.size() ? words[at] : otherwise;
    }
    [[nodiscard]] long number(std::size_t at, const char* otherwise, long most, const char* usage) const {
        const long value = number_or_usage(word(at, otherwise).c_str(), usage);
        return value <= most ? value : number_or_usage(nullptr, usage);
    }
};

// KIND [WORD…] [--name X] [--life SECONDS]
inline Scene scene_from(int argc, char** argv, const char* usage) {
    Scene scene;
    scene.kind = argc > 1 ? argv[1] : "";
    for (int at = 2; at < argc; ++at) {
        const std::string word = argv[at];
        const bool last = at + 1 == argc;
        if (word == "--name" && !last) {
            scene.name = argv[++at];
        } else if (word == "--life" && !last) {
            scene.life = static_cast<unsigned>(number_or_usage(argv[++at], usage));
        } else {
            scene.words.push_back(word);
        }
    }
    return scene;
}

inline pid_t own_tid() {
    return static_cast<pid_t>(syscall(SYS_gettid)); // NOLINT(cppcoreguidelines-pro-type-vararg)
}

// The thread is never joined: these programs end as a whole. Its name is set when this returns.
template <typename Work> pid_t in_thread(const std::string& name, Work work) {
    std::promise<pid_t> started;
    auto tid = started.get_future();
    std::thread([name, work, &started]() mutable {
        rename_to(name.c_str());
        started.set_value(own_tid());
        work();
    }).detach();
    return tid.get();
}

} // namespace nz

// Does this process belong to that rule?
#pragma once

#include "core/process.hpp"
#include "core/spec.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace nezuban {

// Arguments as expressions see them: joined by blanks.
[[nodiscard]] std::string as_line(std::string_view args);

class Matcher {
public:
    // Expressions were proved by config/; one that does not compile matches nothing.
    explicit Matcher(MatchSpec spec);
    ~Matcher();
    Matcher(Matcher&&) noexcept;
    Matcher& operator=(Matcher&&) noexcept;

    // By what every process brings along: name, owner, kind. False here is false altogether.
    [[nodiscard]] bool possible(const Process& process) const;

    // What else has to be known of a possible one.
    [[nodiscard]] Needs needs() const;

    // What has to be known and isn't does not match.
    [[nodiscard]] bool matches(const Process& process) const;

    [[nodiscard]] const MatchSpec& spec() const {
        return spec_;
    }

private:
    [[nodiscard]] bool may_be_named(const Process& process) const;
    [[nodiscard]] bool is_named(const Process& process) const;
    [[nodiscard]] bool matches_exe(const Process& process) const;
    [[nodiscard]] bool matches_args(const Process& process) const;
    [[nodiscard]] bool matches_cgroup(const Process& process) const;

    MatchSpec spec_;
    std::unique_ptr<re2::RE2> name_; // of kernel threads
    std::unique_ptr<re2::RE2> exe_;
    std::unique_ptr<re2::RE2> args_;
    std::unique_ptr<re2::RE2> cgroup_;
};

} // namespace nezuban

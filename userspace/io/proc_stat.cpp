#include "io/proc_stat.hpp"

#include <algorithm>
#include <charconv>

#include <unistd.h>

namespace nezuban {

namespace {

// Of the fields behind the name, one after the other; counted as in proc(5).
class Fields {
public:
    explicit Fields(std::string_view rest) : rest_(rest) {}

    std::string_view word(int number) {
        std::string_view found;
        while (at_ < number) {
            rest_.remove_prefix(std::min(rest_.size(), rest_.find_first_not_of(" \n")));
            found = rest_.substr(0, rest_.find_first_of(" \n"));
            rest_.remove_prefix(found.size());
            ++at_;
        }
        good_ = good_ && !found.empty();
        return found;
    }
    template <typename Number> Number number(int field) {
        const auto text = word(field);
        Number value{};
        if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) good_ = false;
        return value;
    }
    [[nodiscard]] bool good() const {
        return good_;
    }

private:
    std::string_view rest_;
    int at_ = 2; // the name's
    bool good_ = true;
};

} // namespace

// The name may hold anything, also brackets and blanks: what counts comes behind its last bracket.
std::optional<ProcStat> parse_stat(std::string_view text) {
    const auto open = text.find('(');
    const auto close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
    ProcStat stat;
    const auto id = text.substr(0, open);
    if (std::from_chars(id.data(), id.data() + id.size(), stat.id).ec != std::errc()) return std::nullopt;
    stat.comm = text.substr(open + 1, close - open - 1);
    Fields fields(text.substr(close + 1));
    const auto state = fields.word(3);
    if (state.size() != 1) return std::nullopt;
    stat.state = state.front();
    stat.ppid = fields.number<std::uint32_t>(4);
    stat.flags = fields.number<std::uint64_t>(9);
    stat.user_ticks = fields.number<std::uint64_t>(14);
    stat.system_ticks = fields.number<std::uint64_t>(15);
    stat.threads = fields.number<std::uint32_t>(20);
    stat.start_ticks = fields.number<std::uint64_t>(22);
    stat.code = fields.number<std::uint64_t>(26);
    stat.environment_begin = fields.number<std::uint64_t>(50);
    stat.environment_end = fields.number<std::uint64_t>(51);
    if (!fields.good()) return std::nullopt;
    return stat;
}

Duration duration_of_ticks(std::uint64_t ticks) {
    static const auto tick = 1'000'000'000ULL / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    return Duration(static_cast<Duration::rep>(ticks * tick));
}

} // namespace nezuban

// Many samples of one thing, told as median and spread; one thing against another of the same run, told as a ratio; and
// what has a bar, told as a line that scripts/bench collects into a table.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace nezuban::bench {

inline long long monotonic_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}
// On a processor, of the thread that asks.
inline double thread_cpu_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}
inline double ms_since(long long begin_ns) {
    return static_cast<double>(monotonic_ns() - begin_ns) / 1e6;
}

class Series {
public:
    explicit Series(std::string name, std::string unit = "us") : name_(std::move(name)), unit_(std::move(unit)) {}

    void add(double value) {
        values_.push_back(value);
    }
    [[nodiscard]] const std::string& name() const {
        return name_;
    }
    [[nodiscard]] const std::string& unit() const {
        return unit_;
    }
    [[nodiscard]] std::size_t size() const {
        return values_.size();
    }
    // Nearest rank; quantile(0.5) is the median. Zero when there is nothing.
    [[nodiscard]] double quantile(double share) const {
        if (values_.empty()) return 0;
        std::vector<double> sorted = values_;
        std::sort(sorted.begin(), sorted.end());
        const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
        return sorted[std::min(sorted.size() - 1, rank > 0 ? rank - 1 : 0)];
    }
    [[nodiscard]] double median() const {
        return quantile(0.5);
    }
    [[nodiscard]] double max() const {
        return quantile(1);
    }

private:
    std::string name_;
    std::string unit_;
    std::vector<double> values_;
};

inline void print_title(const std::string& title) {
    fmt::print("\n{}\n{:<44} {:>6} {:>10} {:>10} {:>10} {:>10} {:>10}\n", title, "", "n", "p10", "median", "p90", "p99",
               "max");
}

inline void print(const Series& series) {
    fmt::print("{:<44} {:>6} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f} {}\n", series.name(), series.size(),
               series.quantile(0.1), series.median(), series.quantile(0.9), series.quantile(0.99), series.max(),
               series.unit());
}

// How far the middle eight tenths of the samples lie apart.
inline std::string spread_of(const Series& series) {
    return fmt::format("p10–p90 {:.4g}–{:.4g} {}, n = {}", series.quantile(0.1), series.quantile(0.9), series.unit(),
                       series.size());
}

// A row of the table at the end of scripts/bench.
inline void print_row(const std::string& what, const std::string& figure, const std::string& spread,
                      const std::string& bar, bool reached) {
    fmt::print("bar: {} | {} | {} | {} | {}\n", what, figure, spread, bar, reached ? "yes" : "**no**");
}

inline void print_ratio(const std::string& what, const Series& subject, const Series& baseline, double at_most) {
    const double ratio = baseline.median() > 0 ? subject.median() / baseline.median() : 0;
    print_row(
        what,
        fmt::format("{:.3g}× ({:.4g} against {:.4g} {})", ratio, subject.median(), baseline.median(), subject.unit()),
        fmt::format("{}; baseline {}", spread_of(subject), spread_of(baseline)), fmt::format("≤ {:.3g}×", at_most),
        baseline.size() > 0 && ratio <= at_most);
}

inline void print_bar(const std::string& what, double value, const std::string& unit, const std::string& spread,
                      double at_most) {
    print_row(what, fmt::format("{:.4g} {}", value, unit), spread, fmt::format("≤ {:.4g} {}", at_most, unit),
              value <= at_most);
}

} // namespace nezuban::bench

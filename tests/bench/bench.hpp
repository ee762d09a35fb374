// Many samples of one thing, told as median and spread; and one thing against another of the same run, told as a ratio.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace nezuban::bench {

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

private:
    std::string name_;
    std::string unit_;
    std::vector<double> values_;
};

inline void print_title(const std::string& title) {
    fmt::print("\n{}\n{:<44} {:>6} {:>11} {:>11} {:>11} {:>11}\n", title, "", "n", "p10", "median", "p90", "p99");
}

inline void print(const Series& series) {
    fmt::print("{:<44} {:>6} {:>11.1f} {:>11.1f} {:>11.1f} {:>11.1f} {}\n", series.name(), series.size(),
               series.quantile(0.1), series.median(), series.quantile(0.9), series.quantile(0.99), series.unit());
}

// bar: what it must reach, as in "at most 3.00"; scripts/bench collects these lines.
inline void print_ratio(const Series& subject, const Series& baseline, double at_most) {
    const double ratio = baseline.median() > 0 ? subject.median() / baseline.median() : 0;
    fmt::print("ratio: {} / {} = {:.3f} (bar: at most {:.3f}: {})\n", subject.name(), baseline.name(), ratio, at_most,
               ratio <= at_most ? "reached" : "MISSED");
}

// A number with a bar of its own.
inline void print_bar(const std::string& what, double value, double at_most, const std::string& unit) {
    fmt::print("value: {} = {:.3f} {} (bar: at most {:.3f}: {})\n", what, value, unit, at_most,
               value <= at_most ? "reached" : "MISSED");
}

} // namespace nezuban::bench

// What something costs as something else grows, and how steeply: the exponent of the power law that fits best.
#pragma once

#include "bench.hpp"

#include <cmath>
#include <deque>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace nezuban::bench {

class Curve {
public:
    // over: what grows, in the plural.
    Curve(std::string what, std::string unit, std::string over)
        : what_(std::move(what)), unit_(std::move(unit)), over_(std::move(over)) {}

    // The samples of one size; sizes come in order.
    Series& at(double size) {
        return points_.emplace_back(size, Series(what_, unit_)).second;
    }
    // Of log cost over log size, by least squares: 0 is constant, 1 linear. NaN: less than two points have a cost.
    [[nodiscard]] double exponent() const {
        double n = 0;
        double sum_x = 0;
        double sum_y = 0;
        double sum_xx = 0;
        double sum_xy = 0;
        for (const auto& [size, series] : points_) {
            if (series.median() <= 0) continue;
            const double x = std::log(size);
            const double y = std::log(series.median());
            n += 1;
            sum_x += x;
            sum_y += y;
            sum_xx += x * x;
            sum_xy += x * y;
        }
        if (n < 2) return NAN;
        return (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
    }
    [[nodiscard]] const std::string& what() const {
        return what_;
    }
    void print_row() const {
        std::string figures;
        for (const auto& [size, series] : points_)
            figures +=
                fmt::format("{}{}: {} ({}–{})", figures.empty() ? "" : "; ", readable(size), readable(series.median()),
                            readable(series.quantile(0.1)), readable(series.quantile(0.9)));
        fmt::print("| {} [{}] | {} | {} | {:.2f} |\n", what_, unit_, over_, figures, exponent());
    }

private:
    static std::string readable(double value) {
        if (value < 100) return fmt::format("{:.3g}", value);
        const auto number = std::lround(value);
        return number < 1000 ? std::to_string(number) : fmt::format("{},{:03}", number / 1000, number % 1000);
    }

    std::string what_;
    std::string unit_;
    std::string over_;
    std::deque<std::pair<double, Series>> points_; // who fills one holds on to it
};

class CurveTable {
public:
    // of_what: in the row about the steepest.
    explicit CurveTable(std::string of_what) : of_what_(std::move(of_what)) {
        fmt::print("\n| cost | over | median (p10–p90) at each size | exponent |\n| --- | --- | --- | --- |\n");
    }
    void print(const Curve& curve) {
        curve.print_row();
        if (!(curve.exponent() > steepest_)) return;
        steepest_ = curve.exponent();
        which_ = curve.what();
    }
    // A power law that is fitted to noise is not linear to the hundredth.
    void print_steepest() const {
        print_bar("steepest cost curve of " + of_what_, steepest_, "as its exponent", which_, 1.1);
    }

private:
    std::string of_what_;
    double steepest_ = -INFINITY;
    std::string which_;
};

} // namespace nezuban::bench

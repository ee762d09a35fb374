// Whatever stands in a health page is read without a crash, and comes to one line.
#include "control/health.hpp"

#include "control/health_text.hpp"
#include "properties.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto health = nezuban::parse_health_text({reinterpret_cast<const char*>(data), size});
    if (!health) {
        nezuban::fuzz::require(nezuban::fuzz::is_sentence(health.error().text));
        return 0;
    }
    // What a daemon could not have written (its names hold no control characters) needn't come back.
    for (const auto style : {nezuban::HealthStyle::nagios, nezuban::HealthStyle::ocf}) {
        const auto answer = nezuban::health_of(health->view, {}, style, health->blind);
        nezuban::fuzz::require(answer.line.find('\n') == std::string::npos);
        nezuban::fuzz::require(answer.exit_code >= 0 && answer.exit_code <= 255);
    }
    const auto text = nezuban::to_text(*health);
    const auto again = nezuban::parse_health_text(text);
    nezuban::fuzz::require(!again || nezuban::to_text(*again) == text);
    nezuban::fuzz::require(text.size() <= nezuban::longest_text(*health));
    return 0;
}

#include "core/signal_names.hpp"

namespace nezuban {

std::string signal_name(int number) {
    if (number >= first_realtime_signal && number <= last_signal)
        return "SIGRTMIN+" + std::to_string(number - first_realtime_signal);
    if (number >= 1 && number <= static_cast<int>(plain_signals.size()))
        return "SIG" + std::string(plain_signals.at(static_cast<std::size_t>(number) - 1));
    return "SIG" + std::to_string(number);
}

} // namespace nezuban

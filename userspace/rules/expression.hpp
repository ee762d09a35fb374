// How expressions are read wherever a rule has one.
#pragma once

#include <re2/re2.h>

namespace nezuban {

// Latin-1, because paths and arguments are bytes, not always UTF-8; quiet, because config/ has told already.
inline re2::RE2::Options options_for_bytes() {
    re2::RE2::Options options(re2::RE2::Latin1);
    options.set_log_errors(false);
    options.set_dot_nl(true);
    return options;
}

} // namespace nezuban

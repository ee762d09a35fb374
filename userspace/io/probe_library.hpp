// libcurl, loaded by whoever probes and by nobody else: linked, it would bring 30 libraries into every start of every
// verb (8 ms instead of 3) and into the watcher, which is root.
#pragma once

#include "core/result.hpp"

#include <curl/curl.h>

namespace nezuban {

struct ProbeLibrary {
    decltype(&::curl_global_init) global_init = nullptr;
    decltype(&::curl_easy_init) easy_init = nullptr;
    decltype(&::curl_easy_setopt) easy_setopt = nullptr;
    decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
    decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
    decltype(&::curl_easy_strerror) easy_strerror = nullptr;
    decltype(&::curl_multi_init) multi_init = nullptr;
    decltype(&::curl_multi_add_handle) multi_add_handle = nullptr;
    decltype(&::curl_multi_remove_handle) multi_remove_handle = nullptr;
    decltype(&::curl_multi_perform) multi_perform = nullptr;
    decltype(&::curl_multi_poll) multi_poll = nullptr;
    decltype(&::curl_multi_info_read) multi_info_read = nullptr;
    decltype(&::curl_multi_cleanup) multi_cleanup = nullptr;

    // Loaded and initialized, for the rest of the process's life.
    [[nodiscard]] static Result<ProbeLibrary> load();
};

} // namespace nezuban

#include "io/probe_library.hpp"

#include <string>

#include <dlfcn.h>

namespace nezuban {

namespace {

std::string why() {
    const char* text = ::dlerror();
    return text == nullptr ? "no reason was given" : text;
}

} // namespace

Result<ProbeLibrary> ProbeLibrary::load() {
    void* handle = nullptr;
    std::string first;
    // The second is the same with another TLS library: all that some machines have.
    for (const auto* name : {"libcurl.so.4", "libcurl-gnutls.so.4"}) {
        handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
        if (handle != nullptr) break;
        if (first.empty()) first = why();
    }
    if (handle == nullptr) return fail("libcurl is needed: " + first);
    ProbeLibrary library;
    std::string missing;
    const auto find = [&](auto& function, const char* name) {
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(handle, name));
        if (function == nullptr && missing.empty()) missing = why();
    };
    find(library.global_init, "curl_global_init");
    find(library.easy_init, "curl_easy_init");
    find(library.easy_setopt, "curl_easy_setopt");
    find(library.easy_getinfo, "curl_easy_getinfo");
    find(library.easy_cleanup, "curl_easy_cleanup");
    find(library.easy_strerror, "curl_easy_strerror");
    find(library.multi_init, "curl_multi_init");
    find(library.multi_add_handle, "curl_multi_add_handle");
    find(library.multi_remove_handle, "curl_multi_remove_handle");
    find(library.multi_perform, "curl_multi_perform");
    find(library.multi_poll, "curl_multi_poll");
    find(library.multi_info_read, "curl_multi_info_read");
    find(library.multi_cleanup, "curl_multi_cleanup");
    if (!missing.empty()) return fail("this libcurl is too old: " + missing);
    if (library.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail("libcurl can't be initialized");
    return library;
}

} // namespace nezuban

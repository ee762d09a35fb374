#include "io/probe_library.hpp"

#include "io/library.hpp"

#include <string>
#include <type_traits>

namespace nezuban {

Result<ProbeLibrary> ProbeLibrary::load() {
    // The second is the same with another TLS library: all that some machines have.
    const auto curl = Library::open({"libcurl.so.4", "libcurl-gnutls.so.4"});
    if (!curl) return fail("libcurl is needed: " + curl.error().text);
    ProbeLibrary library;
    std::string missing;
    const auto find = [&](auto& function, const char* name) {
        const auto found = curl->function<std::remove_pointer_t<std::remove_reference_t<decltype(function)>>>(name);
        function = found.value_or(nullptr);
        if (!found && missing.empty()) missing = found.error().text;
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

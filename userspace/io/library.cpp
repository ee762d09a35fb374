#include "io/library.hpp"

#include <string>

#include <dlfcn.h>

namespace nezuban {

namespace {

std::string why() {
    const char* text = ::dlerror();
    return text == nullptr ? "no reason was given" : text;
}

} // namespace

Result<Library> Library::open(std::initializer_list<const char*> names) {
    std::string first;
    for (const auto* name : names) {
        if (void* handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL); handle != nullptr) return Library(handle);
        if (first.empty()) first = why();
    }
    return fail(std::move(first));
}

Result<void*> Library::find(const char* name) const {
    void* found = ::dlsym(handle_, name);
    if (found == nullptr) return fail(why());
    return found;
}

} // namespace nezuban

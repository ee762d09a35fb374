// Addresses on a kernel stack, named as the kernel itself would name them.
#include "io/kernel_symbols.hpp"

#include "support/kernel_symbol.hpp"
#include "support/skip.hpp"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace nezuban;

namespace {

KernelSymbols symbols() {
    auto known = KernelSymbols::parse("0000000000000000 A fixed_percpu_data\n"
                                      "ffffffff81000100 T schedule\n"
                                      "ffffffff81000200 t futex_do_wait\n"
                                      "ffffffff81000200 t its_alias\n"
                                      "ffffffff81000300 d some_data\n"
                                      "ffffffffc0001000 t nfsd_dispatch\t[nfsd]\n"
                                      "ffffffffc0000000 T svc_recv\t[sunrpc]\n");
    REQUIRE(known.has_value());
    return std::move(*known);
}

} // namespace

TEST_CASE("an address has the name of the function that it lies in, and of its module") {
    const auto known = symbols();

    CHECK(known.name(0xffffffff81000138) == "schedule+0x38");
    CHECK(known.name(0xffffffffc000107f) == "nfsd_dispatch+0x7f [nfsd]");
    CHECK(known.name(0xffffffffc0000010) == "svc_recv+0x10 [sunrpc]");
}

TEST_CASE("of several names for one function the first one counts, and data is none") {
    const auto known = symbols();

    CHECK(known.name(0xffffffff81000238) == "futex_do_wait+0x38");
    CHECK(known.name(0xffffffff81000310) == "futex_do_wait+0x110");
}

TEST_CASE("a call at the very end of a function returns to the next one, and belongs to the first") {
    CHECK(symbols().name(0xffffffff81000200) == "schedule+0x100");
}

TEST_CASE("what lies before all functions, or far behind one, has no name") {
    const auto known = symbols();

    CHECK(known.name(0).empty());
    CHECK(known.name(0xffffffff81000000).empty());
    CHECK(known.name(0xffffffff91000000).empty());
}

TEST_CASE("symbols without addresses are none") {
    CHECK_FALSE(KernelSymbols::parse("0000000000000000 T schedule\n0000000000000000 t futex_do_wait\n").has_value());
    CHECK_FALSE(KernelSymbols::parse("").has_value());
}

TEST_CASE("frames are named by this kernel's symbols; one that lies in none stays as it is") {
    const auto schedule = test::address_in_kernel("schedule");
    if (!schedule) SKIP("/proc/kallsyms tells no addresses (kptr_restrict)");
    KernelStacks stacks;
    std::vector<std::string> frames{fmt::format("{:#x}", *schedule + 8), "0x1", "known+0x1"};
    CHECK_FALSE(KernelStacks::nameless(frames));
    frames.pop_back();
    REQUIRE(KernelStacks::nameless(frames));

    stacks.name(frames);

    CHECK(frames == std::vector<std::string>{"schedule+0x8", "0x1"});
    CHECK_FALSE(KernelStacks::nameless(frames));
}

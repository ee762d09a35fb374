#include "io/privileges.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nezuban {

void keep_file_access_alone() {
    for (unsigned long number = 0; ::prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; ++number)
        ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{}; // NOLINT(modernize-avoid-c-arrays): the kernel's shape
    if (::syscall(SYS_capget, &header, data) != 0) return;
    for (auto& part : data) {
        const bool first = &part == &data[0];
        const auto kept = first ? part.permitted & CAP_TO_MASK(CAP_DAC_OVERRIDE) : 0U;
        part = {.effective = kept, .permitted = kept, .inheritable = 0};
    }
    ::syscall(SYS_capset, &header, data);
}

void set_file_mask(unsigned mask) {
    ::umask(static_cast<mode_t>(mask));
}

} // namespace nezuban

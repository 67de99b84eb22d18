#include "dispatch.h"

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace facedetect {

#if defined(__x86_64__)

std::vector<const Kernels*> available_kernels() {
    __builtin_cpu_init();
    std::vector<const Kernels*> kernels;
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        kernels.push_back(&kAvx512Vnni);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        if (__builtin_cpu_supports("avxvnni")) kernels.push_back(&kAvxVnni);
        kernels.push_back(&kAvx2);
    }
    kernels.push_back(&kPlain);
    return kernels;
}

#elif defined(__aarch64__)

static bool has_dot_product() {
#if defined(__APPLE__)
    return true;
#elif defined(__linux__)
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
    return false;
#endif
}

std::vector<const Kernels*> available_kernels() {
    std::vector<const Kernels*> kernels;
    if (has_dot_product()) kernels.push_back(&kNeonDot);
    kernels.push_back(&kNeon);
    kernels.push_back(&kPlain);
    return kernels;
}

#else

std::vector<const Kernels*> available_kernels() { return {&kPlain}; }

#endif

}  // namespace facedetect

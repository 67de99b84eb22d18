// Intel's intrinsics in portable C, so that kernels run on processors that lack the instructions:
// SIMDe's, and those that it does not have.

#pragma once

#define SIMDE_NO_NATIVE
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#define _mm256_dpbusd_avx_epi32 simde_mm256_dpbusd_epi32

using __mmask16 = uint16_t;

namespace emulated {

template <class To, class From>
To each_of_16(From from, auto function) {
    std::remove_cvref_t<decltype(function(0))> result[16];
    for (int i = 0; i < 16; ++i) result[i] = function(i);
    To to;
    static_assert(sizeof to == sizeof result);
    std::memcpy(&to, result, sizeof to);
    return to;
}

template <class T, class From>
T lane(From from, int index) {
    T value;
    std::memcpy(&value, reinterpret_cast<const char*>(&from) + index * sizeof(T), sizeof value);
    return value;
}

}  // namespace emulated

inline __m512i _mm512_cvtepu8_epi32(__m128i a) {
    return emulated::each_of_16<__m512i>(
        a, [&](int i) { return static_cast<int32_t>(emulated::lane<uint8_t>(a, i)); });
}

inline __m512 _mm512_cvtepi32_ps(__m512i a) {
    return emulated::each_of_16<__m512>(
        a, [&](int i) { return static_cast<float>(emulated::lane<int32_t>(a, i)); });
}

inline __m512i _mm512_cvtps_epi32(__m512 a) {
    return emulated::each_of_16<__m512i>(a, [&](int i) {
        return static_cast<int32_t>(std::nearbyint(emulated::lane<float>(a, i)));
    });
}

inline __m128i _mm512_cvtusepi32_epi8(__m512i a) {
    return emulated::each_of_16<__m128i>(a, [&](int i) {
        return static_cast<uint8_t>(std::min(emulated::lane<uint32_t>(a, i), uint32_t{255}));
    });
}

inline float _mm512_reduce_add_ps(__m512 a) {
    float sum = 0;
    for (int i = 0; i < 16; ++i) sum += emulated::lane<float>(a, i);
    return sum;
}

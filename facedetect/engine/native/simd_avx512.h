// AVX-512 with VNNI: a block is one register.

#pragma once

#include <immintrin.h>

#include <cstring>

#include "kernels.h"

namespace facedetect {

struct Avx512Vnni {
    using Floats = __m512;
    using Ints = __m512i;
    using Value = uint8_t;
    static constexpr Element kElement = Element::kUint8;
    static constexpr int kGroup = 4;
    static constexpr float kPixelScale = 1, kPixelZero = 0;
    static constexpr int kTileBlocks = 3, kTilePixels = 14;
    static constexpr int kPooledPixels = 4, kScreenPixels = 12, kLogitPixels = 8;

    static Floats load(const float* p) { return _mm512_loadu_ps(p); }
    static Floats load(const uint8_t* p) {
        return _mm512_cvtepi32_ps(
            _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
    }
    static void store(float* p, Floats a) { _mm512_storeu_ps(p, a); }
    static Floats broadcast(float a) { return _mm512_set1_ps(a); }
    static Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
    static Floats subtract(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
    static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
    static Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
    static Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
    static Floats prelu(Floats a, Floats slope) {
        const __mmask16 negative = _mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_LT_OQ);
        return _mm512_mask_mul_ps(a, negative, a, slope);
    }
    static float sum(Floats a) { return _mm512_reduce_add_ps(a); }

    static __m128 load4(const float* p) { return _mm_loadu_ps(p); }
    static __m128 load3(const uint8_t* p) {
        const int32_t pixel = p[0] | p[1] << 8 | p[2] << 16;
        return _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(pixel)));
    }
    static void store4(float* p, __m128 a) { _mm_storeu_ps(p, a); }
    static __m128 add4(__m128 a, __m128 b) { return _mm_add_ps(a, b); }
    static __m128 subtract4(__m128 a, __m128 b) { return _mm_sub_ps(a, b); }
    static __m128 multiply4(__m128 a, float b) { return _mm_mul_ps(a, _mm_set1_ps(b)); }
    static __m128 multiply_add4(__m128 a, float b, __m128 c) {
        return _mm_fmadd_ps(a, _mm_set1_ps(b), c);
    }

    static Ints zero() { return _mm512_setzero_si512(); }
    static Ints load_weights(const Value* p) { return _mm512_loadu_si512(p); }
    static Ints broadcast_group(const Value* p) {
        int32_t group;
        std::memcpy(&group, p, sizeof group);
        return _mm512_set1_epi32(group);
    }
    static Ints dot(Ints sum, Ints a, Ints b) { return _mm512_dpbusd_epi32(sum, a, b); }
    static Ints max(Ints a, Ints b) { return _mm512_max_epi32(a, b); }
    static Ints min(Ints a, Ints b) { return _mm512_min_epi32(a, b); }
    static Floats to_floats(Ints a) { return _mm512_cvtepi32_ps(a); }
    static void store_rounded(Value* p, Floats a) {
        const Ints rounded = _mm512_max_epi32(_mm512_cvtps_epi32(a), zero());
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtusepi32_epi8(rounded));
    }
};

}  // namespace facedetect

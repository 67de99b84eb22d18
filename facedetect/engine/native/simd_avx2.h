// AVX2 with FMA: a block is two registers. Screening multiplies pairs of 16-bit integers, or with
// AVX-VNNI four bytes.

#pragma once

#include <immintrin.h>

#include <cstring>

#include "kernels.h"

namespace facedetect {

struct Avx2Floats {
    struct Floats {
        __m256 low, high;
    };
    struct Ints {
        __m256i low, high;
    };
    static constexpr int kTileBlocks = 1, kTilePixels = 6;
    static constexpr int kPooledPixels = 1, kScreenPixels = 6, kLogitPixels = 2;

    static Floats load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
    static Floats load(const uint8_t* p) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)),
                _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
    }
    static void store(float* p, Floats a) {
        _mm256_storeu_ps(p, a.low);
        _mm256_storeu_ps(p + 8, a.high);
    }
    static Floats broadcast(float a) { return {_mm256_set1_ps(a), _mm256_set1_ps(a)}; }
    static Floats add(Floats a, Floats b) {
        return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
    }
    static Floats subtract(Floats a, Floats b) {
        return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
    }
    static Floats multiply(Floats a, Floats b) {
        return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
    }
    static Floats multiply_add(Floats a, Floats b, Floats c) {
        return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
    }
    static Floats max(Floats a, Floats b) {
        return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
    }
    static Floats prelu(Floats a, Floats slope) {
        const Floats scaled = multiply(a, slope);
        return {_mm256_blendv_ps(a.low, scaled.low, a.low),
                _mm256_blendv_ps(a.high, scaled.high, a.high)};
    }
    static float sum(Floats a) {
        const __m256 both = _mm256_add_ps(a.low, a.high);
        __m128 four = _mm_add_ps(_mm256_castps256_ps128(both), _mm256_extractf128_ps(both, 1));
        four = _mm_add_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
    }

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

    static Ints zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
    static Ints load_32_bytes_twice(const void* p) {
        const __m256i* registers = static_cast<const __m256i*>(p);
        return {_mm256_loadu_si256(registers), _mm256_loadu_si256(registers + 1)};
    }
    static Ints broadcast_4_bytes(const void* p) {
        int32_t group;
        std::memcpy(&group, p, sizeof group);
        return {_mm256_set1_epi32(group), _mm256_set1_epi32(group)};
    }
    static Ints max(Ints a, Ints b) {
        return {_mm256_max_epi32(a.low, b.low), _mm256_max_epi32(a.high, b.high)};
    }
    static Ints min(Ints a, Ints b) {
        return {_mm256_min_epi32(a.low, b.low), _mm256_min_epi32(a.high, b.high)};
    }
    static Floats to_floats(Ints a) {
        return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)};
    }
    // Rounded and saturated to 16 bits, in the order of the channels.
    static __m256i to_int16(Floats a) {
        const __m256i packed =
            _mm256_packs_epi32(_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high));
        return _mm256_permute4x64_epi64(packed, 0b11011000);
    }
};

struct Avx2 : Avx2Floats {
    using Value = int16_t;
    static constexpr Element kElement = Element::kInt16;
    static constexpr int kGroup = 2;
    static constexpr float kPixelScale = 16, kPixelZero = 0;

    static Ints load_weights(const Value* p) { return load_32_bytes_twice(p); }
    static Ints broadcast_group(const Value* p) { return broadcast_4_bytes(p); }
    static Ints dot(Ints sum, Ints a, Ints b) {
        return {_mm256_add_epi32(sum.low, _mm256_madd_epi16(a.low, b.low)),
                _mm256_add_epi32(sum.high, _mm256_madd_epi16(a.high, b.high))};
    }
    static void store_rounded(Value* p, Floats a) {
        // 12 bits, so that no sum of products overflows.
        const __m256i rounded = _mm256_max_epi16(to_int16(a), _mm256_setzero_si256());
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                            _mm256_min_epi16(rounded, _mm256_set1_epi16(4095)));
    }
};

#ifdef __AVXVNNI__
struct AvxVnni : Avx2Floats {
    using Value = uint8_t;
    static constexpr Element kElement = Element::kUint8;
    static constexpr int kGroup = 4;
    static constexpr float kPixelScale = 1, kPixelZero = 0;

    static Ints load_weights(const Value* p) { return load_32_bytes_twice(p); }
    static Ints broadcast_group(const Value* p) { return broadcast_4_bytes(p); }
    static Ints dot(Ints sum, Ints a, Ints b) {
        return {_mm256_dpbusd_avx_epi32(sum.low, a.low, b.low),
                _mm256_dpbusd_avx_epi32(sum.high, a.high, b.high)};
    }
    static void store_rounded(Value* p, Floats a) {
        const __m256i rounded = to_int16(a);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                         _mm_packus_epi16(_mm256_castsi256_si128(rounded),
                                          _mm256_extracti128_si256(rounded, 1)));
    }
};
#endif

}  // namespace facedetect

// NEON: a block is four registers. With the dot product, screening multiplies four signed bytes.

#pragma once

#include <arm_neon.h>

#include <cstring>

#include "kernels.h"

namespace facedetect {

struct Neon {
    struct Floats {
        float32x4_t part[4];
    };
    static constexpr int kTileBlocks = 1, kTilePixels = 6;

    static Floats load(const float* p) {
        return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
    }
    static Floats load(const uint8_t* p) {
        const uint8x16_t bytes = vld1q_u8(p);
        const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
        return {{vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))),
                 vcvtq_f32_u32(vmovl_u16(vget_high_u16(low))),
                 vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))),
                 vcvtq_f32_u32(vmovl_u16(vget_high_u16(high)))}};
    }
    static void store(float* p, Floats a) {
        for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.part[i]);
    }
    static Floats broadcast(float a) {
        const float32x4_t four = vdupq_n_f32(a);
        return {{four, four, four, four}};
    }
    static Floats add(Floats a, Floats b) {
        for (int i = 0; i < 4; ++i) a.part[i] = vaddq_f32(a.part[i], b.part[i]);
        return a;
    }
    static Floats subtract(Floats a, Floats b) {
        for (int i = 0; i < 4; ++i) a.part[i] = vsubq_f32(a.part[i], b.part[i]);
        return a;
    }
    static Floats multiply(Floats a, Floats b) {
        for (int i = 0; i < 4; ++i) a.part[i] = vmulq_f32(a.part[i], b.part[i]);
        return a;
    }
    static Floats multiply_add(Floats a, Floats b, Floats c) {
        for (int i = 0; i < 4; ++i) c.part[i] = vfmaq_f32(c.part[i], a.part[i], b.part[i]);
        return c;
    }
    static Floats max(Floats a, Floats b) {
        for (int i = 0; i < 4; ++i) a.part[i] = vmaxq_f32(a.part[i], b.part[i]);
        return a;
    }
    static Floats prelu(Floats a, Floats slope) {
        for (int i = 0; i < 4; ++i) {
            const uint32x4_t negative = vcltq_f32(a.part[i], vdupq_n_f32(0));
            a.part[i] = vbslq_f32(negative, vmulq_f32(a.part[i], slope.part[i]), a.part[i]);
        }
        return a;
    }
    static float sum(Floats a) {
        return vaddvq_f32(
            vaddq_f32(vaddq_f32(a.part[0], a.part[1]), vaddq_f32(a.part[2], a.part[3])));
    }

    static float32x4_t load4(const float* p) { return vld1q_f32(p); }
    static float32x4_t load3(const uint8_t* p) {
        const uint32_t pixel = p[0] | p[1] << 8 | p[2] << 16;
        const uint16x8_t channels = vmovl_u8(vcreate_u8(pixel));
        return vcvtq_f32_u32(vmovl_u16(vget_low_u16(channels)));
    }
    static void store4(float* p, float32x4_t a) { vst1q_f32(p, a); }
    static float32x4_t add4(float32x4_t a, float32x4_t b) { return vaddq_f32(a, b); }
    static float32x4_t subtract4(float32x4_t a, float32x4_t b) { return vsubq_f32(a, b); }
    static float32x4_t multiply4(float32x4_t a, float b) { return vmulq_n_f32(a, b); }
    static float32x4_t multiply_add4(float32x4_t a, float b, float32x4_t c) {
        return vfmaq_n_f32(c, a, b);
    }
};

#ifdef __ARM_FEATURE_DOTPROD
struct NeonDot : Neon {
    struct Ints {
        int32x4_t part[4];
    };
    using Value = int8_t;
    static constexpr Element kElement = Element::kInt8;
    static constexpr int kGroup = 4;
    static constexpr float kPixelScale = 1, kPixelZero = -128;
    static constexpr int kPooledPixels = 1, kScreenPixels = 6, kLogitPixels = 3;

    using Neon::max;
    static Ints zero() {
        const int32x4_t four = vdupq_n_s32(0);
        return {{four, four, four, four}};
    }
    static Ints load_weights(const Value* p) {
        Ints weights;
        for (int i = 0; i < 4; ++i) weights.part[i] = vreinterpretq_s32_s8(vld1q_s8(p + 16 * i));
        return weights;
    }
    static Ints broadcast_group(const Value* p) {
        int32_t group;
        std::memcpy(&group, p, sizeof group);
        const int32x4_t four = vdupq_n_s32(group);
        return {{four, four, four, four}};
    }
    static Ints dot(Ints sum, Ints a, Ints b) {
        for (int i = 0; i < 4; ++i)
            sum.part[i] = vdotq_s32(sum.part[i], vreinterpretq_s8_s32(a.part[i]),
                                    vreinterpretq_s8_s32(b.part[i]));
        return sum;
    }
    static Ints max(Ints a, Ints b) {
        for (int i = 0; i < 4; ++i) a.part[i] = vmaxq_s32(a.part[i], b.part[i]);
        return a;
    }
    static Ints min(Ints a, Ints b) {
        for (int i = 0; i < 4; ++i) a.part[i] = vminq_s32(a.part[i], b.part[i]);
        return a;
    }
    static Floats to_floats(Ints a) {
        return {{vcvtq_f32_s32(a.part[0]), vcvtq_f32_s32(a.part[1]), vcvtq_f32_s32(a.part[2]),
                 vcvtq_f32_s32(a.part[3])}};
    }
    static void store_rounded(Value* p, Floats a) {
        int16x4_t quarter[4];
        for (int i = 0; i < 4; ++i) quarter[i] = vqmovn_s32(vcvtnq_s32_f32(a.part[i]));
        const int8x8_t low = vqmovn_s16(vcombine_s16(quarter[0], quarter[1]));
        const int8x8_t high = vqmovn_s16(vcombine_s16(quarter[2], quarter[3]));
        vst1q_s8(p, vcombine_s8(low, high));
    }
};
#endif

}  // namespace facedetect

// No particular instruction set: loops that compilers vectorise for the target.

#pragma once

#include <algorithm>

#include "kernels.h"

namespace facedetect {

struct Plain {
    struct Floats {
        float lane[kBlock];
    };
    struct Four {
        float lane[4];
    };
    static constexpr int kTileBlocks = 1, kTilePixels = 2;

    template <class Function>
    static Floats each(Function function) {
        Floats result;
        for (int i = 0; i < kBlock; ++i) result.lane[i] = function(i);
        return result;
    }
    static Floats load(const float* p) {
        return each([&](int i) { return p[i]; });
    }
    static Floats load(const uint8_t* p) {
        return each([&](int i) { return static_cast<float>(p[i]); });
    }
    static void store(float* p, const Floats& a) { std::copy_n(a.lane, kBlock, p); }
    static Floats broadcast(float a) {
        return each([&](int) { return a; });
    }
    static Floats add(const Floats& a, const Floats& b) {
        return each([&](int i) { return a.lane[i] + b.lane[i]; });
    }
    static Floats subtract(const Floats& a, const Floats& b) {
        return each([&](int i) { return a.lane[i] - b.lane[i]; });
    }
    static Floats multiply_add(const Floats& a, const Floats& b, const Floats& c) {
        return each([&](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
    }
    static Floats max(const Floats& a, const Floats& b) {
        return each([&](int i) { return std::max(a.lane[i], b.lane[i]); });
    }
    static Floats prelu(const Floats& a, const Floats& slope) {
        return each([&](int i) { return a.lane[i] < 0 ? a.lane[i] * slope.lane[i] : a.lane[i]; });
    }

    static Four load4(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
    static Four load3(const uint8_t* p) {
        return {{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]), 0}};
    }
    static void store4(float* p, const Four& a) { std::copy_n(a.lane, 4, p); }
    static Four add4(Four a, const Four& b) {
        for (int i = 0; i < 4; ++i) a.lane[i] += b.lane[i];
        return a;
    }
    static Four subtract4(Four a, const Four& b) {
        for (int i = 0; i < 4; ++i) a.lane[i] -= b.lane[i];
        return a;
    }
    static Four multiply4(Four a, float b) {
        for (float& lane : a.lane) lane *= b;
        return a;
    }
    static Four multiply_add4(const Four& a, float b, Four c) {
        for (int i = 0; i < 4; ++i) c.lane[i] += a.lane[i] * b;
        return c;
    }
};

}  // namespace facedetect

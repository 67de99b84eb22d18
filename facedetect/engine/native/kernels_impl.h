// The kernels as templates over a set of SIMD operations; a kernels_*.cpp file instantiates them.
//
// A SIMD set S has kBlock channels in one value of S::Floats (float32) or S::Ints (int32), however
// many registers that takes. Tiles are sized so that their sums stay in registers.

#pragma once

#include <algorithm>

#include "kernels.h"

namespace facedetect {

template <class S>
struct FloatKernels {
    using Floats = typename S::Floats;

    template <int kBlocks, int kPixels>
    static void conv_tile(const float* const* rows, int stride, const Layer& layer, int x,
                          int channel, float* out, int out_stride) {
        const int depth = layer.side * layer.side * layer.inputs * kBlock;
        const float* weights = layer.weights + channel / kBlock * depth;
        Floats sums[kPixels][kBlocks];
        for (int p = 0; p < kPixels; ++p)
            for (int b = 0; b < kBlocks; ++b)
                sums[p][b] =
                    layer.bias ? S::load(layer.bias + channel + b * kBlock) : S::broadcast(0);
        for (int ky = 0; ky < layer.side; ++ky) {
            for (int kx = 0; kx < layer.side; ++kx) {
                const float* in = rows[ky] + (x + kx) * stride;
                for (int c = 0; c < layer.inputs; ++c, weights += kBlock) {
                    Floats w[kBlocks];
                    for (int b = 0; b < kBlocks; ++b) w[b] = S::load(weights + b * depth);
                    for (int p = 0; p < kPixels; ++p) {
                        const Floats value = S::broadcast(in[p * stride + c]);
                        for (int b = 0; b < kBlocks; ++b)
                            sums[p][b] = S::multiply_add(value, w[b], sums[p][b]);
                    }
                }
            }
        }
        for (int b = 0; b < kBlocks; ++b) {
            const int first = channel + b * kBlock;
            for (int p = 0; p < kPixels; ++p) {
                Floats y = sums[p][b];
                if (layer.slope) y = S::prelu(y, S::load(layer.slope + first));
                S::store(out + (x + p) * out_stride + first, y);
            }
        }
    }

    // Tiles of equal width; the last one is moved back so that it ends at `count`.
    template <int kBlocks, int kPixels>
    static void conv_tiles(const float* const* rows, int stride, const Layer& layer, int count,
                           int channel, float* out, int out_stride) {
        for (int x = 0; x < count; x += kPixels)
            conv_tile<kBlocks, kPixels>(rows, stride, layer, std::min(x, count - kPixels), channel,
                                        out, out_stride);
    }

    // A tile of three blocks has as many sums as one of two with kTilePixels.
    static constexpr int widest_tile(int blocks) {
        return blocks == 3 ? S::kTilePixels * 2 / 3 : S::kTilePixels;
    }

    // The widest tile that wastes the least: `count` pixels in as few tiles as registers allow.
    template <int kBlocks, int kPixels = widest_tile(kBlocks)>
    static void conv_blocks(const float* const* rows, int stride, const Layer& layer, int count,
                            int channel, float* out, int out_stride) {
        constexpr int kWidest = widest_tile(kBlocks);
        const int tiles = (count + kWidest - 1) / kWidest;
        const int width = (count + tiles - 1) / tiles;
        if constexpr (kPixels > 1) {
            if (width < kPixels) {
                conv_blocks<kBlocks, kPixels - 1>(rows, stride, layer, count, channel, out,
                                                  out_stride);
                return;
            }
        }
        conv_tiles<kBlocks, kPixels>(rows, stride, layer, count, channel, out, out_stride);
    }

    // Two blocks at a time where registers allow, three at the end of an odd number.
    static void conv_row(const float* const* rows, int stride, const Layer& layer, int count,
                         float* out, int out_stride) {
        int channel = 0;
        if constexpr (S::kTileBlocks == 3) {
            for (; channel + 2 * kBlock <= layer.outputs; channel += 2 * kBlock) {
                if (channel + 3 * kBlock == layer.outputs)
                    return conv_blocks<3>(rows, stride, layer, count, channel, out, out_stride);
                conv_blocks<2>(rows, stride, layer, count, channel, out, out_stride);
            }
        }
        for (; channel < layer.outputs; channel += kBlock)
            conv_blocks<1>(rows, stride, layer, count, channel, out, out_stride);
    }

    // B^T d for Winograd's points 0, 1, -1, -1/2 and infinity.
    static void transform_input(const Floats (&d)[5], Floats (&v)[5]) {
        const Floats half = S::broadcast(0.5F), difference = S::subtract(d[3], d[1]);
        v[0] = S::multiply_add(S::subtract(d[2], d[0]), half, difference);
        v[1] = S::multiply_add(d[2], S::broadcast(1.5F), S::multiply_add(d[1], half, d[3]));
        v[2] = S::multiply_add(S::add(d[1], d[2]), S::broadcast(-0.5F), d[3]);
        v[3] = difference;
        v[4] = S::multiply_add(difference, half, S::subtract(d[4], d[2]));
    }

    // A^T m for the same points.
    static void transform_output(const Floats (&m)[5], Floats (&y)[3]) {
        const Floats sum = S::add(m[1], m[2]);
        y[0] = S::add(S::add(m[0], sum), m[3]);
        y[1] = S::multiply_add(m[3], S::broadcast(-0.5F), S::subtract(m[1], m[2]));
        y[2] = S::add(S::multiply_add(m[3], S::broadcast(0.25F), sum), m[4]);
    }

    static void winograd_input(const float* in, int row_stride, int channels, float* out,
                               int out_stride) {
        for (int c = 0; c < channels; c += kBlock) {
            Floats by_column[5][5];
            for (int x = 0; x < 5; ++x) {
                Floats column[5];
                for (int y = 0; y < 5; ++y)
                    column[y] = S::load(in + y * row_stride + x * channels + c);
                transform_input(column, by_column[x]);
            }
            for (int y = 0; y < 5; ++y) {
                Floats row[5], values[5];
                for (int x = 0; x < 5; ++x) row[x] = by_column[x][y];
                transform_input(row, values);
                for (int x = 0; x < 5; ++x) S::store(out + (5 * y + x) * out_stride + c, values[x]);
            }
        }
    }

    static void winograd_output(const float* in, int in_stride, const Layer& layer, float* out,
                                int row_stride, int out_stride) {
        for (int c = 0; c < layer.outputs; c += kBlock) {
            const Floats bias = S::load(layer.bias + c);
            Floats by_column[5][3];
            for (int x = 0; x < 5; ++x) {
                Floats column[5];
                for (int y = 0; y < 5; ++y) column[y] = S::load(in + (5 * y + x) * in_stride + c);
                transform_output(column, by_column[x]);
            }
            for (int y = 0; y < 3; ++y) {
                Floats row[5], values[3];
                for (int x = 0; x < 5; ++x) row[x] = by_column[x][y];
                transform_output(row, values);
                for (int x = 0; x < 3; ++x) {
                    Floats value = S::add(values[x], bias);
                    if (layer.slope) value = S::prelu(value, S::load(layer.slope + c));
                    S::store(out + y * row_stride + x * out_stride + c, value);
                }
            }
        }
    }

    // Neighbouring windows of 3 share a column, whose maximum is kept.
    static void max_pool_row(const float* const* rows, int row_count, int window, int in_width,
                             int out_width, int channels, float* out) {
        for (int c = 0; c < channels; c += kBlock) {
            const auto column = [&](int x) {
                Floats best = S::load(rows[0] + x * channels + c);
                for (int y = 1; y < row_count; ++y)
                    best = S::max(best, S::load(rows[y] + x * channels + c));
                return best;
            };
            Floats latest = column(0);
            for (int x = 0; x < out_width; ++x) {
                const int first = 2 * x, last = std::min(first + window, in_width);
                if (window == 2 && x > 0) latest = column(first);
                Floats best = latest;
                for (int i = first + 1; i < last; ++i) {
                    latest = column(i);
                    best = S::max(best, latest);
                }
                S::store(out + x * channels + c, best);
            }
        }
    }

    template <class T>
    static void blend(const T* const* rows, const float* weights, int taps, int count, float* out) {
        for (int x = 0; x < count; x += kBlock) {
            // Moved back at the end: there is nothing to read after an image's last row.
            const int i = std::max(std::min(x, count - kBlock), 0);
            Floats sum = S::broadcast(0);
            for (int t = 0; t < taps; ++t)
                sum = S::multiply_add(S::broadcast(weights[t]), S::load(rows[t] + i), sum);
            S::store(out + i, sum);
        }
    }

    // Four channels at a time: the fourth is the next pixel's and is overwritten by it.
    template <int kTaps>
    static void resample(const float* row, const Axis& axis, float* out) {
        const int taps = kTaps > 0 ? kTaps : axis.taps;
        const float* weights = axis.weights;
        for (int x = 0; x < axis.size; ++x, weights += taps) {
            const float* in = row + 3 * axis.first[x];
            auto sum = S::multiply4(S::load4(in), weights[0]);
            for (int t = 1; t < taps; ++t)
                sum = S::multiply_add4(S::load4(in + 3 * t), weights[t], sum);
            S::store4(out + 3 * x, sum);
        }
    }

    template <class Four>
    static Four between(Four a, Four b, float share) {
        return S::add4(a, S::multiply4(S::subtract4(b, a), share));
    }

    static void crop_row(const uint8_t* top, const uint8_t* bottom, float share_of_bottom,
                         const Sample* samples, int count, float* out) {
        for (int i = 0; i < count; ++i, out += 3) {
            const int low = 3 * samples[i].low, high = 3 * samples[i].high;
            const float share = samples[i].share;
            const auto above = between(S::load3(top + low), S::load3(top + high), share);
            const auto below = between(S::load3(bottom + low), S::load3(bottom + high), share);
            S::store4(out, between(above, below, share_of_bottom));
        }
    }

    static void resample_row(const float* row, const Axis& axis, float* out) {
        switch (axis.taps) {
            case 1:
                return resample<1>(row, axis, out);
            case 2:
                return resample<2>(row, axis, out);
            case 3:
                return resample<3>(row, axis, out);
            default:
                return resample<0>(row, axis, out);
        }
    }
};

template <class S>
struct ScreeningKernels {
    using Floats = typename S::Floats;
    using Ints = typename S::Ints;
    using Value = typename S::Value;

    // Add the products of one tile of a convolution to `sums`.
    template <int kBlocks, int kPixels>
    static void add_products(const void* const* rows, const ScreeningLayer& layer, int x,
                             Ints (&sums)[kPixels][kBlocks]) {
        const int depth = 3 * layer.groups * kBlock * S::kGroup;
        const Value* weights = static_cast<const Value*>(layer.weights);
        for (int ky = 0; ky < 3; ++ky) {
            const Value* in = static_cast<const Value*>(rows[ky]) + x * layer.stride;
            for (int g = 0; g < layer.groups; ++g, in += S::kGroup, weights += kBlock * S::kGroup) {
                Ints w[kBlocks];
                for (int b = 0; b < kBlocks; ++b) w[b] = S::load_weights(weights + b * depth);
                for (int p = 0; p < kPixels; ++p) {
                    const Ints value = S::broadcast_group(in + p * layer.stride);
                    for (int b = 0; b < kBlocks; ++b) sums[p][b] = S::dot(sums[p][b], value, w[b]);
                }
            }
        }
    }

    static Floats activation(const ScreeningLayer& layer, int block, Ints sum) {
        const int c = block * kBlock;
        const Floats y =
            S::multiply_add(S::to_floats(sum), S::load(layer.scale + c), S::load(layer.bias + c));
        return S::prelu(y, S::load(layer.slope + c));
    }

    static void store(const ScreeningLayer& layer, Floats y, Value* out) {
        S::store_rounded(out,
                         S::multiply_add(y, S::load(layer.out_scale), S::load(layer.out_zero)));
    }

    static void to_elements(const float* pixels, int count, void* out) {
        for (int i = 0; i < count; i += kBlock)
            S::store_rounded(static_cast<Value*>(out) + i,
                             S::multiply_add(S::load(pixels + i), S::broadcast(S::kPixelScale),
                                             S::broadcast(S::kPixelZero)));
    }

    // PReLU of the largest sum is not always the largest PReLU: a slope may be negative.
    static void screen_pool_row(const void* const* rows, const ScreeningLayer& layer, int count,
                                void* out, int out_stride) {
        constexpr int kPooled = S::kPooledPixels;
        for (int x = 0; x < count; x += kPooled) {
            Ints upper[2 * kPooled][1], lower[2 * kPooled][1];
            for (int p = 0; p < 2 * kPooled; ++p) upper[p][0] = lower[p][0] = S::zero();
            add_products<1, 2 * kPooled>(rows, layer, 2 * x, upper);
            add_products<1, 2 * kPooled>(rows + 1, layer, 2 * x, lower);
            for (int p = 0; p < kPooled; ++p) {
                const Ints a = upper[2 * p][0], b = upper[2 * p + 1][0];
                const Ints c = lower[2 * p][0], d = lower[2 * p + 1][0];
                const Ints largest = S::max(S::max(a, b), S::max(c, d));
                const Ints smallest = S::min(S::min(a, b), S::min(c, d));
                store(layer, S::max(activation(layer, 0, largest), activation(layer, 0, smallest)),
                      static_cast<Value*>(out) + (x + p) * out_stride);
            }
        }
    }

    static void screen_row(const void* const* rows, const ScreeningLayer& layer, int count,
                           void* out, int out_stride) {
        constexpr int kPixels = S::kScreenPixels;
        for (int x = 0; x < count; x += kPixels) {
            Ints sums[kPixels][1];
            for (int p = 0; p < kPixels; ++p) sums[p][0] = S::zero();
            add_products<1, kPixels>(rows, layer, x, sums);
            for (int p = 0; p < kPixels; ++p)
                store(layer, activation(layer, 0, sums[p][0]),
                      static_cast<Value*>(out) + (x + p) * out_stride);
        }
    }

    static void screen_logits(const void* const* rows, const ScreeningLayer& layer,
                              const float* head, float head_bias, int count, float* logits) {
        constexpr int kPixels = S::kLogitPixels;
        const Floats head0 = S::load(head), head1 = S::load(head + kBlock);
        for (int x = 0; x < count; x += kPixels) {
            Ints sums[kPixels][2];
            for (int p = 0; p < kPixels; ++p) sums[p][0] = sums[p][1] = S::zero();
            add_products<2, kPixels>(rows, layer, x, sums);
            for (int p = 0; p < kPixels; ++p) {
                const Floats y0 = activation(layer, 0, sums[p][0]);
                const Floats y1 = activation(layer, 1, sums[p][1]);
                logits[x + p] =
                    head_bias + S::sum(S::multiply_add(y0, head0, S::multiply(y1, head1)));
            }
        }
    }
};

template <class S>
constexpr Kernels float_kernels(const char* name) {
    using F = FloatKernels<S>;
    Kernels kernels{};
    kernels.name = name;
    kernels.element = Element::kNone;
    kernels.conv_row = F::conv_row;
    kernels.winograd_input = F::winograd_input;
    kernels.winograd_output = F::winograd_output;
    kernels.max_pool_row = F::max_pool_row;
    kernels.blend_bytes = F::template blend<uint8_t>;
    kernels.blend_floats = F::template blend<float>;
    kernels.resample_row = F::resample_row;
    kernels.crop_row = F::crop_row;
    return kernels;
}

template <class S>
constexpr Kernels screening_kernels(const char* name) {
    using Screening = ScreeningKernels<S>;
    Kernels kernels = float_kernels<S>(name);
    kernels.element = S::kElement;
    kernels.to_elements = Screening::to_elements;
    kernels.screen_pool_row = Screening::screen_pool_row;
    kernels.screen_row = Screening::screen_row;
    kernels.screen_logits = Screening::screen_logits;
    return kernels;
}

}  // namespace facedetect

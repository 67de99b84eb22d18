// Every kernel of every instruction set against loops that do the same the plain way.
//
// Prints a line for each failure; the exit status tells whether there was one.

#include "kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "dispatch.h"

namespace facedetect {
namespace {

int failures = 0;
std::mt19937 random_bits(7);

float random_float(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(random_bits);
}

int random_int(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random_bits);
}

std::vector<float> random_floats(int count, float low = -1, float high = 1) {
    std::vector<float> values(static_cast<size_t>(count + kSlack));
    for (float& value : values) value = random_float(low, high);
    return values;
}

// Values that kernels must not change, behind those that they write.
constexpr float kUntouched = 12345;

void expect_near(const Kernels& kernels, const std::string& what, double found, double expected,
                 double tolerance) {
    if (std::abs(found - expected) <= tolerance) return;
    if (++failures < 30)
        std::printf("%s %s: %g, expected %g\n", kernels.name, what.c_str(), found, expected);
}

double prelu(double y, double slope) { return y < 0 ? y * slope : y; }

void test_conv_row(const Kernels& kernels, int side, int inputs, int outputs, int count) {
    const int stride = inputs + 3, width = count + side - 1;
    const std::vector<float> in = random_floats(side * width * stride);
    const std::vector<float> weights = random_floats(outputs * side * side * inputs);
    const std::vector<float> bias = random_floats(outputs), slope = random_floats(outputs, -2, 2);
    const Layer layer{weights.data(),
                      count % 3 ? bias.data() : nullptr,
                      count % 2 ? slope.data() : nullptr,
                      side,
                      inputs,
                      outputs,
                      false};
    std::vector<const float*> rows;
    for (int y = 0; y < side; ++y) rows.push_back(in.data() + y * width * stride);
    const int out_stride = outputs + kBlock;
    std::vector<float> out(static_cast<size_t>(count * out_stride), kUntouched);
    kernels.conv_row(rows.data(), stride, layer, count, out.data(), out_stride);
    for (int x = 0; x < count; ++x) {
        for (int c = 0; c < out_stride; ++c) {
            double expected = kUntouched;
            if (c < outputs) {
                expected = layer.bias ? layer.bias[c] : 0;
                const float* w = weights.data() + c / kBlock * side * side * inputs * kBlock;
                for (int ky = 0; ky < side; ++ky)
                    for (int k = 0; k < side; ++k)
                        for (int i = 0; i < inputs; ++i, w += kBlock)
                            expected += static_cast<double>(w[c % kBlock]) *
                                        static_cast<double>(
                                            rows[static_cast<size_t>(ky)][(x + k) * stride + i]);
                if (layer.slope) expected = prelu(expected, slope[static_cast<size_t>(c)]);
            }
            expect_near(kernels, "conv_row", out[static_cast<size_t>(x * out_stride + c)], expected,
                        1e-3);
        }
    }
}

// What Winograd's algorithm does to a kernel k(0), k(1), k(2) for the points 0, 1, -1, -1/2 and
// infinity, in one dimension.
constexpr double kKernelTransform[kTileInput][3] = {
    {-2, 0, 0}, {1.0 / 3, 1.0 / 3, 1.0 / 3}, {-1, 1, -1}, {8.0 / 3, -4.0 / 3, 2.0 / 3}, {0, 0, 1}};

// Each channel is convolved with a kernel of its own: a product for each transformed value.
void test_winograd(const Kernels& kernels, int blocks, bool has_slope) {
    const int channels = blocks * kBlock, gap = kBlock;
    const int in_row = (kTileInput + 1) * channels, out_pixel = channels + gap;
    const int out_row = (kTileSide + 1) * out_pixel, step = channels + gap;
    const std::vector<float> in = random_floats(kTileInput * in_row);
    const std::vector<float> kernel = random_floats(9 * channels), bias = random_floats(channels);
    const std::vector<float> slope = random_floats(channels, -2, 2);
    std::vector<float> values(static_cast<size_t>(kTileValues * step));
    kernels.winograd_input(in.data(), in_row, channels, values.data(), step);
    for (int i = 0; i < kTileValues; ++i)
        for (int c = 0; c < channels; ++c) {
            double weight = 0;
            for (int k = 0; k < 9; ++k)
                weight += kKernelTransform[i / kTileInput][k / 3] *
                          kKernelTransform[i % kTileInput][k % 3] *
                          static_cast<double>(kernel[static_cast<size_t>(k * channels + c)]);
            values[static_cast<size_t>(i * step + c)] *= static_cast<float>(weight);
        }
    const Layer layer{nullptr,  bias.data(), has_slope ? slope.data() : nullptr, 3, channels,
                      channels, true};
    std::vector<float> out(static_cast<size_t>(kTileSide * out_row), kUntouched);
    kernels.winograd_output(values.data(), step, layer, out.data(), out_row, out_pixel);
    for (int y = 0; y < kTileSide; ++y)
        for (int i = 0; i < out_row; ++i) {
            const int x = i / out_pixel, c = i % out_pixel;
            double expected = kUntouched;
            if (x < kTileSide && c < channels) {
                expected = static_cast<double>(bias[static_cast<size_t>(c)]);
                for (int k = 0; k < 9; ++k)
                    expected += static_cast<double>(kernel[static_cast<size_t>(k * channels + c)]) *
                                static_cast<double>(in[static_cast<size_t>(
                                    (y + k / 3) * in_row + (x + k % 3) * channels + c)]);
                if (has_slope)
                    expected = prelu(expected, static_cast<double>(slope[static_cast<size_t>(c)]));
            }
            expect_near(kernels, "winograd", out[static_cast<size_t>(y * out_row + i)], expected,
                        1e-4);
        }
}

void test_max_pool_row(const Kernels& kernels, int window, int in_width, int row_count) {
    const int channels = 2 * kBlock, out_width = (in_width - window + 1) / 2 + 1;
    std::vector<std::vector<float>> values;
    std::vector<const float*> rows;
    for (int y = 0; y < row_count; ++y) values.push_back(random_floats(in_width * channels));
    for (const auto& row : values) rows.push_back(row.data());
    std::vector<float> out(static_cast<size_t>(out_width * channels));
    kernels.max_pool_row(rows.data(), row_count, window, in_width, out_width, channels, out.data());
    for (int x = 0; x < out_width; ++x)
        for (int c = 0; c < channels; ++c) {
            float expected = -std::numeric_limits<float>::infinity();
            for (int y = 0; y < row_count; ++y)
                for (int i = 2 * x; i < std::min(2 * x + window, in_width); ++i)
                    expected = std::max(expected, rows[static_cast<size_t>(y)][i * channels + c]);
            expect_near(kernels, "max_pool_row", out[static_cast<size_t>(x * channels + c)],
                        expected, 0);
        }
}

void test_blend(const Kernels& kernels, int taps, int count) {
    std::vector<std::vector<float>> floats;
    std::vector<std::vector<uint8_t>> bytes;
    std::vector<const float*> float_rows;
    std::vector<const uint8_t*> byte_rows;
    for (int t = 0; t < taps; ++t) {
        floats.push_back(random_floats(count, 0, 255));
        // As long as the row: sanitizers see what is read behind it.
        bytes.emplace_back(static_cast<size_t>(std::max(count, kBlock)));
        for (uint8_t& byte : bytes.back()) byte = static_cast<uint8_t>(random_int(0, 255));
    }
    for (int t = 0; t < taps; ++t) {
        float_rows.push_back(floats[static_cast<size_t>(t)].data());
        byte_rows.push_back(bytes[static_cast<size_t>(t)].data());
    }
    const std::vector<float> weights = random_floats(taps, 0, 1);
    std::vector<float> out(static_cast<size_t>(count + kSlack)), out_bytes(out.size());
    kernels.blend_floats(float_rows.data(), weights.data(), taps, count, out.data());
    kernels.blend_bytes(byte_rows.data(), weights.data(), taps, count, out_bytes.data());
    for (int i = 0; i < count; ++i) {
        double expected = 0, expected_bytes = 0;
        for (int t = 0; t < taps; ++t) {
            const double weight = weights[static_cast<size_t>(t)];
            expected += weight * static_cast<double>(float_rows[static_cast<size_t>(t)][i]);
            expected_bytes += weight * byte_rows[static_cast<size_t>(t)][i];
        }
        expect_near(kernels, "blend_floats", out[static_cast<size_t>(i)], expected, 1e-3);
        expect_near(kernels, "blend_bytes", out_bytes[static_cast<size_t>(i)], expected_bytes,
                    1e-3);
    }
}

void test_resample_row(const Kernels& kernels, int taps, int size) {
    const int in_width = size + taps;
    const std::vector<float> row = random_floats(3 * in_width, 0, 255);
    const std::vector<float> weights = random_floats(size * taps, 0, 1);
    std::vector<int> first;
    for (int x = 0; x < size; ++x) first.push_back(random_int(0, in_width - taps));
    std::vector<float> out(static_cast<size_t>(3 * size + kSlack));
    kernels.resample_row(row.data(), {size, taps, first.data(), weights.data()}, out.data());
    for (int x = 0; x < size; ++x)
        for (int c = 0; c < 3; ++c) {
            double expected = 0;
            for (int t = 0; t < taps; ++t)
                expected += static_cast<double>(weights[static_cast<size_t>(x * taps + t)]) *
                            row[static_cast<size_t>(3 * (first[static_cast<size_t>(x)] + t) + c)];
            expect_near(kernels, "resample_row", out[static_cast<size_t>(3 * x + c)], expected,
                        1e-3);
        }
}

void test_crop_row(const Kernels& kernels, int count) {
    const int width = 2 * count + 1;
    // As long as the row: sanitizers see what is read behind it.
    std::vector<uint8_t> top(static_cast<size_t>(3 * width)), bottom(top.size());
    for (uint8_t& byte : top) byte = static_cast<uint8_t>(random_int(0, 255));
    for (uint8_t& byte : bottom) byte = static_cast<uint8_t>(random_int(0, 255));
    std::vector<Sample> samples;
    for (int i = 0; i < count; ++i) {
        const int low = i + 1 == count ? width - 1 : random_int(0, width - 2);
        samples.push_back({low, std::min(low + i % 2, width - 1), random_float(0, 1)});
    }
    const float share = random_float(0, 1);
    std::vector<float> out(static_cast<size_t>(3 * count + 2), kUntouched);
    kernels.crop_row(top.data(), bottom.data(), share, samples.data(), count, out.data());
    // Exactly these operations decide which pixels the nets see.
    const auto between = [](float a, float b, float part) {
        const float difference = b - a;
        const float moved = difference * part;
        return a + moved;
    };
    for (int i = 0; i < 3 * count; ++i) {
        const Sample& sample = samples[static_cast<size_t>(i / 3)];
        const size_t low = static_cast<size_t>(3 * sample.low + i % 3);
        const size_t high = static_cast<size_t>(3 * sample.high + i % 3);
        const float above = between(top[low], top[high], sample.share);
        const float below = between(bottom[low], bottom[high], sample.share);
        expect_near(kernels, "crop_row", out[static_cast<size_t>(i)], between(above, below, share),
                    0);
    }
    expect_near(kernels, "crop_row's end", out.back(), kUntouched, 0);
}

// How a set stores the values of its screening net.
struct Storage {
    int low, high, weight_limit, group, bytes;
    bool is_signed;
    int pixel_scale;

    int get(const void* values, int index) const {
        if (bytes == 2) return static_cast<const int16_t*>(values)[index];
        return is_signed ? static_cast<const int8_t*>(values)[index]
                         : static_cast<const uint8_t*>(values)[index];
    }
    void put(void* values, int index, int value) const {
        if (bytes == 2)
            static_cast<int16_t*>(values)[index] = static_cast<int16_t>(value);
        else
            static_cast<uint8_t*>(values)[index] = static_cast<uint8_t>(value);
    }
};

Storage storage_of(Element element) {
    switch (element) {
        case Element::kInt16:
            return {0, 4095, 2047, 2, 2, true, 16};
        case Element::kInt8:
            return {-128, 127, 127, 4, 1, true, 1};
        default:
            return {0, 255, 127, 4, 1, false, 1};
    }
}

// A screening layer with random weights, over random rows.
class ScreeningCase {
  public:
    ScreeningCase(const Kernels& kernels, int row_count, int stride, int window_values, int outputs,
                  int width)
        : storage_(storage_of(kernels.element)),
          groups_((window_values + storage_.group - 1) / storage_.group),
          weights_(static_cast<size_t>(outputs * 3 * groups_ * storage_.group * storage_.bytes)),
          scale_(random_floats(outputs, 1e-5F, 2e-5F)),
          bias_(random_floats(outputs)),
          slope_(random_floats(outputs, -2, 2)),
          out_scale_(random_floats(outputs, steps() / 10, steps() / 6)),
          out_zero_(random_floats(outputs, low() + steps() / 5, low() + steps() / 3)) {
        for (int i = 0; i < outputs * 3 * groups_ * storage_.group; ++i) {
            const int limit = storage_.weight_limit;
            // Weights are signed whatever the values are.
            const int weight = random_int(-limit, limit);
            if (storage_.bytes == 2)
                reinterpret_cast<int16_t*>(weights_.data())[i] = static_cast<int16_t>(weight);
            else
                weights_[static_cast<size_t>(i)] = static_cast<int8_t>(weight);
        }
        for (int y = 0; y < row_count; ++y) {
            values_.emplace_back(
                static_cast<size_t>((width * stride + 2 * kSlack) * storage_.bytes));
            for (int i = 0; i < width * stride; ++i)
                storage_.put(values_.back().data(), i, random_int(storage_.low, storage_.high));
        }
        for (const auto& row : values_) rows.push_back(row.data());
        layer = {weights_.data(), scale_.data(), bias_.data(),      slope_.data(),
                 stride,          groups_,       out_scale_.data(), out_zero_.data()};
    }

    float low() const { return static_cast<float>(storage_.low); }
    float steps() const { return static_cast<float>(storage_.high - storage_.low); }

    double sum(int y, int x, int c) const {
        const int block_values = 3 * groups_ * kBlock * storage_.group;
        double sum = 0;
        for (int ky = 0; ky < 3; ++ky)
            for (int i = 0; i < groups_ * storage_.group; ++i) {
                const int index =
                    c / kBlock * block_values +
                    ((ky * groups_ + i / storage_.group) * kBlock + c % kBlock) * storage_.group +
                    i % storage_.group;
                const int weight = storage_.bytes == 2
                                       ? reinterpret_cast<const int16_t*>(weights_.data())[index]
                                       : weights_[static_cast<size_t>(index)];
                sum += static_cast<double>(weight) *
                       storage_.get(rows[static_cast<size_t>(y + ky)], x * layer.stride + i);
            }
        return sum;
    }

    double activation(double sum, int c) const {
        const size_t i = static_cast<size_t>(c);
        return prelu(sum * static_cast<double>(scale_[i]) + static_cast<double>(bias_[i]),
                     static_cast<double>(slope_[i]));
    }

    double stored(double y, int c) const {
        const double exact =
            y * static_cast<double>(layer.out_scale[c]) + static_cast<double>(layer.out_zero[c]);
        return std::clamp(exact, static_cast<double>(storage_.low),
                          static_cast<double>(storage_.high));
    }

    int get(const std::vector<uint8_t>& out, int index) const {
        return storage_.get(out.data(), index);
    }

    std::vector<const void*> rows;
    ScreeningLayer layer{};

  private:
    Storage storage_;
    int groups_;
    std::vector<int8_t> weights_;
    std::vector<float> scale_, bias_, slope_, out_scale_, out_zero_;
    std::vector<std::vector<uint8_t>> values_;
};

// Rounding to whole numbers, and float32 for the exact sums.
constexpr double kStored = 0.51;

void test_screen_pool_row(const Kernels& kernels, int count) {
    const ScreeningCase screening(kernels, 4, 3, 9, kBlock, 2 * count + 2);
    std::vector<uint8_t> out(static_cast<size_t>((count * 12 + 2 * kSlack) * 2));
    kernels.screen_pool_row(screening.rows.data(), screening.layer, count, out.data(), 12);
    for (int x = 0; x < count; ++x)
        for (int c = 0; c < 12; ++c) {
            double best = -std::numeric_limits<double>::infinity();
            for (int y = 0; y < 2; ++y)
                for (int i = 2 * x; i < 2 * x + 2; ++i)
                    best = std::max(best, screening.activation(screening.sum(y, i, c), c));
            expect_near(kernels, "screen_pool_row", screening.get(out, x * 12 + c),
                        screening.stored(best, c), kStored);
        }
}

void test_screen_row(const Kernels& kernels, int count) {
    const ScreeningCase screening(kernels, 3, 12, 36, kBlock, count + 2);
    std::vector<uint8_t> out(static_cast<size_t>((count * 16 + 2 * kSlack) * 2));
    kernels.screen_row(screening.rows.data(), screening.layer, count, out.data(), 16);
    for (int x = 0; x < count; ++x)
        for (int c = 0; c < 16; ++c)
            expect_near(kernels, "screen_row", screening.get(out, x * 16 + c),
                        screening.stored(screening.activation(screening.sum(0, x, c), c), c),
                        kStored);
}

void test_screen_logits(const Kernels& kernels, int count) {
    const ScreeningCase screening(kernels, 3, 16, 48, 2 * kBlock, count + 2);
    const std::vector<float> head = random_floats(2 * kBlock);
    std::vector<float> logits(static_cast<size_t>(count + kSlack));
    kernels.screen_logits(screening.rows.data(), screening.layer, head.data(), 0.5F, count,
                          logits.data());
    for (int x = 0; x < count; ++x) {
        double expected = 0.5;
        for (int c = 0; c < 2 * kBlock; ++c)
            expected += static_cast<double>(head[static_cast<size_t>(c)]) *
                        screening.activation(screening.sum(0, x, c), c);
        expect_near(kernels, "screen_logits", logits[static_cast<size_t>(x)], expected, 1e-2);
    }
}

void test_to_elements(const Kernels& kernels, int count) {
    const Storage storage = storage_of(kernels.element);
    const std::vector<float> pixels = random_floats(count, 0, 255);
    std::vector<uint8_t> out(static_cast<size_t>((count + kSlack) * 2));
    kernels.to_elements(pixels.data(), count, out.data());
    for (int i = 0; i < count; ++i)
        expect_near(
            kernels, "to_elements", storage.get(out.data(), i),
            static_cast<double>(pixels[static_cast<size_t>(i)]) * storage.pixel_scale + storage.low,
            kStored);
}

void test(const Kernels& kernels) {
    for (int count = 1; count <= 40; ++count) {
        test_conv_row(kernels, 3, 3, 2 * kBlock, count);
        test_conv_row(kernels, 2, 28, 3 * kBlock, count);
        test_conv_row(kernels, 1, 33, kBlock, count);
        test_winograd(kernels, 1 + count % 3, count % 2);
        test_crop_row(kernels, count);
        test_blend(kernels, 1 + count % 4, 3 * count);
        test_resample_row(kernels, 1 + count % 5, count);
        if (count > 2) {
            test_max_pool_row(kernels, 3, count, 2);
            test_max_pool_row(kernels, 2, count, 2);
        }
        if (kernels.element == Element::kNone) continue;
        test_to_elements(kernels, count);
        test_screen_pool_row(kernels, count);
        test_screen_row(kernels, count);
        test_screen_logits(kernels, count);
    }
    std::printf("%s: tested\n", kernels.name);
}

}  // namespace
}  // namespace facedetect

int main() {
    using namespace facedetect;
#ifdef FACEDETECT_EMULATED
    for (const Kernels* kernels : {&kAvx512Vnni, &kAvxVnni, &kAvx2}) test(*kernels);
#else
    for (const Kernels* kernels : available_kernels()) test(*kernels);
#endif
    std::printf("%d failures\n", failures);
    return failures > 0;
}

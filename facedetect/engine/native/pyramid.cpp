#include "pyramid.h"

#include <algorithm>
#include <cmath>

namespace facedetect {

namespace {

constexpr float kPNetSide = 12;
constexpr int kRowsPerStrip = 32;  // of a halved copy

int level_side(int pixels, float scale, bool rounds_up) {
    const float side = static_cast<float>(pixels) * scale;
    return static_cast<int>(rounds_up ? std::ceil(side) : side);
}

}  // namespace

std::vector<float> pyramid_scales(const Image& image, float min_size, float factor) {
    const float shorter = static_cast<float>(std::min(image.height, image.width));
    std::vector<float> scales;
    // The products are cumulative, in float32: one bit can make a level one pixel larger.
    float scale = kPNetSide / min_size;
    while (shorter * scale > kPNetSide) {
        scales.push_back(scale);
        scale *= factor;
    }
    return scales;
}

// The copy that a level is resized from: each is half of the one before, 0 is the image.
static size_t copy_for(float scale, size_t most) {
    size_t copy = 0;
    while (scale <= 0.5F && copy < most) {
        scale *= 2;
        ++copy;
    }
    return copy;
}

Pyramid::Pyramid(const Kernels& kernels, ThreadPool& pool, const Image& image,
                 const std::vector<float>& scales, bool by_area, bool rounds_up,
                 std::optional<Clock::time_point> deadline) {
    sources_[0] = {image.height, image.width, image.pixels, nullptr};
    for (const float scale : scales) {
        const size_t copy = by_area ? copy_for(scale, kHalvings) : 0;
        for (size_t i = 1; i <= copy; ++i)
            if (!sources_.at(i).floats) halve(kernels, pool, i, deadline);
        const Source& source = sources_.at(copy);
        const int height = level_side(image.height, scale, rounds_up);
        const int width = level_side(image.width, scale, rounds_up);
        const auto table = by_area ? AxisTable::area : AxisTable::bilinear;
        levels_.push_back(
            {scale, &source, table(source.height, height), table(source.width, width)});
    }
}

void Pyramid::halve(const Kernels& kernels, ThreadPool& pool, size_t index,
                    std::optional<Clock::time_point> deadline) {
    const Source& source = sources_.at(index - 1);
    const int height = (source.height + 1) / 2, width = (source.width + 1) / 2;
    const AxisTable rows = AxisTable::bilinear_centered(source.height, height);
    const AxisTable columns = AxisTable::bilinear_centered(source.width, width);
    const size_t row_values = 3 * as_size(width);
    float* copy = (copies_.at(index) = Buffer<float>(as_size(height) * row_values)).data();
    const int strips = (height + kRowsPerStrip - 1) / kRowsPerStrip;
    pool.run(static_cast<size_t>(strips), deadline, [&](Loop& loop) {
        Buffer<float> blended(3 * as_size(source.width)), resized(row_values);
        while (const auto strip = loop.next()) {
            const int first = static_cast<int>(*strip) * kRowsPerStrip;
            for (int y = first; y < std::min(first + kRowsPerStrip, height); ++y) {
                resize_row(kernels, source, rows, columns, y, blended.data(), resized.data());
                std::copy_n(resized.data(), row_values, copy + as_size(y) * row_values);
            }
        }
    });
    sources_.at(index) = {height, width, nullptr, copy};
}

}  // namespace facedetect

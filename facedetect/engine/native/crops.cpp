#include "crops.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "maps.h"

namespace facedetect {

namespace {

constexpr float kNeutral = 127.5F;  // what the nets' normalisation turns into 0
constexpr int kLargestSide = 48;

// The pixels begin..end of a crop's axis are inside the image.
struct CropAxis {
    int begin, end;
    std::array<Sample, kLargestSide> samples;
};

// In the order of TensorFlow's float operations, which decides whether a point is inside.
CropAxis crop_axis(float begin, float end, int pixels, int side) {
    const float last = static_cast<float>(pixels - 1);
    const float step = (end - begin) * last / static_cast<float>(side - 1);
    CropAxis axis{side, 0, {}};
    for (int i = 0; i < side; ++i) {
        const float place = begin * last + static_cast<float>(i) * step;
        const bool is_inside = place >= 0 && place <= last;
        if (!is_inside) continue;
        const float low = std::floor(place);
        axis.samples.at(as_size(i)) = {static_cast<int>(low), static_cast<int>(std::ceil(place)),
                                       place - low};
        axis.begin = std::min(axis.begin, i);
        axis.end = i + 1;
    }
    return axis;
}

// The pixels of a crop's row are far apart, so a processor does not foresee which it will read.
void prefetch(const uint8_t* top, const uint8_t* bottom, const CropAxis& xs) {
    for (int j = xs.begin; j < xs.end; ++j) {
        const int x = 3 * xs.samples.at(as_size(j)).low;
        __builtin_prefetch(top + x);
        __builtin_prefetch(bottom + x);
    }
}

}  // namespace

void cut_crop(const Kernels& kernels, const Image& image, const Box& box, int side, float* out) {
    const CropAxis ys = crop_axis(box.y1, box.y2, image.height, side);
    const CropAxis xs = crop_axis(box.x1, box.x2, image.width, side);
    std::fill_n(out, 3 * side * side, kNeutral);
    if (xs.begin >= xs.end) return;
    const auto row = [&](int y) { return image.pixels + 3 * as_size(y) * as_size(image.width); };
    for (int i = ys.begin; i < ys.end; ++i) {
        const Sample& y = ys.samples.at(as_size(i));
        if (i + 1 < ys.end) {
            const Sample& next = ys.samples.at(as_size(i + 1));
            prefetch(row(next.low), row(next.high), xs);
        }
        const int count = xs.end - xs.begin;
        float* pixels = out + 3 * (i * side + xs.begin);
        kernels.crop_row(row(y.low), row(y.high), y.share, xs.samples.data() + xs.begin, count,
                         pixels);
        pixels[3 * count] = kNeutral;  // the kernel writes one value too many
    }
}

}  // namespace facedetect

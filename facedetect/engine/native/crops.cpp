#include "crops.h"

#include <array>
#include <cmath>

namespace facedetect {

namespace {

constexpr float kNeutral = 127.5F;  // what the nets' normalisation turns into 0
constexpr int kLargestSide = 48;

// Where the pixels along one axis of a crop come from.
struct Sample {
    int low, high;
    float share;  // of the high one
    bool is_inside;
};

using Samples = std::array<Sample, kLargestSide>;

// In the order of TensorFlow's float operations, which decides whether a point is inside.
Samples sample_axis(float begin, float end, int pixels, int side) {
    const float last = static_cast<float>(pixels - 1);
    const float step = (end - begin) * last / static_cast<float>(side - 1);
    Samples samples{};
    for (int i = 0; i < side; ++i) {
        const float place = begin * last + static_cast<float>(i) * step;
        Sample& sample = samples.at(static_cast<size_t>(i));
        sample.is_inside = place >= 0 && place <= last;
        if (!sample.is_inside) continue;
        sample.low = static_cast<int>(std::floor(place));
        sample.high = static_cast<int>(std::ceil(place));
        sample.share = place - static_cast<float>(sample.low);
    }
    return samples;
}

float between(float a, float b, float share) { return a + (b - a) * share; }

}  // namespace

void cut_crop(const Image& image, const Box& box, int side, float* out) {
    const Samples ys = sample_axis(box.y1, box.y2, image.height, side);
    const Samples xs = sample_axis(box.x1, box.x2, image.width, side);
    const size_t row_bytes = 3 * static_cast<size_t>(image.width);
    for (int i = 0; i < side; ++i) {
        const Sample& y = ys.at(static_cast<size_t>(i));
        const uint8_t* top = image.pixels + static_cast<size_t>(y.low) * row_bytes;
        const uint8_t* bottom = image.pixels + static_cast<size_t>(y.high) * row_bytes;
        for (int j = 0; j < side; ++j, out += 3) {
            const Sample& x = xs.at(static_cast<size_t>(j));
            const int left = 3 * x.low, right = 3 * x.high;
            for (int c = 0; c < 3; ++c)
                out[c] =
                    y.is_inside && x.is_inside
                        ? between(between(top[left + c], top[right + c], x.share),
                                  between(bottom[left + c], bottom[right + c], x.share), y.share)
                        : kNeutral;
        }
    }
}

}  // namespace facedetect

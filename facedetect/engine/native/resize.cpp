#include "resize.h"

#include <algorithm>
#include <cmath>

namespace facedetect {

AxisTable::AxisTable(int in, int out, int taps)
    : in_(in),
      taps_(std::min(taps, in)),
      first_(static_cast<size_t>(out)),
      weights_(static_cast<size_t>(out) * static_cast<size_t>(taps_)) {}

void AxisTable::start(int index, int pixel) {
    first_[static_cast<size_t>(index)] = std::clamp(pixel, 0, in_ - taps_);
}

void AxisTable::add(int index, int pixel, float weight) {
    const int tap = std::clamp(pixel, 0, in_ - 1) - first_[static_cast<size_t>(index)];
    weights_[static_cast<size_t>(index) * static_cast<size_t>(taps_) + static_cast<size_t>(tap)] +=
        weight;
}

AxisTable AxisTable::area(int in, int out) {
    const float scale = static_cast<float>(in) / static_cast<float>(out);
    AxisTable table(in, out, static_cast<int>(std::ceil(scale)) + 1);
    for (int i = 0; i < out; ++i) {
        const float begin = static_cast<float>(i) * scale;
        const float end = static_cast<float>(i + 1) * scale;
        const int first = static_cast<int>(std::floor(begin));
        table.start(i, first);
        for (int pixel = first; pixel < static_cast<int>(std::ceil(end)); ++pixel) {
            const float from = std::max(begin, static_cast<float>(pixel));
            const float to = std::min(end, static_cast<float>(pixel + 1));
            table.add(i, pixel, (to - from) / scale);
        }
    }
    return table;
}

AxisTable AxisTable::bilinear(int in, int out) {
    const float scale = static_cast<float>(in) / static_cast<float>(out);
    AxisTable table(in, out, 2);
    for (int i = 0; i < out; ++i) table.interpolate(i, static_cast<float>(i) * scale);
    return table;
}

AxisTable AxisTable::bilinear_centered(int in, int out) {
    const float scale = static_cast<float>(in) / static_cast<float>(out);
    AxisTable table(in, out, 2);
    for (int i = 0; i < out; ++i)
        table.interpolate(i, (static_cast<float>(i) + 0.5F) * scale - 0.5F);
    return table;
}

void AxisTable::interpolate(int index, float place) {
    const float below = std::floor(place);
    const int pixel = static_cast<int>(below);
    start(index, pixel);
    add(index, pixel, 1 - (place - below));
    add(index, pixel + 1, place - below);
}

}  // namespace facedetect

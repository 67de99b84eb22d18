// Resizing images as TensorFlow's ResizeArea and ResizeBilinear do, one axis at a time.

#pragma once

#include <vector>

#include "kernels.h"

namespace facedetect {

// The weights of the pixels along one axis.
class AxisTable {
  public:
    // Area means: pixel i covers i * in / out to (i + 1) * in / out.
    static AxisTable area(int in, int out);
    // Linear interpolation around i * in / out.
    static AxisTable bilinear(int in, int out);
    // Linear interpolation between pixels' centres: around (i + 0.5) * in / out - 0.5.
    static AxisTable bilinear_centered(int in, int out);

    Axis axis() const {
        return {static_cast<int>(first_.size()), taps_, first_.data(), weights_.data()};
    }

  private:
    AxisTable(int in, int out, int taps);
    // Adds a weight; pixels past either end count as the last one there.
    void add(int index, int pixel, float weight);
    void start(int index, int pixel);
    // Weights the two pixels around a place.
    void interpolate(int index, float place);

    int in_;
    int taps_;
    std::vector<int> first_;
    std::vector<float> weights_;
};

}  // namespace facedetect

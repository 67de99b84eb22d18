// Maps of float32 values in memory.

#pragma once

#include <cstddef>
#include <memory>

#include "kernels.h"

namespace facedetect {

inline size_t as_size(int value) { return static_cast<size_t>(value); }

// Memory for floats, not set to anything, with kSlack more behind them.
class Buffer {
  public:
    explicit Buffer(size_t count)
        : values_(std::make_unique_for_overwrite<float[]>(count + as_size(kSlack))) {}

    float* data() { return values_.get(); }

  private:
    std::unique_ptr<float[]> values_;
};

// A square map: rows of pixels of `channels` values.
struct Map {
    int side, channels;
    const float* values;

    const float* row(int y) const { return values + as_size(y) * as_size(side * channels); }
};

}  // namespace facedetect

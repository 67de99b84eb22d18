// Maps of float32 values in memory.

#pragma once

#include <cstddef>
#include <memory>

#include "kernels.h"

namespace facedetect {

inline size_t as_size(int value) { return static_cast<size_t>(value); }

// Memory for values, not set to anything, with kSlack more behind them.
template <class T>
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(size_t count)
        : values_(std::make_unique_for_overwrite<T[]>(count + as_size(kSlack))) {}

    T* data() { return values_.get(); }

  private:
    std::unique_ptr<T[]> values_;
};

// A square map: rows of pixels of `channels` values.
struct Map {
    int side, channels;
    const float* values;

    const float* row(int y) const { return values + as_size(y) * as_size(side * channels); }
};

}  // namespace facedetect

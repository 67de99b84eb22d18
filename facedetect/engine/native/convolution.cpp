#include "convolution.h"

#include <algorithm>
#include <array>

namespace facedetect {

namespace {

constexpr int kLargestSide = 3;  // of a convolution, and of a pool's window

// The tiles' values should stay in a core's second cache.
constexpr int kTilesAtOnce = 14;

// Winograd's minimal filtering in two dimensions, F(3x3, 3x3): 25 products for the nine pixels of a
// tile instead of 81. The last tiles are moved back so that they end at the map's edge.
class WinogradConvolution {
  public:
    WinogradConvolution(const Kernels& kernels, const Layer& conv, const Map& in)
        : kernels_(kernels),
          conv_(conv),
          in_(in),
          side_(in.side - conv.side + 1),
          tiles_((side_ + kTileSide - 1) / kTileSide),
          rows_at_once_(std::max(1, kTilesAtOnce / tiles_)),
          input_(as_size(kTileValues * rows_at_once_ * tiles_ * in.channels)),
          products_(as_size(kTileValues * rows_at_once_ * tiles_ * conv.outputs)) {}

    void run(float* out) {
        for (int first = 0; first < tiles_; first += rows_at_once_) {
            const int last = std::min(first + rows_at_once_, tiles_);
            const int count = (last - first) * tiles_;
            transform_input(first, last, count * in_.channels);
            multiply(count);
            transform_output(first, last, count * conv_.outputs, out);
        }
    }

  private:
    int start(int tile) const { return std::min(tile * kTileSide, side_ - kTileSide); }

    void transform_input(int first, int last, int stride) {
        float* values = input_.data();
        for (int y = first; y < last; ++y)
            for (int x = 0; x < tiles_; ++x, values += in_.channels)
                kernels_.winograd_input(in_.row(start(y)) + start(x) * in_.channels,
                                        in_.side * in_.channels, in_.channels, values, stride);
    }

    void multiply(int count) {
        for (int i = 0; i < kTileValues; ++i) {
            const float* rows = input_.data() + i * count * in_.channels;
            const Layer dense{conv_.weights + i * conv_.inputs * conv_.outputs,
                              nullptr,
                              nullptr,
                              1,
                              conv_.inputs,
                              conv_.outputs,
                              false};
            kernels_.conv_row(&rows, in_.channels, dense, count,
                              products_.data() + i * count * conv_.outputs, conv_.outputs);
        }
    }

    void transform_output(int first, int last, int stride, float* out) {
        const float* values = products_.data();
        for (int y = first; y < last; ++y)
            for (int x = 0; x < tiles_; ++x, values += conv_.outputs)
                kernels_.winograd_output(values, stride, conv_,
                                         out + (start(y) * side_ + start(x)) * conv_.outputs,
                                         side_ * conv_.outputs, conv_.outputs);
    }

    const Kernels& kernels_;
    const Layer& conv_;
    const Map& in_;
    int side_;
    int tiles_;  // along each side
    int rows_at_once_;
    Buffer<float> input_, products_;
};

using Rows = std::array<const float*, kLargestSide>;

// The rows y to y + count - 1 of a map.
Rows rows_of(const Map& map, int y, int count) {
    Rows rows{};
    for (int i = 0; i < count; ++i) rows.at(as_size(i)) = map.row(y + i);
    return rows;
}

void pool(const Kernels& kernels, const Map& in, int window, float* out) {
    const int side = pooled_side(in.side, window);
    for (int y = 0; y < side; ++y) {
        const int count = std::min(window, in.side - 2 * y);
        kernels.max_pool_row(rows_of(in, 2 * y, count).data(), count, window, in.side, side,
                             in.channels, out + y * side * in.channels);
    }
}

// Pools rows while they are in the first cache.
void convolve_and_pool_rows(const Kernels& kernels, const Layer& conv, const Map& in, int window,
                            float* out) {
    const int side = in.side - conv.side + 1, out_side = pooled_side(side, window);
    const int row_values = side * conv.outputs;
    Buffer<float> ring(as_size(window * row_values));
    int next = 0;
    for (int y = 0; y < out_side; ++y) {
        const int first = 2 * y, last = std::min(first + window, side);
        const auto row = [&](int i) { return ring.data() + i % window * row_values; };
        for (; next < last; ++next)
            kernels.conv_row(rows_of(in, next, conv.side).data(), in.channels, conv, side,
                             row(next), conv.outputs);
        Rows rows{};
        for (int i = first; i < last; ++i) rows.at(as_size(i - first)) = row(i);
        kernels.max_pool_row(rows.data(), last - first, window, side, out_side, conv.outputs,
                             out + y * out_side * conv.outputs);
    }
}

}  // namespace

int pooled_side(int side, int window) {
    // The last window may extend beyond the edge, as in the author's framework.
    return (side - window + 1) / 2 + 1;
}

void convolve_and_pool(const Kernels& kernels, const Layer& conv, const Map& in, int window,
                       float* out) {
    if (conv.is_winograd) {
        const int side = in.side - conv.side + 1;
        Buffer<float> convolved(as_size(side * side * conv.outputs));
        WinogradConvolution(kernels, conv, in).run(convolved.data());
        pool(kernels, {side, conv.outputs, convolved.data()}, window, out);
    } else {
        convolve_and_pool_rows(kernels, conv, in, window, out);
    }
}

// As one dense layer, whose samples are the windows: a small map's rows are too short for the
// kernels.
void convolve(const Kernels& kernels, const Layer& conv, const Map& in, float* out,
              int out_stride) {
    const int side = in.side - conv.side + 1;
    const int row_values = conv.side * in.channels, values = conv.side * row_values;
    Buffer<float> windows(as_size(side * side * values));
    float* window = windows.data();
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x)
            for (int i = 0; i < conv.side; ++i, window += row_values)
                std::copy_n(in.row(y + i) + x * in.channels, row_values, window);
    const Layer dense{conv.weights, conv.bias, conv.slope, 1, values, conv.outputs, false};
    const float* rows = windows.data();
    kernels.conv_row(&rows, values, dense, side * side, out, out_stride);
}

}  // namespace facedetect

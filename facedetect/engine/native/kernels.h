// The inner loops of the engine, one table of functions for each instruction set.

#pragma once

#include <cstdint>

namespace facedetect {

// Channels that the kernels compute at once; the outputs of a layer are padded to a multiple.
inline constexpr int kBlock = 16;

// Kernels read and write up to this many values past the end of a row, but never past an image.
inline constexpr int kSlack = 256;

// Winograd's tiles: pixels of a result along a side, pixels that they are computed from, and values
// of a transformed tile.
inline constexpr int kTileSide = 3;
inline constexpr int kTileInput = kTileSide + 2;
inline constexpr int kTileValues = kTileInput * kTileInput;

// A convolution or a dense layer in float32, with its PReLU. A dense layer is a convolution of
// side 1 over rows of samples.
struct Layer {
    const float* weights;  // [outputs / kBlock][side * side * inputs][kBlock]
    const float* bias;     // [outputs], or null without one
    const float* slope;    // [outputs], or null without a PReLU
    int side;
    int inputs;
    int outputs;
    bool is_winograd;  // weights are transformed: [kTileValues][outputs / kBlock][inputs][kBlock]
};

// What the pixels and activations of a screening net are stored as.
enum class Element { kNone, kUint8, kInt8, kInt16 };

// A convolution in integers, with its PReLU in float32: y = sum * scale + bias. The activations
// are stored as round(y * out_scale + out_zero). Within a row, a window's values are contiguous,
// and `group` of them are multiplied by one instruction.
struct ScreeningLayer {
    const void* weights;     // [outputs / kBlock][3][groups][kBlock][group]
    const float* scale;      // [outputs]
    const float* bias;       // [outputs]
    const float* slope;      // [outputs]
    int stride;              // values from one pixel of the input to the next
    int groups;              // in one row of a window
    const float* out_scale;  // [outputs]; null if the result stays float32, as is
    const float* out_zero;   // [outputs]
};

// Where the pixels along one axis of a resized image come from.
struct Axis {
    int size;              // of the resized image
    int taps;              // pixels that are read for each of its pixels
    const int* first;      // [size], the first of them
    const float* weights;  // [size][taps]
};

// Where a pixel of a crop comes from along one axis: two pixels of the image, or the same one
// twice.
struct Sample {
    int low, high;
    float share;  // of the high one
};

struct Kernels {
    const char* name;
    Element element;

    // One row of a convolution: `rows` has layer.side input rows, with `stride` values from one
    // pixel to the next; `out` [count] pixels, out_stride values apart.
    void (*conv_row)(const float* const* rows, int stride, const Layer& layer, int count,
                     float* out, int out_stride);
    // Winograd's transforms of a tile; see convolution.cpp. `in` is the tile's first pixel, of
    // `channels` values; its rows are row_stride values apart. Transformed value i of the tile goes
    // to out + i * out_stride.
    void (*winograd_input)(const float* in, int row_stride, int channels, float* out,
                           int out_stride);
    // Back from transformed values, in_stride apart, to pixels, which are out_stride values apart;
    // then bias and PReLU.
    void (*winograd_output)(const float* in, int in_stride, const Layer& layer, float* out,
                            int row_stride, int out_stride);
    // One row of a maximum pool with step 2 and a window of 2 or 3, over `rows` [row_count];
    // windows end at the edge of the map.
    void (*max_pool_row)(const float* const* rows, int row_count, int window, int in_width,
                         int out_width, int channels, float* out);
    // Weighted sums of rows of `count` values.
    void (*blend_bytes)(const uint8_t* const* rows, const float* weights, int taps, int count,
                        float* out);
    void (*blend_floats)(const float* const* rows, const float* weights, int taps, int count,
                         float* out);
    // Resize a row of pixels with three channels.
    void (*resample_row)(const float* row, const Axis& axis, float* out);
    // A row of a crop between two rows of pixels with three channels: first along the rows, then
    // between them, no operations fused.
    void (*crop_row)(const uint8_t* top, const uint8_t* bottom, float share_of_bottom,
                     const Sample* samples, int count, float* out);

    // Of the screening net; null where `element` is kNone.
    // Pixels 0..255, rounded to whole numbers, or for 16 bits to sixteenths.
    void (*to_elements)(const float* pixels, int count, void* out);
    // A convolution over rows[0..3], its 2x2 maximum pool and its PReLU: `count` pooled pixels.
    void (*screen_pool_row)(const void* const* rows, const ScreeningLayer& layer, int count,
                            void* out, int out_stride);
    // A convolution over rows[0..2] and its PReLU.
    void (*screen_row)(const void* const* rows, const ScreeningLayer& layer, int count, void* out,
                       int out_stride);
    // A convolution with 2 * kBlock outputs, its PReLU, and one dense output of these.
    void (*screen_logits)(const void* const* rows, const ScreeningLayer& layer, const float* head,
                          float head_bias, int count, float* logits);
};

extern const Kernels kAvx512Vnni, kAvxVnni, kAvx2, kNeonDot, kNeon, kPlain;

}  // namespace facedetect

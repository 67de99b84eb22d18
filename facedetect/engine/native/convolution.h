// Convolutions and pools over whole maps, for the nets that work on crops.

#pragma once

#include "kernels.h"
#include "maps.h"

namespace facedetect {

// Convolves a map [side, side, inputs]. The result, conv.side - 1 pixels smaller, goes to `out`,
// whose pixels are out_stride values apart.
void convolve(const Kernels& kernels, const Layer& conv, const Map& in, float* out, int out_stride);

// The side of a map after a maximum pool with step 2.
int pooled_side(int side, int window);

// Pools a map into [pooled_side, pooled_side, channels].
void max_pool(const Kernels& kernels, const Map& in, int window, float* out);

}  // namespace facedetect

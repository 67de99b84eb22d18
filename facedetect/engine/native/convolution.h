// Convolutions and pools over whole maps, for the nets that work on crops.

#pragma once

#include "kernels.h"
#include "maps.h"

namespace facedetect {

// The side of a map after a maximum pool with step 2.
int pooled_side(int side, int window);

// Convolves a map [side, side, inputs], then pools the result with step 2: to `out`
// [pooled_side, pooled_side, outputs].
void convolve_and_pool(const Kernels& kernels, const Layer& conv, const Map& in, int window,
                       float* out);

// Convolves a map of a few pixels [side, side, inputs]; the result, conv.side - 1 pixels smaller,
// goes to `out`, whose pixels are out_stride values apart.
void convolve(const Kernels& kernels, const Layer& conv, const Map& in, float* out, int out_stride);

}  // namespace facedetect

// Crops for the nets, as TensorFlow's CropAndResize cuts them.

#pragma once

#include <cstdint>

#include "boxes.h"
#include "kernels.h"

namespace facedetect {

// uint8 pixels of three channels, one row after the other.
struct Image {
    int height, width;
    const uint8_t* pixels;
};

// Resizes a box to [side, side, 3] with linear interpolation; pixels outside the image are 127.5.
// The box's edges are in units of the image: 0 is the first pixel, 1 the last one. Swapped edges
// mirror the crop. Writes one value past the crop's end.
void cut_crop(const Kernels& kernels, const Image& image, const Box& box, int side, float* out);

}  // namespace facedetect

#include "kernels_impl.h"
#include "simd_plain.h"

const facedetect::Kernels facedetect::kPlain = float_kernels<Plain>("plain");

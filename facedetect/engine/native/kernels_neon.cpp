#include "kernels_impl.h"
#include "simd_neon.h"

const facedetect::Kernels facedetect::kNeon = float_kernels<Neon>("neon");

#include "kernels_impl.h"
#include "simd_neon.h"

const facedetect::Kernels facedetect::kNeonDot = screening_kernels<NeonDot>("neon-dot");

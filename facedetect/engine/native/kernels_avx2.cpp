#include "kernels_impl.h"
#include "simd_avx2.h"

const facedetect::Kernels facedetect::kAvx2 = screening_kernels<Avx2>("avx2");

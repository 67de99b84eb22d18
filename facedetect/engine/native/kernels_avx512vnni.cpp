#include "kernels_impl.h"
#include "simd_avx512.h"

const facedetect::Kernels facedetect::kAvx512Vnni = screening_kernels<Avx512Vnni>("avx512-vnni");

#include "kernels_impl.h"
#include "simd_avx2.h"

const facedetect::Kernels facedetect::kAvxVnni = screening_kernels<AvxVnni>("avx-vnni");

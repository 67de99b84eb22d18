// Detects the CPU's instruction sets.

#pragma once

#include <vector>

#include "kernels.h"

namespace facedetect {

// The kernels that can run here, fastest first; the plain ones are last.
std::vector<const Kernels*> available_kernels();

}  // namespace facedetect

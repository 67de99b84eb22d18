// The image pyramid: the scales of P-Net, and the image that each level is resized from.

#pragma once

#include <array>
#include <vector>

#include "crops.h"
#include "maps.h"
#include "proposals.h"
#include "thread_pool.h"

namespace facedetect {

// The levels' scales, largest first: 12 / min_size, then times factor, while the image's shorter
// side is over 12 px.
std::vector<float> pyramid_scales(const Image& image, float min_size, float factor);

class Pyramid {
  public:
    // `by_area` resizes by area means, from copies of half the size where these are large enough;
    // otherwise each level is interpolated from the image. `rounds_up` is about a level's sides.
    Pyramid(const Kernels& kernels, ThreadPool& pool, const Image& image,
            const std::vector<float>& scales, bool by_area, bool rounds_up,
            std::optional<Clock::time_point> deadline);

    const std::vector<Level>& levels() const { return levels_; }

  private:
    static constexpr int kHalvings = 3;

    void halve(const Kernels& kernels, ThreadPool& pool, size_t index,
               std::optional<Clock::time_point> deadline);

    std::array<Source, kHalvings + 1> sources_{};
    std::array<Buffer<float>, kHalvings + 1> copies_;
    std::vector<Level> levels_;
};

}  // namespace facedetect

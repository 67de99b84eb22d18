// The cascade: pyramid, P-Net, R-Net, O-Net and the landmarks' refinement.

#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "boxes.h"
#include "crops.h"
#include "nets.h"
#include "proposals.h"
#include "thread_pool.h"

namespace facedetect {

// facedetect.mtcnn.geometry.Geometry, field by field.
struct Geometry {
    bool rounds_levels_up, resamples_by_area, truncates_squares, averages_landmarks;
    float box_extent, crop_origin, landmark_shift;
    float scale_overlap, pnet_overlap, rnet_overlap, onet_overlap;
    int max_candidates;
};

struct Params {
    float min_size;
    std::array<float, 3> thresholds;
    float factor;
    std::optional<Clock::time_point> deadline;
};

using Points = std::array<float, 10>;  // y1..y5, x1..x5

// Faces, best first.
struct Faces {
    std::vector<float> scores;
    std::vector<Points> landmarks;
    std::vector<Box> boxes;
};

class Cascade {
  public:
    Cascade(const Kernels& kernels, Arrays arrays, const Geometry& geometry, int threads);

    const char* instruction_set() const { return kernels_.name; }

    // Thread-safe. Raises DeadlineExceeded, Closed, std::bad_alloc.
    Faces detect(const Image& image, const Params& params);

    // The logits of P-Net's cells on the level of a scale, to measure the margin that the screening
    // needs.
    struct CellLogits {
        int rows, columns;
        std::vector<float> screened, exact;
    };
    CellLogits cell_logits(const Image& image, float scale);

    // Cancels the calls in progress and rejects further ones.
    void close() { pool_.close(); }

  private:
    struct Candidates {
        std::vector<Box> boxes;
        std::vector<float> scores;
        std::vector<Offsets> offsets;
    };
    // A net's columns for each box.
    using Columns = std::vector<std::array<float, CropNet::kColumns>>;

    std::vector<Box> propose(const Image& image, const Params& params);
    Candidates scan_levels(const std::vector<Level>& levels, const Params& params);
    Candidates candidates_of(const Level& level, const std::vector<Proposals>& strips) const;
    std::vector<Box> refine(const Image& image, const std::vector<Box>& boxes,
                            const Params& params);
    Faces output(const Image& image, const std::vector<Box>& boxes, const Params& params);
    Box next_square(const Box& box, const Offsets& offsets) const;
    std::vector<Box> in_image_units(const Image& image, std::vector<Box> boxes) const;

    // Runs on crops, given as boxes in units of the image.
    Columns run_net(const CropNet& net, const Image& image, const std::vector<Box>& crops,
                    const Params& params);
    void average_landmarks(const Image& image, Faces& faces, const Params& params);
    void refine_landmarks(const Image& image, Faces& faces, const Params& params);

    const Kernels& kernels_;
    Arrays arrays_;
    Geometry geometry_;
    PNet pnet_;
    std::optional<ScreeningNet> screening_;
    CropNet rnet_;
    CropNet onet_;
    std::optional<LandmarkNet> lnet_;
    ThreadPool pool_;
};

}  // namespace facedetect

#include "cascade.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "pyramid.h"

namespace facedetect {

namespace {

// A strip takes about a millisecond, so that deadlines are noticed and threads finish together.
constexpr int kCellsPerStrip = 12'000;
constexpr int kLeastRowsPerStrip = 8;
constexpr size_t kCropsPerChunk = 8;

// The author's numbers: a patch's side in units of the box's larger side, and how far the net may
// move a landmark, in units of the patch.
constexpr float kPatchShare = 0.25F;
constexpr float kFarthestMove = 0.35F;

// The centres of a patch's first and last pixel, in units of the patch from the landmark; see
// facedetect/model/landmark_net.py.
constexpr float kNetError = 0.25F;
constexpr float kFirst = (0.5F - kNetError) / LandmarkNet::kSide - 0.5F;
constexpr float kLast = 0.5F - (0.5F + kNetError) / LandmarkNet::kSide;

// Mirroring a face swaps its eyes and its mouth corners.
constexpr std::array<size_t, 5> kMirrored{1, 0, 2, 4, 3};

constexpr int kLandmarks = 5;  // the first of O-Net's columns that holds landmarks

// Chunks of at most kCropsPerChunk: a multiple of the threads, so that they finish together.
size_t chunk_count(size_t crops, size_t threads) {
    const size_t least = (crops + kCropsPerChunk - 1) / kCropsPerChunk;
    return std::min(crops, (least + threads - 1) / threads * threads);
}

float logit(float probability) { return std::log(probability) - std::log(1 - probability); }

// Landmarks in units of a box -> px.
Points place(const Box& box, const Points& positions) {
    Points points;
    for (size_t i = 0; i < 5; ++i) {
        points.at(i) = box.y1 + (box.y2 - box.y1) * positions.at(i);
        points.at(i + 5) = box.x1 + (box.x2 - box.x1) * positions.at(i + 5);
    }
    return points;
}

// Mirror landmarks given as offsets from the middle of a crop.
Points mirror(const Points& offsets) {
    Points mirrored;
    for (size_t i = 0; i < 5; ++i) {
        mirrored.at(i) = offsets.at(kMirrored.at(i));
        mirrored.at(i + 5) = -offsets.at(kMirrored.at(i) + 5);
    }
    return mirrored;
}

Points landmarks_of(const std::array<float, CropNet::kColumns>& columns) {
    Points landmarks;
    std::copy_n(columns.begin() + kLandmarks, landmarks.size(), landmarks.begin());
    return landmarks;
}

Offsets offsets_of(const std::array<float, CropNet::kColumns>& columns) {
    return {columns[1], columns[2], columns[3], columns[4]};
}

template <class T>
std::vector<T> pick(const std::vector<T>& values, const std::vector<int>& indices) {
    std::vector<T> picked;
    picked.reserve(indices.size());
    for (const int index : indices) picked.push_back(values[static_cast<size_t>(index)]);
    return picked;
}

}  // namespace

Cascade::Cascade(const Kernels& kernels, Arrays arrays, const Geometry& geometry, int threads)
    : kernels_(kernels),
      arrays_(std::move(arrays)),
      geometry_(geometry),
      pnet_(arrays_),
      rnet_(make_rnet(kernels, arrays_)),
      onet_(make_onet(kernels, arrays_)),
      pool_(threads) {
    if (arrays_.has("screening/conv1")) screening_.emplace(arrays_);
    if (arrays_.has("lnet/dense")) lnet_.emplace(kernels, arrays_);
}

Faces Cascade::detect(const Image& image, const Params& params) {
    const std::vector<Box> candidates = propose(image, params);
    return output(image, refine(image, candidates, params), params);
}

Cascade::CellLogits Cascade::cell_logits(const Image& image, float scale) {
    const Pyramid pyramid(kernels_, pool_, image, {scale}, geometry_.resamples_by_area,
                          geometry_.rounds_levels_up, std::nullopt);
    const Level& level = pyramid.levels().front();
    if (level.cell_rows() < 1 || level.cell_columns() < 1) return {0, 0, {}, {}};
    CellLogits logits{level.cell_rows(),
                      level.cell_columns(),
                      {},
                      facedetect::cell_logits(kernels_, pnet_, nullptr, level)};
    if (screening_) logits.screened = facedetect::cell_logits(kernels_, pnet_, &*screening_, level);
    return logits;
}

std::vector<Box> Cascade::propose(const Image& image, const Params& params) {
    const Pyramid pyramid(kernels_, pool_, image,
                          pyramid_scales(image, params.min_size, params.factor),
                          geometry_.resamples_by_area, geometry_.rounds_levels_up, params.deadline);
    const Candidates found = scan_levels(pyramid.levels(), params);
    // Boxes of two levels overlap by at most factor^2, those of one level by scale_overlap. If that
    // is below pnet_overlap, suppression only sorts and cuts. 2 % below the square root, as corners
    // are rounded.
    std::vector<int> kept;
    if (params.factor < 0.98F * std::sqrt(geometry_.pnet_overlap)) {
        kept = order_by_score(found.scores);
        if (kept.size() > static_cast<size_t>(geometry_.max_candidates))
            kept.resize(static_cast<size_t>(geometry_.max_candidates));
    } else {
        kept =
            suppress(found.boxes, found.scores, geometry_.pnet_overlap, geometry_.max_candidates);
    }
    std::vector<Box> squares;
    squares.reserve(kept.size());
    for (const int index : kept)
        squares.push_back(next_square(found.boxes[static_cast<size_t>(index)],
                                      found.offsets[static_cast<size_t>(index)]));
    return squares;
}

Cascade::Candidates Cascade::scan_levels(const std::vector<Level>& levels, const Params& params) {
    struct Strip {
        size_t level, index;
        int first, last;
    };
    struct Scan {
        std::vector<Proposals> found;  // in each strip
        std::atomic<size_t> unfinished;
        Candidates candidates;
    };
    std::vector<Scan> scans(levels.size());
    std::vector<Strip> strips;
    for (size_t i = 0; i < levels.size(); ++i) {
        const int rows = levels[i].cell_rows();
        const int height = std::max(kCellsPerStrip / levels[i].cell_columns(), kLeastRowsPerStrip);
        const int count = (rows + height - 1) / height;
        scans[i].found.resize(as_size(count));
        scans[i].unfinished = as_size(count);
        for (int k = 0; k < count; ++k)
            strips.push_back({i, as_size(k), rows * k / count, rows * (k + 1) / count});
    }
    const float threshold = logit(params.thresholds[0]);
    const ScreeningNet* screening = screening_ ? &*screening_ : nullptr;
    pool_.run(strips.size(), params.deadline, [&](Loop& loop) {
        while (const auto index = loop.next()) {
            const Strip& strip = strips[*index];
            const Level& level = levels[strip.level];
            Scan& scan = scans[strip.level];
            scan.found[strip.index] =
                scan_strip(kernels_, pnet_, screening, level, strip.first, strip.last, threshold);
            // Whoever finishes a level suppresses its candidates.
            if (--scan.unfinished == 0) scan.candidates = candidates_of(level, scan.found);
        }
    });
    Candidates all;
    for (const Scan& scan : scans) {
        const Candidates& found = scan.candidates;
        all.boxes.insert(all.boxes.end(), found.boxes.begin(), found.boxes.end());
        all.scores.insert(all.scores.end(), found.scores.begin(), found.scores.end());
        all.offsets.insert(all.offsets.end(), found.offsets.begin(), found.offsets.end());
    }
    return all;
}

Cascade::Candidates Cascade::candidates_of(const Level& level,
                                           const std::vector<Proposals>& strips) const {
    Proposals proposals;
    for (const Proposals& strip : strips) proposals.append(strip);
    std::vector<Box> boxes;
    std::vector<float> scores;
    for (size_t i = 0; i < proposals.cells.size(); ++i) {
        const float y = static_cast<float>(2 * proposals.cells[i].row);
        const float x = static_cast<float>(2 * proposals.cells[i].column);
        boxes.push_back({(y + 1) / level.scale, (x + 1) / level.scale, (y + 12) / level.scale,
                         (x + 12) / level.scale});
        scores.push_back(sigmoid(proposals.logits[i]));
    }
    const std::vector<int> kept =
        suppress_cells(proposals.cells, boxes, scores, geometry_.scale_overlap,
                       geometry_.max_candidates, level.cell_rows());
    return {pick(boxes, kept), pick(scores, kept), pick(proposals.offsets, kept)};
}

Box Cascade::next_square(const Box& box, const Offsets& offsets) const {
    const Box moved = square(regress(box, offsets, geometry_.box_extent));
    return geometry_.truncates_squares ? truncate(moved) : moved;
}

std::vector<Box> Cascade::in_image_units(const Image& image, std::vector<Box> boxes) const {
    const float origin = geometry_.crop_origin;
    const float height = static_cast<float>(image.height) - origin;
    const float width = static_cast<float>(image.width) - origin;
    for (Box& box : boxes)
        box = {(box.y1 - origin) / height, (box.x1 - origin) / width, (box.y2 - origin) / height,
               (box.x2 - origin) / width};
    return boxes;
}

Cascade::Columns Cascade::run_net(const CropNet& net, const Image& image,
                                  const std::vector<Box>& crops, const Params& params) {
    Columns columns(crops.size());
    // As many for each thread.
    const size_t chunks = chunk_count(crops.size(), pool_.threads());
    pool_.run(chunks, params.deadline, [&](Loop& loop) {
        const size_t values = as_size(net.crop_values());
        Buffer<float> pixels(kCropsPerChunk * values);
        while (const auto chunk = loop.next()) {
            const size_t first = *chunk * crops.size() / chunks;
            const size_t last = (*chunk + 1) * crops.size() / chunks;
            for (size_t i = first; i < last; ++i)
                cut_crop(kernels_, image, crops[i], net.side(),
                         pixels.data() + (i - first) * values);
            net.run(pixels.data(), static_cast<int>(last - first), columns[first].data());
        }
    });
    return columns;
}

std::vector<Box> Cascade::refine(const Image& image, const std::vector<Box>& boxes,
                                 const Params& params) {
    const Columns found = run_net(rnet_, image, in_image_units(image, boxes), params);
    Candidates above;
    for (size_t i = 0; i < boxes.size(); ++i) {
        const float score = sigmoid(found[i][0]);
        if (!(score > params.thresholds[1])) continue;
        above.boxes.push_back(boxes[i]);
        above.scores.push_back(score);
        above.offsets.push_back(offsets_of(found[i]));
    }
    std::vector<Box> squares;
    for (const int index :
         suppress(above.boxes, above.scores, geometry_.rnet_overlap, geometry_.max_candidates))
        squares.push_back(next_square(above.boxes[static_cast<size_t>(index)],
                                      above.offsets[static_cast<size_t>(index)]));
    return squares;
}

Faces Cascade::output(const Image& image, const std::vector<Box>& boxes, const Params& params) {
    const Columns found = run_net(onet_, image, in_image_units(image, boxes), params);
    Faces above;
    for (size_t i = 0; i < boxes.size(); ++i) {
        const float score = sigmoid(found[i][0]);
        if (!(score > params.thresholds[2])) continue;
        above.scores.push_back(score);
        above.landmarks.push_back(place(boxes[i], landmarks_of(found[i])));
        above.boxes.push_back(regress(boxes[i], offsets_of(found[i]), geometry_.box_extent));
    }
    const std::vector<int> kept =
        suppress(above.boxes, above.scores, geometry_.onet_overlap, geometry_.max_candidates);
    Faces faces{pick(above.scores, kept), pick(above.landmarks, kept), pick(above.boxes, kept)};
    if (geometry_.averages_landmarks) average_landmarks(image, faces, params);
    for (Points& points : faces.landmarks)
        for (float& value : points) value += geometry_.landmark_shift;
    if (lnet_) refine_landmarks(image, faces, params);
    return faces;
}

// Average with O-Net's landmarks on crops of the final boxes and their mirror images: faces are
// better centred in these crops, and mirroring cancels one-sided errors.
void Cascade::average_landmarks(const Image& image, Faces& faces, const Params& params) {
    std::vector<Box> squares;
    squares.reserve(faces.boxes.size());
    for (const Box& box : faces.boxes) squares.push_back(square(box));
    std::vector<Box> crops = in_image_units(image, squares);
    for (size_t i = 0; i < squares.size(); ++i)
        crops.push_back({crops[i].y1, crops[i].x2, crops[i].y2, crops[i].x1});
    const Columns found = run_net(onet_, image, crops, params);
    for (size_t i = 0; i < squares.size(); ++i) {
        Points offsets = landmarks_of(found[squares.size() + i]);
        for (float& value : offsets) value -= 0.5F;
        offsets = mirror(offsets);
        Points mean = landmarks_of(found[i]);
        for (size_t k = 0; k < mean.size(); ++k)
            mean.at(k) = (mean.at(k) + offsets.at(k) + 0.5F) / 2;
        mean = place(squares[i], mean);
        for (size_t k = 0; k < mean.size(); ++k)
            faces.landmarks[i].at(k) = (faces.landmarks[i].at(k) + 2 * mean.at(k)) / 3;
    }
}

// How far the landmark net moves each landmark, in units of the patch, y1..y5, x1..x5. Mirrored
// patches are those of the mirrored image, in the order of its landmarks.
static Points landmark_moves(const Kernels& kernels, const LandmarkNet& net, const Image& image,
                             const Points& points, float side, bool is_mirrored) {
    constexpr size_t kPatch = LandmarkNet::kSide * LandmarkNet::kSide * 3;
    std::vector<float> patches(LandmarkNet::kPoints * kPatch + kSlack);
    const float last_y = static_cast<float>(image.height - 1);
    const float last_x = static_cast<float>(image.width - 1);
    const float direction = is_mirrored ? -1 : 1;
    for (size_t i = 0; i < 5; ++i) {
        const size_t point = is_mirrored ? kMirrored.at(i) : i;
        const float y = points.at(point) - 0.5F, x = points.at(point + 5) - 0.5F;
        const Box patch{(y + side * kFirst) / last_y, (x + side * kFirst * direction) / last_x,
                        (y + side * kLast) / last_y, (x + side * kLast * direction) / last_x};
        cut_crop(kernels, image, patch, LandmarkNet::kSide, patches.data() + i * kPatch);
    }
    std::array<float, kBlock> found{};
    net.run(patches.data(), found.data());
    Points moves;
    for (size_t i = 0; i < moves.size(); ++i) moves.at(i) = found.at(i) - 0.5F;
    return is_mirrored ? mirror(moves) : moves;
}

void Cascade::refine_landmarks(const Image& image, Faces& faces, const Params& params) {
    pool_.run(faces.boxes.size(), params.deadline, [&](Loop& loop) {
        while (const auto index = loop.next()) {
            const Box& box = faces.boxes[*index];
            Points& points = faces.landmarks[*index];
            const float side = kPatchShare * std::max(box.y2 - box.y1, box.x2 - box.x1);
            Points moves = landmark_moves(kernels_, *lnet_, image, points, side, false);
            if (geometry_.averages_landmarks) {
                const Points mirrored = landmark_moves(kernels_, *lnet_, image, points, side, true);
                for (size_t i = 0; i < moves.size(); ++i)
                    moves.at(i) = (moves.at(i) + mirrored.at(i)) / 2;
            }
            for (size_t i = 0; i < 5; ++i) {
                // A landmark that would move too far stays.
                if (std::abs(moves.at(i)) > kFarthestMove ||
                    std::abs(moves.at(i + 5)) > kFarthestMove)
                    continue;
                points.at(i) += side * moves.at(i);
                points.at(i + 5) += side * moves.at(i + 5);
            }
        }
    });
}

}  // namespace facedetect

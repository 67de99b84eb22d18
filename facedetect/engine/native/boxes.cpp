#include "boxes.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

namespace facedetect {

namespace {

// A cell's window is 11 pixels wide between its outer pixels' centres, the next one 2 pixels on:
// six cells apart they do not touch.
constexpr int kNeighbours = 5;

// From here on TensorFlow's sigmoid is 1, although float32 has a number in between.
constexpr float kSaturated = 16.6355324F;

float area(const Box& box) {
    return (std::max(box.y1, box.y2) - std::min(box.y1, box.y2)) *
           (std::max(box.x1, box.x2) - std::min(box.x1, box.x2));
}

}  // namespace

Box regress(const Box& box, const Offsets& offsets, float extent) {
    const float height = box.y2 - box.y1 + extent, width = box.x2 - box.x1 + extent;
    return {box.y1 + height * offsets.y1, box.x1 + width * offsets.x1, box.y2 + height * offsets.y2,
            box.x2 + width * offsets.x2};
}

Box square(const Box& box) {
    const float height = box.y2 - box.y1 + 1, width = box.x2 - box.x1 + 1;
    const float side = std::max(height, width);
    const float up = (side - height) * 0.5F, left = (side - width) * 0.5F;
    return {box.y1 - up, box.x1 - left, box.y2 + up, box.x2 + left};
}

Box truncate(const Box& box) {
    return {std::trunc(box.y1), std::trunc(box.x1), std::trunc(box.y2), std::trunc(box.x2)};
}

float overlap(const Box& a, const Box& b) {
    const float area_a = area(a), area_b = area(b);
    if (!(area_a > 0) || !(area_b > 0)) return 0;
    const float height = std::min(std::max(a.y1, a.y2), std::max(b.y1, b.y2)) -
                         std::max(std::min(a.y1, a.y2), std::min(b.y1, b.y2));
    const float width = std::min(std::max(a.x1, a.x2), std::max(b.x1, b.x2)) -
                        std::max(std::min(a.x1, a.x2), std::min(b.x1, b.x2));
    const float both = std::max(height, 0.0F) * std::max(width, 0.0F);
    return both / (area_a + area_b - both);
}

float sigmoid(float x) {
    if (x >= kSaturated) return 1;
    // Rounded once: TensorFlow's is within an ulp, and equal where nearly all scores tie, above
    // 0.99.
    return static_cast<float>(1 / (1 + std::exp(-static_cast<double>(x))));
}

std::vector<int> order_by_score(std::span<const float> scores) {
    std::vector<int> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
        return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
    });
    return order;
}

std::vector<int> suppress(std::span<const Box> boxes, std::span<const float> scores,
                          float max_overlap, int limit) {
    std::vector<int> kept;
    for (const int index : order_by_score(scores)) {
        if (static_cast<int>(kept.size()) >= limit) break;
        const Box& box = boxes[static_cast<size_t>(index)];
        const bool is_covered = std::any_of(kept.rbegin(), kept.rend(), [&](int other) {
            return overlap(box, boxes[static_cast<size_t>(other)]) > max_overlap;
        });
        if (!is_covered) kept.push_back(index);
    }
    return kept;
}

std::vector<int> suppress_cells(std::span<const Cell> cells, std::span<const Box> boxes,
                                std::span<const float> scores, float max_overlap, int limit,
                                int rows) {
    std::vector<int> kept;
    std::vector<std::vector<int>> kept_in_row(static_cast<size_t>(rows));
    const auto is_covered = [&](int index) {
        const Cell cell = cells[static_cast<size_t>(index)];
        const int first = std::max(cell.row - kNeighbours, 0);
        const int last = std::min(cell.row + kNeighbours, rows - 1);
        for (int row = first; row <= last; ++row) {
            for (const int other : kept_in_row[static_cast<size_t>(row)]) {
                const int columns = cells[static_cast<size_t>(other)].column - cell.column;
                if (std::abs(columns) <= kNeighbours &&
                    overlap(boxes[static_cast<size_t>(index)], boxes[static_cast<size_t>(other)]) >
                        max_overlap)
                    return true;
            }
        }
        return false;
    };
    for (const int index : order_by_score(scores)) {
        if (static_cast<int>(kept.size()) >= limit) break;
        if (is_covered(index)) continue;
        kept.push_back(index);
        kept_in_row[static_cast<size_t>(cells[static_cast<size_t>(index)].row)].push_back(index);
    }
    return kept;
}

}  // namespace facedetect

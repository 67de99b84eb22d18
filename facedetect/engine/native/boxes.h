// Boxes, their scores and their suppression, as the TensorFlow graph computes them.

#pragma once

#include <span>
#include <vector>

namespace facedetect {

// Edges in pixels.
struct Box {
    float y1, x1, y2, x2;
};

// How far a box's edges move, in units of its sides.
struct Offsets {
    float y1, x1, y2, x2;
};

// Moves each edge by its offset; a side is y2 - y1 + extent.
Box regress(const Box& box, const Offsets& offsets, float extent);

// Extends the shorter side around the centre to the longer one; a side is y2 - y1 + 1.
Box square(const Box& box);

// Rounds each edge toward zero.
Box truncate(const Box& box);

// Intersection over union, 0 for empty boxes.
float overlap(const Box& a, const Box& b);

// A logit's probability. In float32, as in the graph: high scores tie there, too.
float sigmoid(float x);

// Indices of the scores, highest first; ties keep their order.
std::vector<int> order_by_score(std::span<const float> scores);

// Non-maximum suppression: the indices of at most `limit` boxes kept, best first.
std::vector<int> suppress(std::span<const Box> boxes, std::span<const float> scores,
                          float max_overlap, int limit);

// A cell of P-Net on a level.
struct Cell {
    int row, column;
};

// The same for P-Net's cells on one level of `rows` rows, where only neighbours can overlap.
std::vector<int> suppress_cells(std::span<const Cell> cells, std::span<const Box> boxes,
                                std::span<const float> scores, float max_overlap, int limit,
                                int rows);

}  // namespace facedetect

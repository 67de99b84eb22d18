// P-Net over the levels of the image pyramid.

#pragma once

#include <vector>

#include "boxes.h"
#include "nets.h"
#include "resize.h"

namespace facedetect {

// An image of three channels that levels are resized from: the given one, or a smaller copy.
struct Source {
    int height, width;
    const uint8_t* bytes;  // either these
    const float* floats;   // or these
};

// One level of the pyramid.
struct Level {
    float scale;
    const Source* source;
    AxisTable rows, columns;

    int height() const { return rows.axis().size; }
    int width() const { return columns.axis().size; }
    int cell_rows() const { return height() / 2 - 5; }
    int cell_columns() const { return width() / 2 - 5; }
};

// The cells of a level whose logit is above the threshold, row by row.
struct Proposals {
    std::vector<Cell> cells;
    std::vector<float> logits;
    std::vector<Offsets> offsets;

    void append(const Proposals& other);
};

// Resize one row, to `out` with kSlack values of room; `blended` has room for a source's row.
void resize_row(const Kernels& kernels, const Source& source, const AxisTable& rows,
                const AxisTable& columns, int y, float* blended, float* out);

// Run P-Net over the rows first..last-1 of a level's cells. With `screening`, cells are first
// computed in integers; float32 decides on those near or above the threshold.
Proposals scan_strip(const Kernels& kernels, const PNet& net, const ScreeningNet* screening,
                     const Level& level, int first, int last, float threshold_logit);

// The logits of all cells of a level, row by row: in integers with `screening`, else in float32.
std::vector<float> cell_logits(const Kernels& kernels, const PNet& net,
                               const ScreeningNet* screening, const Level& level);

}  // namespace facedetect

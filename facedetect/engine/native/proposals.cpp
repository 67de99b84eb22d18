#include "proposals.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

namespace facedetect {

namespace {

constexpr int kSide = 12;   // P-Net's window
constexpr int kDepth = 3;   // rows that a convolution reads
constexpr int kHeads = 16;  // the logit, four offsets and padding

// The last rows of a map; row y takes the place of row y - count.
template <class T>
class RowRing {
  public:
    RowRing(int count, int row_values)
        : count_(count),
          row_values_(row_values + kSlack),
          values_(as_size(count) * as_size(row_values_)) {}

    T* row(int y) { return values_.data() + as_size(y % count_) * as_size(row_values_); }

  private:
    int count_;
    int row_values_;
    Buffer<T> values_;
};

// Rows of cells that are screened before the passing ones are rechecked.
constexpr int kBandRows = 4;

// The rows of a level, resized when they are needed; those of a band of cells are there.
class LevelRows {
  public:
    LevelRows(const Kernels& kernels, const Level& level, int first)
        : kernels_(kernels),
          level_(level),
          next_(first),
          ring_(kSide + 2 * (kBandRows - 1), 3 * level.width()),
          blended_(3 * as_size(level.source->width)) {}

    const float* row(int y) {
        for (; next_ <= y; ++next_)
            resize_row(kernels_, *level_.source, level_.rows, level_.columns, next_,
                       blended_.data(), ring_.row(next_));
        return ring_.row(y);
    }

  private:
    const Kernels& kernels_;
    const Level& level_;
    int next_;
    RowRing<float> ring_;
    Buffer<float> blended_;
};

// P-Net in float32 over some columns of a level, row by row.
class FloatScan {
  public:
    // Of `cells` columns; the first row is that of the first call.
    FloatScan(const Kernels& kernels, const PNet& net, int cells)
        : kernels_(kernels),
          net_(net),
          cells_(cells),
          convolved_(2, (2 * cells + 8) * net.conv1.outputs),
          pooled_(kDepth, (cells + 4) * net.conv1.outputs),
          second_(kDepth, (cells + 2) * net.conv2.outputs),
          third_(1, cells * net.conv3.outputs),
          heads_(1, cells * kHeads) {}

    // Forget all rows; the next one is `row`.
    void start(int row) { next_pooled_ = next_second_ = row; }

    // The heads of a row of cells, from `column` of the level on: [cells, kHeads].
    const float* row(LevelRows& level, int y, int column) {
        for (; next_second_ < y + kDepth; ++next_second_) {
            for (; next_pooled_ < next_second_ + kDepth; ++next_pooled_)
                pool(level, next_pooled_, column);
            convolve(net_.conv2, pooled_, net_.conv1.outputs, next_second_, cells_ + 2,
                     second_.row(next_second_));
        }
        convolve(net_.conv3, second_, net_.conv2.outputs, y, cells_, third_.row(0));
        const float* in = third_.row(0);
        kernels_.conv_row(&in, net_.conv3.outputs, net_.heads, cells_, heads_.row(0), kHeads);
        return heads_.row(0);
    }

  private:
    void pool(LevelRows& level, int y, int column) {
        const int width = 2 * cells_ + 8;
        for (int i = 0; i < 2; ++i) {
            std::array<const float*, kDepth> rows{};
            for (int k = 0; k < kDepth; ++k)
                rows.at(as_size(k)) = level.row(2 * y + i + k) + 6 * column;
            kernels_.conv_row(rows.data(), 3, net_.conv1, width, convolved_.row(i),
                              net_.conv1.outputs);
        }
        const std::array<const float*, 2> rows{convolved_.row(0), convolved_.row(1)};
        kernels_.max_pool_row(rows.data(), 2, 2, width, cells_ + 4, net_.conv1.outputs,
                              pooled_.row(y));
    }

    void convolve(const Layer& layer, RowRing<float>& in, int stride, int y, int count,
                  float* out) const {
        std::array<const float*, kDepth> rows{};
        for (int k = 0; k < kDepth; ++k) rows.at(as_size(k)) = in.row(y + k);
        kernels_.conv_row(rows.data(), stride, layer, count, out, layer.outputs);
    }

    const Kernels& kernels_;
    const PNet& net_;
    int cells_;
    int next_pooled_ = 0, next_second_ = 0;
    RowRing<float> convolved_, pooled_, second_, third_, heads_;
};

// P-Net in integers over a level, row by row.
class ScreeningScan {
  public:
    ScreeningScan(const Kernels& kernels, const ScreeningNet& net, int cells, int first)
        : kernels_(kernels),
          net_(net),
          cells_(cells),
          next_pixels_(2 * first),
          next_pooled_(first),
          next_second_(first),
          value_size_(kernels.element == Element::kInt16 ? 2 : 1),
          pixels_(4, (2 * cells + 11) * 3 * value_size_),
          pooled_(kDepth, (cells + 4) * net.conv2.stride * value_size_),
          second_(kDepth, (cells + 2) * net.conv3.stride * value_size_),
          logits_(kBandRows, cells) {}

    // The logits of a row of cells, [cells]; those of the band before it are kept.
    const float* row(LevelRows& level, int y) {
        for (; next_second_ < y + kDepth; ++next_second_) {
            for (; next_pooled_ < next_second_ + kDepth; ++next_pooled_) pool(level, next_pooled_);
            const auto rows = last_rows<kDepth>(pooled_, next_second_);
            kernels_.screen_row(rows.data(), net_.conv2, cells_ + 2, second_.row(next_second_),
                                net_.conv3.stride);
        }
        const auto rows = last_rows<kDepth>(second_, y);
        kernels_.screen_logits(rows.data(), net_.conv3, net_.head, net_.head_bias, cells_,
                               logits_.row(y));
        return logits_.row(y);
    }

  private:
    void pool(LevelRows& level, int y) {
        for (; next_pixels_ < 2 * y + 4; ++next_pixels_)
            kernels_.to_elements(level.row(next_pixels_), (2 * cells_ + 10) * 3,
                                 pixels_.row(next_pixels_));
        const auto rows = last_rows<4>(pixels_, 2 * y);
        kernels_.screen_pool_row(rows.data(), net_.conv1, cells_ + 4, pooled_.row(y),
                                 net_.conv2.stride);
    }

    template <size_t kCount>
    static std::array<const void*, kCount> last_rows(RowRing<uint8_t>& ring, int y) {
        std::array<const void*, kCount> rows{};
        for (size_t i = 0; i < kCount; ++i) rows.at(i) = ring.row(y + static_cast<int>(i));
        return rows;
    }

    const Kernels& kernels_;
    const ScreeningNet& net_;
    int cells_;
    int next_pixels_, next_pooled_, next_second_;
    int value_size_;
    RowRing<uint8_t> pixels_, pooled_, second_;
    RowRing<float> logits_;
};

// Passing cells of neighbouring columns are rechecked together, in rectangles of at most this many
// columns and a band's rows.
constexpr int kLargestWidth = 16;

class Strip {
  public:
    Strip(const Kernels& kernels, const PNet& net, const Level& level, int first, float threshold)
        : kernels_(kernels),
          net_(net),
          rows_(kernels, level, 2 * first),
          columns_(level.cell_columns()),
          threshold_(threshold) {}

    Proposals scan(int first, int last) {
        FloatScan scan(kernels_, net_, columns_);
        scan.start(first);
        for (int y = first; y < last; ++y) propose(scan.row(rows_, y, 0), y, 0, columns_, found_);
        return std::move(found_);
    }

    Proposals screen(const ScreeningNet& screening, int first, int last) {
        ScreeningScan scan(kernels_, screening, columns_, first);
        const float least = threshold_ - screening.margin;
        for (int y = first; y < last; y += kBandRows) {
            Band band{y, std::min(kBandRows, last - y), {}, {}};
            for (int i = 0; i < band.rows; ++i) {
                const float* logits = scan.row(rows_, y + i);
                band.logits.at(as_size(i)) = logits;
                if (i == 0) band.best.assign(logits, logits + columns_);
                for (size_t x = 0; x < band.best.size(); ++x)
                    band.best[x] = std::max(band.best[x], logits[x]);
            }
            recheck(band, least);
        }
        return std::move(found_);
    }

  private:
    struct Band {
        int first, rows;
        std::array<const float*, kBandRows> logits;
        std::vector<float> best;  // of each column
    };

    // Recheck the columns that have a passing cell, neighbours together.
    void recheck(const Band& band, float least) {
        std::array<Proposals, kBandRows> found;
        const auto passes = [&](int x) { return band.best[as_size(x)] > least; };
        for (int x = 0; x < columns_;) {
            const int begin = x++;
            if (!passes(begin)) continue;
            while (x < columns_ && x < begin + kLargestWidth && passes(x)) ++x;
            recheck_columns(band, begin, x, least, found);
        }
        for (const Proposals& row : found) found_.append(row);
    }

    // Decide in float32 on the cells of the columns begin..end, between the rows that have a
    // passing one.
    void recheck_columns(const Band& band, int begin, int end, float least,
                         std::array<Proposals, kBandRows>& found) {
        const auto has_passed = [&](int row) {
            const float* logits = band.logits.at(as_size(row));
            return std::any_of(logits + begin, logits + end,
                               [&](float logit) { return logit > least; });
        };
        int top = 0, bottom = band.rows;
        while (!has_passed(top)) ++top;
        while (!has_passed(bottom - 1)) --bottom;
        FloatScan& scan = scan_of(end - begin);
        scan.start(band.first + top);
        for (int i = top; i < bottom; ++i)
            propose(scan.row(rows_, band.first + i, begin), band.first + i, begin, end - begin,
                    found.at(as_size(i)));
    }

    FloatScan& scan_of(int cells) {
        std::unique_ptr<FloatScan>& scan = scans_.at(as_size(cells - 1));
        if (!scan) scan = std::make_unique<FloatScan>(kernels_, net_, cells);
        return *scan;
    }

    void propose(const float* heads, int y, int column, int cells, Proposals& found) const {
        for (int x = 0; x < cells; ++x, heads += kHeads) {
            if (!(heads[0] > threshold_)) continue;
            found.cells.push_back({y, column + x});
            found.logits.push_back(heads[0]);
            found.offsets.push_back({heads[1], heads[2], heads[3], heads[4]});
        }
    }

    const Kernels& kernels_;
    const PNet& net_;
    LevelRows rows_;
    int columns_;
    float threshold_;
    std::array<std::unique_ptr<FloatScan>, kLargestWidth> scans_;
    Proposals found_;
};

}  // namespace

void Proposals::append(const Proposals& other) {
    cells.insert(cells.end(), other.cells.begin(), other.cells.end());
    logits.insert(logits.end(), other.logits.begin(), other.logits.end());
    offsets.insert(offsets.end(), other.offsets.begin(), other.offsets.end());
}

void resize_row(const Kernels& kernels, const Source& source, const AxisTable& rows,
                const AxisTable& columns, int y, float* blended, float* out) {
    const Axis axis = rows.axis();
    const float* weights = axis.weights + y * axis.taps;
    const size_t row_values = 3 * as_size(source.width);
    const size_t begin = as_size(axis.first[y]) * row_values;
    const auto blend = [&](auto function, const auto* values) {
        std::vector<decltype(values)> taps(as_size(axis.taps));
        for (size_t t = 0; t < taps.size(); ++t) taps[t] = values + begin + t * row_values;
        function(taps.data(), weights, axis.taps, 3 * source.width, blended);
    };
    if (source.bytes)
        blend(kernels.blend_bytes, source.bytes);
    else
        blend(kernels.blend_floats, source.floats);
    kernels.resample_row(blended, columns.axis(), out);
}

Proposals scan_strip(const Kernels& kernels, const PNet& net, const ScreeningNet* screening,
                     const Level& level, int first, int last, float threshold_logit) {
    Strip strip(kernels, net, level, first, threshold_logit);
    return screening ? strip.screen(*screening, first, last) : strip.scan(first, last);
}

std::vector<float> cell_logits(const Kernels& kernels, const PNet& net,
                               const ScreeningNet* screening, const Level& level) {
    const int columns = level.cell_columns();
    LevelRows rows(kernels, level, 0);
    std::vector<float> logits;
    const auto add_rows = [&](const auto& row_of, int step) {
        for (int y = 0; y < level.cell_rows(); ++y) {
            const float* row = row_of(y);
            for (int x = 0; x < columns; ++x) logits.push_back(row[x * step]);
        }
    };
    if (screening) {
        ScreeningScan scan(kernels, *screening, columns, 0);
        add_rows([&](int y) { return scan.row(rows, y); }, 1);
    } else {
        FloatScan scan(kernels, net, columns);
        add_rows([&](int y) { return scan.row(rows, y, 0); }, kHeads);
    }
    return logits;
}

}  // namespace facedetect

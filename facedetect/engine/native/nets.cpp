#include "nets.h"

#include <algorithm>
#include <array>
#include <utility>

namespace facedetect {

namespace {

constexpr int kLargestSide = 3;  // of a convolution, and of a pool's window

int pooled(int size, int window) {
    // The last window may extend beyond the edge, as in the author's framework.
    return window ? (size - window + 1) / 2 + 1 : size;
}

}  // namespace

const float* Arrays::optional_floats(const std::string& name) const {
    const auto array = floats.find(name);
    return array == floats.end() ? nullptr : array->second.data();
}

Layer Arrays::layer(const std::string& name) const {
    const std::vector<int>& shape = shapes.at(name);
    return {floats.at(name + "/weights").data(),
            floats.at(name + "/bias").data(),
            optional_floats(name + "/slope"),
            shape.at(0),
            shape.at(1),
            shape.at(2)};
}

ScreeningLayer Arrays::screening_layer(const std::string& name) const {
    const std::vector<int>& shape = shapes.at(name);
    const auto wide = words.find(name + "/weights");
    const void* weights = wide == words.end()
                              ? static_cast<const void*>(bytes.at(name + "/weights").data())
                              : static_cast<const void*>(wide->second.data());
    return {weights,
            floats.at(name + "/scale").data(),
            floats.at(name + "/bias").data(),
            floats.at(name + "/slope").data(),
            shape.at(0),
            shape.at(1),
            optional_floats(name + "/out_scale"),
            optional_floats(name + "/out_zero")};
}

CropFeatures::CropFeatures(const Kernels& kernels, int in, std::vector<Stage> stages)
    : kernels_(kernels), in_(in), side_(in), stages_(std::move(stages)) {
    for (const Stage& stage : stages_) {
        side_ = pooled(side_ - stage.conv.side + 1, stage.pool);
        largest_map_ = std::max(largest_map_, static_cast<size_t>(side_ * side_) *
                                                  static_cast<size_t>(stage.conv.outputs));
    }
}

void CropFeatures::run(const float* crop, float* out, int out_stride) const {
    std::array<std::vector<float>, 2> maps;
    for (std::vector<float>& map : maps) map.resize(largest_map_ + kSlack);
    Map in{in_, in_, 3, crop};
    for (size_t i = 0; i < stages_.size(); ++i) {
        const Stage& stage = stages_[i];
        const bool is_last = i + 1 == stages_.size();
        float* result = is_last ? out : maps.at(i % 2).data();
        run_stage(stage, in, is_last ? out_stride : stage.conv.outputs, result);
        const int side = pooled(in.width - stage.conv.side + 1, stage.pool);
        in = {side, side, stage.conv.outputs, result};
    }
}

void CropFeatures::run_stage(const Stage& stage, const Map& in, int out_stride, float* out) const {
    const Layer& conv = stage.conv;
    const int width = in.width - conv.side + 1;
    const auto convolve = [&](int y, float* row, int stride) {
        std::array<const float*, kLargestSide> rows{};
        for (int i = 0; i < conv.side; ++i) rows.at(static_cast<size_t>(i)) = in.row(y + i);
        kernels_.conv_row(rows.data(), in.channels, conv, width, row, stride);
    };
    if (!stage.pool) {
        for (int y = 0; y < width; ++y) convolve(y, out + y * width * out_stride, out_stride);
        return;
    }
    // The rows of one window, pooled while they are in the cache.
    const int row_values = width * conv.outputs;
    std::vector<float> ring(static_cast<size_t>(stage.pool * row_values + kSlack));
    const int out_width = pooled(width, stage.pool);
    for (int y = 0, next = 0; y < out_width; ++y) {
        const int last = std::min(2 * y + stage.pool, width);
        std::array<const float*, kLargestSide> rows{};
        for (int i = 2 * y; i < last; ++i) {
            float* row = ring.data() + i % stage.pool * row_values;
            if (i >= next) convolve(i, row, conv.outputs);
            rows.at(static_cast<size_t>(i - 2 * y)) = row;
        }
        next = last;
        kernels_.max_pool_row(rows.data(), last - 2 * y, stage.pool, 2, width, out_width,
                              conv.outputs, out + y * out_width * conv.outputs);
    }
}

void CropNet::run(const float* crops, int count, float* out) const {
    const int values = features_.values();
    std::vector<float> features(static_cast<size_t>(count * values + kSlack));
    std::vector<float> hidden(static_cast<size_t>(count * hidden_.outputs + kSlack));
    for (int i = 0; i < count; ++i)
        features_.run(crops + i * crop_values(), features.data() + i * values,
                      features_.channels());
    const float* in = features.data();
    kernels_.conv_row(&in, values, hidden_, count, hidden.data(), hidden_.outputs);
    in = hidden.data();
    kernels_.conv_row(&in, hidden_.outputs, heads_, count, out, kColumns);
}

CropNet make_rnet(const Kernels& kernels, const Arrays& arrays) {
    CropFeatures features(kernels, 24,
                          {{arrays.layer("rnet/conv1"), 3},
                           {arrays.layer("rnet/conv2"), 3},
                           {arrays.layer("rnet/conv3")}});
    return {kernels, 24, std::move(features), arrays.layer("rnet/dense"),
            arrays.layer("rnet/heads")};
}

CropNet make_onet(const Kernels& kernels, const Arrays& arrays) {
    CropFeatures features(kernels, 48,
                          {{arrays.layer("onet/conv1"), 3},
                           {arrays.layer("onet/conv2"), 3},
                           {arrays.layer("onet/conv3"), 2},
                           {arrays.layer("onet/conv4")}});
    return {kernels, 48, std::move(features), arrays.layer("onet/dense"),
            arrays.layer("onet/heads")};
}

LandmarkNet::LandmarkNet(const Kernels& kernels, const Arrays& arrays)
    : kernels_(kernels),
      joined_(arrays.layer("lnet/dense")),
      by_point_(arrays.layer("lnet/points")),
      positions_(arrays.layer("lnet/positions")) {
    for (int point = 1; point <= kPoints; ++point) {
        const std::string suffix = "_" + std::to_string(point);
        features_.push_back(CropFeatures(kernels, kSide,
                                         {{arrays.layer("lnet/conv1" + suffix), 3},
                                          {arrays.layer("lnet/conv2" + suffix), 3},
                                          {arrays.layer("lnet/conv3" + suffix)}}));
    }
}

void LandmarkNet::run(const float* patches, float* out) const {
    const int channels = features_[0].channels(), all = kPoints * channels;
    std::vector<float> maps(static_cast<size_t>(kPoints * features_[0].values() + kSlack));
    for (int point = 0; point < kPoints; ++point)
        features_[static_cast<size_t>(point)].run(patches + point * kSide * kSide * 3,
                                                  maps.data() + point * channels, all);
    std::vector<float> joined(static_cast<size_t>(joined_.outputs + kSlack));
    std::vector<float> by_point(static_cast<size_t>(by_point_.outputs + kSlack));
    const float* in = maps.data();
    kernels_.conv_row(&in, joined_.inputs, joined_, 1, joined.data(), joined_.outputs);
    in = joined.data();
    kernels_.conv_row(&in, joined_.outputs, by_point_, 1, by_point.data(), by_point_.outputs);
    in = by_point.data();
    kernels_.conv_row(&in, by_point_.outputs, positions_, 1, out, positions_.outputs);
}

PNet::PNet(const Arrays& arrays)
    : conv1(arrays.layer("pnet/conv1")),
      conv2(arrays.layer("pnet/conv2")),
      conv3(arrays.layer("pnet/conv3")),
      heads(arrays.layer("pnet/heads")) {}

ScreeningNet::ScreeningNet(const Arrays& arrays)
    : conv1(arrays.screening_layer("screening/conv1")),
      conv2(arrays.screening_layer("screening/conv2")),
      conv3(arrays.screening_layer("screening/conv3")),
      head(arrays.floats.at("screening/head/weights").data()),
      head_bias(arrays.floats.at("screening/head/bias").at(0)),
      margin(arrays.floats.at("screening/margin").at(0)) {}

}  // namespace facedetect

#include "nets.h"

#include <algorithm>
#include <utility>

#include "convolution.h"

namespace facedetect {

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
            shape.at(2),
            shape.at(3) != 0};
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

CropFeatures::CropFeatures(const Kernels& kernels, int in, std::vector<PooledLayer> pooled,
                           Layer last)
    : kernels_(kernels), in_(in), side_(in), pooled_(std::move(pooled)), last_(last) {
    for (const auto& [conv, window] : pooled_) {
        side_ = pooled_side(side_ - conv.side + 1, window);
        largest_map_ = std::max(largest_map_, as_size(side_ * side_ * conv.outputs));
    }
    side_ -= last_.side - 1;
}

void CropFeatures::run(const float* crop, float* out, int out_stride) const {
    Buffer<float> map(largest_map_), next(largest_map_);
    Map in{in_, 3, crop};
    for (const auto& [conv, window] : pooled_) {
        convolve_and_pool(kernels_, conv, in, window, next.data());
        in = {pooled_side(in.side - conv.side + 1, window), conv.outputs, next.data()};
        std::swap(map, next);
    }
    convolve(kernels_, last_, in, out, out_stride);
}

void CropNet::run(const float* crops, int count, float* out) const {
    const int values = features_.values();
    Buffer<float> features(as_size(count * values)), hidden(as_size(count * hidden_.outputs));
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
                          {{arrays.layer("rnet/conv1"), 3}, {arrays.layer("rnet/conv2"), 3}},
                          arrays.layer("rnet/conv3"));
    return {kernels, 24, std::move(features), arrays.layer("rnet/dense"),
            arrays.layer("rnet/heads")};
}

CropNet make_onet(const Kernels& kernels, const Arrays& arrays) {
    CropFeatures features(kernels, 48,
                          {{arrays.layer("onet/conv1"), 3},
                           {arrays.layer("onet/conv2"), 3},
                           {arrays.layer("onet/conv3"), 2}},
                          arrays.layer("onet/conv4"));
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
        features_.push_back(CropFeatures(
            kernels, kSide,
            {{arrays.layer("lnet/conv1" + suffix), 3}, {arrays.layer("lnet/conv2" + suffix), 3}},
            arrays.layer("lnet/conv3" + suffix)));
    }
}

void LandmarkNet::run(const float* patches, float* out) const {
    const int channels = features_[0].channels(), all = kPoints * channels;
    Buffer<float> maps(as_size(kPoints * features_[0].values()));
    for (int point = 0; point < kPoints; ++point)
        features_[as_size(point)].run(patches + point * kSide * kSide * 3,
                                      maps.data() + point * channels, all);
    Buffer<float> joined(as_size(joined_.outputs)), by_point(as_size(by_point_.outputs));
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

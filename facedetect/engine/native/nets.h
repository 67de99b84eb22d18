// The nets in float32, and P-Net in integers.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "maps.h"

namespace facedetect {

// Arrays by their names, such as "rnet/conv1/weights", in the kernels' layouts.
struct Arrays {
    std::map<std::string, std::vector<float>> floats;
    std::map<std::string, std::vector<int8_t>> bytes;   // weights of screening layers
    std::map<std::string, std::vector<int16_t>> words;  // the same for 16-bit sets
    std::map<std::string, std::vector<int>> shapes;     // side, inputs, outputs of each layer

    bool has(const std::string& layer) const { return shapes.contains(layer); }
    // Null if there is no such array.
    const float* optional_floats(const std::string& name) const;
    // Both raise std::out_of_range if an array is missing.
    Layer layer(const std::string& name) const;
    ScreeningLayer screening_layer(const std::string& name) const;
};

// The convolutions of a net on crops: some with a maximum pool, and a last one without.
class CropFeatures {
  public:
    struct PooledLayer {
        Layer conv;
        int window;
    };

    // `in` is a crop's side.
    CropFeatures(const Kernels& kernels, int in, std::vector<PooledLayer> pooled, Layer last);

    // Values of one pixel of the result, and of all.
    int channels() const { return last_.outputs; }
    int values() const { return side_ * side_ * channels(); }

    // Runs on a crop [in, in, 3]; the result [side, side, channels] goes to `out`, whose pixels are
    // out_stride values apart.
    void run(const float* crop, float* out, int out_stride) const;

  private:
    const Kernels& kernels_;
    int in_;
    int side_;
    size_t largest_map_ = 0;  // after a pool
    std::vector<PooledLayer> pooled_;
    Layer last_;
};

// R-Net or O-Net: convolutions, a dense layer with PReLU, and the heads side by side.
class CropNet {
  public:
    CropNet(const Kernels& kernels, int side, CropFeatures features, Layer hidden, Layer heads)
        : kernels_(kernels),
          side_(side),
          features_(std::move(features)),
          hidden_(hidden),
          heads_(heads) {}

    int side() const { return side_; }
    // Values of a crop, and of its result: the face's logit, four offsets and, from O-Net, ten
    // landmarks; the rest is padding.
    int crop_values() const { return side_ * side_ * 3; }
    static constexpr int kColumns = kBlock;

    // Runs on `count` crops [count, side, side, 3]: [count, kColumns].
    void run(const float* crops, int count, float* out) const;

  private:
    const Kernels& kernels_;
    int side_;
    CropFeatures features_;
    Layer hidden_;
    Layer heads_;
};

// The fourth net: patches around a face's five landmarks, joined by dense layers.
class LandmarkNet {
  public:
    static constexpr int kPoints = 5;
    static constexpr int kSide = 24;

    LandmarkNet(const Kernels& kernels, const Arrays& arrays);

    // Runs on patches [5, side, side, 3]: y1..y5, x1..x5 in units of the patch, [kBlock].
    void run(const float* patches, float* out) const;

  private:
    const Kernels& kernels_;
    std::vector<CropFeatures> features_;
    Layer joined_;
    Layer by_point_;
    Layer positions_;
};

CropNet make_rnet(const Kernels& kernels, const Arrays& arrays);
CropNet make_onet(const Kernels& kernels, const Arrays& arrays);

// P-Net in float32.
struct PNet {
    explicit PNet(const Arrays& arrays);
    Layer conv1, conv2, conv3, heads;
};

// P-Net in integers.
struct ScreeningNet {
    explicit ScreeningNet(const Arrays& arrays);
    ScreeningLayer conv1, conv2, conv3;
    const float* head;  // [2 * kBlock]
    float head_bias;
    float margin;  // how far below the threshold a logit passes
};

}  // namespace facedetect

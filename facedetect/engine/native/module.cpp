// The Python module facedetect.engine._native.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cascade.h"
#include "dispatch.h"

namespace nb = nanobind;

namespace facedetect {
namespace {

using AnyArray = nb::ndarray<nb::c_contig, nb::device::cpu, nb::ro>;
using ImageArray = nb::ndarray<const uint8_t, nb::shape<-1, -1, 3>, nb::c_contig, nb::device::cpu>;

template <class T>
std::vector<T> copy_of(const AnyArray& array) {
    const T* values = static_cast<const T*>(array.data());
    return {values, values + array.size()};
}

Arrays to_arrays(const std::map<std::string, AnyArray>& arrays,
                 const std::map<std::string, std::vector<int>>& shapes) {
    Arrays result;
    result.shapes = shapes;
    for (const auto& [name, array] : arrays) {
        if (array.dtype() == nb::dtype<float>())
            result.floats[name] = copy_of<float>(array);
        else if (array.dtype() == nb::dtype<int8_t>())
            result.bytes[name] = copy_of<int8_t>(array);
        else if (array.dtype() == nb::dtype<int16_t>())
            result.words[name] = copy_of<int16_t>(array);
        else
            throw std::invalid_argument(name + " has another type");
    }
    return result;
}

Geometry to_geometry(const std::map<std::string, float>& fields) {
    const auto flag = [&](const char* name) { return fields.at(name) != 0; };
    return {flag("rounds_levels_up"),    flag("resamples_by_area"),
            flag("truncates_squares"),   flag("averages_landmarks"),
            fields.at("box_extent"),     fields.at("crop_origin"),
            fields.at("landmark_shift"), fields.at("scale_overlap"),
            fields.at("pnet_overlap"),   fields.at("rnet_overlap"),
            fields.at("onet_overlap"),   static_cast<int>(fields.at("max_candidates"))};
}

const char* element_name(Element element) {
    switch (element) {
        case Element::kUint8:
            return "uint8";
        case Element::kInt8:
            return "int8";
        case Element::kInt16:
            return "int16";
        case Element::kNone:
            break;
    }
    return "float32";
}

const Kernels& find_kernels(const std::string& name) {
    for (const Kernels* kernels : available_kernels())
        if (name == kernels->name) return *kernels;
    throw std::invalid_argument("this processor has no " + name);
}

// An array [count, columns], or [count] if columns is 0, that owns its values.
nb::object to_numpy(const float* values, size_t count, size_t columns) {
    auto copy =
        std::make_unique<std::vector<float>>(values, values + count * std::max<size_t>(columns, 1));
    float* data = copy->data();
    nb::capsule owner(copy.release(),
                      [](void* p) noexcept { delete static_cast<std::vector<float>*>(p); });
    const size_t shape[] = {count, columns};
    return nb::cast(nb::ndarray<nb::numpy, float>(data, columns ? 2 : 1, shape, owner));
}

Image to_image(const ImageArray& array) {
    return {static_cast<int>(array.shape(0)), static_cast<int>(array.shape(1)), array.data()};
}

nb::tuple detect(Cascade& cascade, const ImageArray& array, float min_size,
                 std::array<float, 3> thresholds, float factor, std::optional<double> timeout_s) {
    const Image image = to_image(array);
    Params params{min_size, thresholds, factor, std::nullopt};
    if (timeout_s)
        params.deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                             std::chrono::duration<double>(*timeout_s));
    Faces faces;
    {
        const nb::gil_scoped_release release;
        faces = cascade.detect(image, params);
    }
    const size_t count = faces.scores.size();
    return nb::make_tuple(
        to_numpy(faces.scores.data(), count, 0),
        to_numpy(reinterpret_cast<const float*>(faces.landmarks.data()), count, 10),
        to_numpy(reinterpret_cast<const float*>(faces.boxes.data()), count, 4));
}

// Both [rows, columns]; the screened ones are empty if this instruction set does not screen.
nb::tuple level_logits(Cascade& cascade, const ImageArray& array, float scale) {
    const Cascade::CellLogits logits = cascade.cell_logits(to_image(array), scale);
    const size_t rows = logits.screened.empty() ? 0 : static_cast<size_t>(logits.rows);
    const size_t columns = static_cast<size_t>(std::max(logits.columns, 1));
    return nb::make_tuple(to_numpy(logits.screened.data(), rows, columns),
                          to_numpy(logits.exact.data(), static_cast<size_t>(logits.rows), columns));
}

}  // namespace
}  // namespace facedetect

NB_MODULE(_native, module) {
    using namespace facedetect;
    module.doc() = "The cascade in C++.";

    nb::exception<DeadlineExceeded>(module, "DeadlineExceeded", PyExc_TimeoutError);
    nb::exception<Closed>(module, "Closed", PyExc_RuntimeError);

    module.def("instruction_sets", [] {
        std::vector<std::pair<std::string, std::string>> names;
        for (const Kernels* kernels : available_kernels())
            names.emplace_back(kernels->name, element_name(kernels->element));
        return names;
    });

    nb::class_<Cascade>(module, "Cascade")
        .def("__init__",
             [](Cascade* cascade, const std::map<std::string, AnyArray>& arrays,
                const std::map<std::string, std::vector<int>>& shapes,
                const std::map<std::string, float>& geometry, int threads,
                const std::string& instruction_set) {
                 new (cascade) Cascade(find_kernels(instruction_set), to_arrays(arrays, shapes),
                                       to_geometry(geometry), threads);
             })
        .def("detect", detect, nb::arg("image").noconvert(), nb::arg("min_size"),
             nb::arg("thresholds"), nb::arg("factor"), nb::arg("timeout_s").none())
        .def("cell_logits", level_logits, nb::arg("image").noconvert(), nb::arg("scale"))
        .def("close", &Cascade::close);
}

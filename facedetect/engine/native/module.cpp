// The Python module facedetect.engine._native.

#include <nanobind/nanobind.h>

NB_MODULE(_native, module) { module.doc() = "The cascade in C++."; }

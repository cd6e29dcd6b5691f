#pragma once

#include <pybind11/pybind11.h>

namespace bqq::python {

void bind_indexes(pybind11::module_& m);
void bind_concurrent_index(pybind11::module_& m);
void bind_codecs(pybind11::module_& m);
void bind_diagnose(pybind11::module_& m);
void bind_tune(pybind11::module_& m);

} // namespace bqq::python

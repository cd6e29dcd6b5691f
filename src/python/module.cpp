#include "index/error_message.h"
#include "python/bindings.h"
#include "python/long_call.h"

#include <bqq/error.h>
#include <bqq/version.h>

#include <faiss/impl/FaissException.h>
#include <omp.h>

#include <exception>
#include <string>
#include <utility>

namespace {

namespace py = pybind11;

/// What C++ throws, as Python knows it.
void translate(std::exception_ptr pointer) {
    try {
        std::rethrow_exception(std::move(pointer));
    } catch (const faiss::FaissException& error) {
        PyErr_SetString(PyExc_ValueError, bqq::error_message(error).c_str());
    } catch (const bqq::InvalidArgument& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const bqq::FileError& error) {
        PyErr_SetString(PyExc_OSError, error.what());
    }
}

void set_num_threads(int count) {
    if (count < 1)
        throw py::value_error(
                "the number of threads is " + std::to_string(count) + ", it has to be at least 1");
    omp_set_num_threads(count);
}

} // namespace

PYBIND11_MODULE(_bqq, m) {
    m.doc() = "What bqq has in C++; use the package bqq.";
    m.attr("__version__") = BQQ_VERSION;
    py::register_exception_translator(&translate);
    bqq::python::watch_signals();
    bqq::python::bind_indexes(m);
    bqq::python::bind_concurrent_index(m);
    bqq::python::bind_codecs(m);
    bqq::python::bind_diagnose(m);
    bqq::python::bind_tune(m);
    m.def("set_num_threads", &set_num_threads, py::arg("count"),
          "Threads of all later calls, those of other libraries that use OpenMP included.");
    m.def("get_num_threads", &omp_get_max_threads, "Threads of a call.");
}

#include "python/arguments.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/long_call.h"

#include <bqq/index/tune.h>

#include <pybind11/stl.h>

#include <optional>
#include <string>

namespace bqq::python {

namespace {

py::dict to_dict(const TunedIndex& index) {
    py::dict search;
    for (const auto& [name, value] : index.search) search[name.c_str()] = value;
    py::dict result;
    result["factory"] = index.factory;
    result["search"] = search;
    result["bytes"] = index.bytes;
    result["recall"] = index.recall;
    result["ms"] = index.ms;
    return result;
}

py::tuple tune_arrays(
        const py::object& x, const py::object& queries, bool inner_product,
        std::optional<double> max_bytes, std::optional<double> min_recall,
        std::optional<double> max_ms, int64_t k, double seconds, uint64_t seed,
        const py::object& progress) {
    const Rows base = to_rows(x, "x", 0);
    const Rows asked = to_rows(queries, "queries", base.d);
    LongCall call(progress);
    TuneParameters parameters;
    parameters.k = to_size(k, "k");
    parameters.seed = seed;
    parameters.seconds = seconds;
    parameters.progress = call.listener();
    parameters.tried = [&](const TunedIndex&) { call.check(); };
    Tuned tuned;
    call.run([&] {
        tuned = tune(
                static_cast<int>(base.d),
                inner_product ? faiss::METRIC_INNER_PRODUCT : faiss::METRIC_L2, base.n, base.data(),
                asked.n, asked.data(), {max_bytes, min_recall, max_ms}, parameters);
    });
    py::list tried;
    for (const TunedIndex& index : tuned.tried) tried.append(to_dict(index));
    return py::make_tuple(
            to_dict(tuned.predicted), to_dict(tuned.measured), tuned.fulfils, std::move(tried));
}

} // namespace

void bind_tune(py::module_& m) {
    m.def("tune", &tune_arrays, "What bqq.tune() calls.");
}

} // namespace bqq::python

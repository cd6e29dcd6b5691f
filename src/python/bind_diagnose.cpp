#include "python/arguments.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/long_call.h"

#include <bqq/index/diagnose.h>

#include <pybind11/stl.h>

#include <vector>

namespace bqq::python {

namespace {

py::dict to_dict(const std::vector<Measure>& measures) {
    py::dict result;
    for (const Measure& measure : measures) result[measure.name.c_str()] = measure.value;
    return result;
}

py::dict to_dict(const Diagnosis& diagnosis) {
    py::list coding, losses, findings;
    for (const CodingDiagnosis& point : diagnosis.coding)
        coding.append(py::dict(
                py::arg("bits") = point.bits, py::arg("bytes") = point.bytes,
                py::arg("error") = point.error, py::arg("shannon") = point.shannon,
                py::arg("recall") = point.recall));
    for (const Finding& finding : diagnosis.findings)
        findings.append(py::make_tuple(finding.what, finding.knob));
    py::object queries = py::none(), index = py::none();
    if (diagnosis.queries) queries = to_dict(diagnosis.query_measures());
    if (diagnosis.index) {
        for (const RecallLoss& loss : diagnosis.index->losses)
            losses.append(py::dict(
                    py::arg("part") = loss.part, py::arg("recall") = loss.recall,
                    py::arg("knob") = loss.knob, py::arg("value") = loss.value,
                    py::arg("enough") = loss.enough));
        index = to_dict(diagnosis.index_measures());
        index["losses"] = losses;
    }
    const std::vector<double>& spectrum = diagnosis.vectors.spectrum;
    return py::dict(
            py::arg("vectors") = to_dict(diagnosis.vector_measures()), py::arg("queries") = queries,
            py::arg("coding") = coding, py::arg("index") = index, py::arg("findings") = findings,
            py::arg("spectrum") =
                    py::array_t<double>(static_cast<py::ssize_t>(spectrum.size()), spectrum.data()),
            py::arg("text") = diagnosis.text());
}

py::dict diagnose_arrays(
        const py::object& x, const py::object& queries, faiss::Index* index, bool inner_product,
        int64_t k, uint64_t seed, const py::object& progress) {
    const Rows base = to_rows(x, "x", index == nullptr ? 0 : index->d);
    Rows asked{{}, 0, base.d, false};
    if (!queries.is_none()) asked = to_rows(queries, "queries", base.d);
    LongCall call(progress);
    DiagnoseParameters parameters;
    parameters.k = to_size(k, "k");
    parameters.seed = seed;
    parameters.progress = call.listener();
    Diagnosis diagnosis;
    call.run([&] {
        diagnosis = diagnose(
                static_cast<int>(base.d),
                inner_product ? faiss::METRIC_INNER_PRODUCT : faiss::METRIC_L2, base.n, base.data(),
                asked.n, asked.data(), index, parameters);
    });
    return to_dict(diagnosis);
}

} // namespace

void bind_diagnose(py::module_& m) {
    m.def("diagnose", &diagnose_arrays, "What bqq.diagnose() calls.");
}

} // namespace bqq::python

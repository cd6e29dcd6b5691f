#pragma once

#include "python/arrays.h"
#include "python/long_call.h"

#include <faiss/Index.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace bqq::python {

/// The keywords of a search.
struct SearchOptions {
    std::optional<int64_t> nprobe;
    std::optional<int64_t> ef;
    py::object filter;
    py::object exclude;
};

// A search in Python takes these after its own arguments.
#define SEARCH_ARGUMENTS                                                                \
    std::optional<int64_t> nprobe, std::optional<int64_t> ef, const py::object &filter, \
            const py::object &exclude
#define SEARCH_OPTIONS              \
    SearchOptions {                 \
        nprobe, ef, filter, exclude \
    }
#define SEARCH_KEYWORDS                                                        \
    py::kw_only(), py::arg("nprobe") = py::none(), py::arg("ef") = py::none(), \
                   py::arg("filter") = py::none(), py::arg("exclude") = py::none()

/// FAISS's search parameters for an index.
class Parameters {
public:
    /// @throws py::value_error  for an option that the index does not have
    Parameters(const faiss::Index& index, const SearchOptions& options);

    /// nullptr when no option was given.
    const faiss::SearchParameters* get() const { return parameters_.get(); }

private:
    Filter filter_;
    std::unique_ptr<faiss::SearchParameters> parameters_;
};

/// @throws py::value_error  for k < 1
void check_k(int64_t k, int64_t n);

/** (distances, labels), as FAISS orders them: n x k, or k for a single vector. Missing ones are -1.
 * @param searched  has search() as faiss::Index does
 */
template <class Searched>
py::tuple search(
        const Searched& searched, int64_t d, const py::object& x, int64_t k,
        const Parameters& parameters) {
    const Rows rows = to_rows(x, "x", d);
    check_k(k, rows.n);
    const auto shape =
            rows.is_one ? py::array::ShapeContainer{k} : py::array::ShapeContainer{rows.n, k};
    py::array_t<float> distances(shape);
    py::array_t<int64_t> labels(shape);
    float* to_distances = distances.mutable_data();
    int64_t* to_labels = labels.mutable_data();
    LongCall call;
    call.run([&] {
        searched.search(rows.n, rows.data(), k, to_distances, to_labels, parameters.get());
    });
    return py::make_tuple(std::move(distances), std::move(labels));
}

} // namespace bqq::python

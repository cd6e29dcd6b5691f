#include "index/error_message.h"
#include "index/wrapped_index.h"
#include "python/arguments.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/long_call.h"
#include "python/search.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexHNSWBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexNNDescent.h>
#include <faiss/IndexNSG.h>
#include <faiss/IndexRefine.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bqq::python {

namespace {

// pybind11 takes an index for one of its class in Python only from this pointer.
using IndexPointer = std::shared_ptr<faiss::Index>;

constexpr int64_t kRowsAtOnce = 1 << 14; // between two looks at Ctrl-C

/// @throws py::value_error  for another name
faiss::MetricType to_index_metric(const std::string& name) {
    if (name == "l2") return faiss::METRIC_L2;
    if (name == "ip" || name == "cosine") return faiss::METRIC_INNER_PRODUCT;
    throw py::value_error("metric is '" + name + "', it has to be 'l2', 'ip' or 'cosine'");
}

IndexPointer make_index(int64_t d, const std::string& description, const std::string& metric) {
    const faiss::MetricType type = to_index_metric(metric);
    if (to_size(d, "d") > static_cast<size_t>(std::numeric_limits<int>::max()))
        throw py::value_error("d is " + std::to_string(d) + ", it has to be below 2^31");
    auto index = index_factory(static_cast<int>(d), description, type);
    if (metric == "cosine") index = cosine_index(std::move(index));
    return index;
}

void train(
        faiss::Index& index, const py::object& x, std::optional<uint64_t> seed,
        const py::object& progress) {
    const Rows rows = to_rows(x, "x", index.d);
    constexpr uint64_t kMostSeed = std::numeric_limits<int>::max(); // FAISS's k-means takes an int
    if (seed && *seed > kMostSeed)
        throw py::value_error("seed is " + std::to_string(*seed) + ", it has to be below 2^31");
    TrainingParameters* training = find_training(index);
    if (training != nullptr && seed) training->seed = *seed;
    if (auto* ivf = find_index<faiss::IndexIVF>(&index); ivf != nullptr && seed)
        ivf->cp.seed = static_cast<int>(*seed);
    LongCall call(progress);
    if (training != nullptr) training->progress = call.listener();
    const auto forget = [&] {
        if (training != nullptr) training->progress = {};
    };
    try {
        call.run([&] { index.train(rows.n, rows.data()); });
    } catch (...) {
        forget();
        throw;
    }
    forget();
}

/// Graphs are built from all that they are given at once.
bool is_graph(faiss::Index& index) {
    return find_index<faiss::IndexHNSW>(&index) != nullptr ||
           find_index<faiss::IndexNSG>(&index) != nullptr ||
           find_index<faiss::IndexNNDescent>(&index) != nullptr;
}

void add(
        faiss::Index& index, const py::object& x, const py::object& ids,
        const py::object& progress) {
    const Rows rows = to_rows(x, "x", index.d);
    const bool has_ids = !ids.is_none();
    const IdArray numbers = has_ids ? to_ids(ids, "ids", rows.n) : IdArray();
    const int64_t* id = has_ids ? numbers.data() : nullptr;
    LongCall call(progress);
    const Progress told = call.listener();
    const int64_t at_once = is_graph(index) ? std::max<int64_t>(rows.n, 1) : kRowsAtOnce;
    call.run([&] {
        for (int64_t i = 0; i < rows.n; i += at_once) {
            const int64_t n = std::min(at_once, rows.n - i);
            const float* from = rows.data() + i * rows.d;
            if (has_ids)
                index.add_with_ids(n, from, id + i);
            else
                index.add(n, from);
            told.report("add", static_cast<size_t>(i + n), static_cast<size_t>(rows.n));
        }
    });
}

py::tuple range_search(
        const faiss::Index& index, const py::object& x, float radius,
        const SearchOptions& options) {
    const Rows rows = to_rows(x, "x", index.d);
    const Parameters parameters(index, options);
    faiss::RangeSearchResult result(static_cast<size_t>(rows.n));
    LongCall call;
    call.run([&] { index.range_search(rows.n, rows.data(), radius, &result, parameters.get()); });
    py::array_t<int64_t> limits(rows.n + 1);
    std::copy_n(result.lims, rows.n + 1, limits.mutable_data());
    const size_t found = result.lims[rows.n];
    py::array_t<float> distances(static_cast<py::ssize_t>(found));
    py::array_t<int64_t> labels(static_cast<py::ssize_t>(found));
    std::copy_n(result.distances, found, distances.mutable_data());
    std::copy_n(result.labels, found, labels.mutable_data());
    return py::make_tuple(limits, distances, labels);
}

py::array_t<float> reconstruct(const faiss::Index& index, const py::object& ids) {
    const bool is_one = PyIndex_Check(ids.ptr()) != 0 && !py::isinstance<py::array>(ids);
    const auto numbers = to_ids(is_one ? py::make_tuple(ids) : ids, "ids");
    py::array_t<float> x({numbers.size(), static_cast<py::ssize_t>(index.d)});
    float* to = x.mutable_data();
    LongCall call;
    call.run([&] {
        for (py::ssize_t i = 0; i < numbers.size(); ++i)
            index.reconstruct(numbers.data()[i], to + i * index.d);
    });
    if (!is_one) return x;
    return x.attr("reshape")(index.d);
}

size_t remove_ids(faiss::Index& index, const py::object& ids) {
    const Filter filter = to_filter(ids, py::none());
    if (!filter.selector) throw py::type_error("ids is None, ids are needed");
    size_t removed = 0;
    LongCall call;
    call.run([&] { removed = index.remove_ids(*filter.selector); });
    return removed;
}

py::dict memory_of(faiss::Index& index) {
    MemoryBytes bytes;
    if (const auto* flat = find_index<IndexBQQ>(&index))
        bytes = flat->memory_bytes();
    else if (const auto* ivf = find_index<IndexIVFBQQ>(&index))
        bytes = ivf->memory_bytes();
    else
        throw py::value_error(index_name(&index) + " does not count its memory");
    py::dict result;
    result["codes"] = bytes.codes;
    result["ids"] = bytes.ids;
    result["bases"] = bytes.bases;
    result["coarse"] = bytes.coarse;
    result["encoder"] = bytes.encoder;
    result["total"] = bytes.total();
    return result;
}

std::string describe(const faiss::Index& index) {
    try {
        return reverse_index_factory(&index);
    } catch (const faiss::FaissException&) { // it has no factory string
        return index_name(const_cast<faiss::Index*>(&index));
    }
}

std::string represent(const faiss::Index& index) {
    return "<bqq index " + describe(index) + ": " + std::to_string(index.ntotal) +
           " vectors, d = " + std::to_string(index.d) + ", " + metric_name(index) +
           (index.is_trained ? ">" : ", not trained>");
}

/// Runs f(), the errors of which are those of a file.
template <class F>
void with_file(const std::filesystem::path& path, const F& f) {
    LongCall call;
    try {
        call.run(f);
    } catch (const faiss::FaissException& error) {
        std::error_code ignored;
        const bool is_missing = !std::filesystem::exists(path, ignored);
        PyErr_SetString(
                is_missing ? PyExc_FileNotFoundError : PyExc_OSError, error_message(error).c_str());
        throw py::error_already_set();
    }
}

void save(const faiss::Index& index, const std::filesystem::path& path) {
    LongCall call;
    try {
        call.run([&] { bqq::write_index(&index, path); });
    } catch (const faiss::FaissException& error) {
        PyErr_SetString(PyExc_OSError, error_message(error).c_str());
        throw py::error_already_set();
    }
}

IndexPointer load(const std::filesystem::path& path, bool mmap) {
    IndexPointer index;
    with_file(path, [&] { index = bqq::read_index(path, mmap ? faiss::IO_FLAG_MMAP : 0); });
    return index;
}

py::bytes serialize(const faiss::Index& index) {
    faiss::VectorIOWriter writer;
    LongCall call;
    call.run([&] { bqq::write_index(&index, &writer); });
    return {reinterpret_cast<const char*>(writer.data.data()), writer.data.size()};
}

IndexPointer deserialize(const py::bytes& bytes) {
    const auto text = static_cast<std::string_view>(bytes);
    faiss::VectorIOReader reader;
    reader.data.assign(text.begin(), text.end());
    IndexPointer index;
    LongCall call;
    call.run([&] { index = bqq::read_index(&reader); });
    return index;
}

IndexPointer copy(const faiss::Index& index) {
    IndexPointer result;
    LongCall call;
    call.run([&] { result = clone_index(&index); });
    return result;
}

/// A number that an index or what it wraps has; None where it has none.
template <class T, class Get>
py::object get_knob(faiss::Index& index, const Get& get) {
    T* found = find_index<T>(&index);
    return found == nullptr ? py::none() : py::object(py::cast(get(*found)));
}

template <class T>
T& knob_of(faiss::Index& index, const char* name) {
    if (T* found = find_index<T>(&index)) return *found;
    throw py::attribute_error(index_name(&index) + " has no " + name);
}

void bind_index(py::module_& m) {
    py::class_<faiss::Index, IndexPointer>(
            m, "Index",
            "Vectors in codes, and how to search them; index_factory(), load() and the classes "
            "below make them.\nAny number of threads may search at once.")
            .def_readonly("d", &faiss::Index::d)
            .def_readonly("ntotal", &faiss::Index::ntotal)
            .def_readonly("is_trained", &faiss::Index::is_trained)
            .def_property_readonly("metric", &metric_name)
            .def_property_readonly("factory", &describe)
            .def_property_readonly("memory", &memory_of)
            .def_property(
                    "nprobe",
                    [](faiss::Index& index) {
                        return get_knob<faiss::IndexIVF>(
                                index, [](auto& ivf) { return ivf.nprobe; });
                    },
                    [](faiss::Index& index, int64_t value) {
                        knob_of<faiss::IndexIVF>(index, "nprobe").nprobe = to_size(value, "nprobe");
                    })
            .def_property(
                    "ef",
                    [](faiss::Index& index) {
                        return get_knob<faiss::IndexHNSW>(
                                index, [](auto& graph) { return graph.hnsw.efSearch; });
                    },
                    [](faiss::Index& index, int value) {
                        knob_of<faiss::IndexHNSW>(index, "ef").hnsw.efSearch =
                                static_cast<int>(to_size(value, "ef"));
                    })
            .def_property(
                    "k_factor",
                    [](faiss::Index& index) {
                        return get_knob<faiss::IndexRefine>(
                                index, [](auto& refine) { return refine.k_factor; });
                    },
                    [](faiss::Index& index, float value) {
                        auto& refine = knob_of<faiss::IndexRefine>(index, "k_factor");
                        if (!(value >= 1))
                            throw py::value_error(
                                    "k_factor is " + std::to_string(value) +
                                    ", it has to be at least 1");
                        refine.k_factor = value;
                    })
            .def("train", &train, py::arg("x"), py::arg("seed") = py::none(),
                 py::arg("progress") = py::none(),
                 "Learns from x, n x d. `progress` is called with a stage's name, steps done and "
                 "steps in\n"
                 "all. ValueError for too few vectors, a NaN or infinity, or an index that holds "
                 "vectors.")
            .def("add", &add, py::arg("x"), py::arg("ids") = py::none(),
                 py::arg("progress") = py::none(),
                 "Adds x, n x d. Inverted files and IDMap keep ids, n integers; without them an id "
                 "is a\n"
                 "place. After Ctrl-C the first vectors are there.")
            .def(
                    "search",
                    [](const faiss::Index& index, const py::object& x, int64_t k,
                       SEARCH_ARGUMENTS) {
                        return search(index, index.d, x, k, Parameters(index, SEARCH_OPTIONS));
                    },
                    py::arg("x"), py::arg("k"), SEARCH_KEYWORDS,
                    "The k nearest of each row of x, n x d: (distances, labels), n x k, nearest "
                    "first; of one\n"
                    "vector, d numbers, vectors of k. Labels are -1 where there are fewer.\n"
                    "nprobe: lists of an inverted file to look at. ef: candidates of a graph. "
                    "filter, exclude:\n"
                    "ids that may be found or may not, as a range, integers, or booleans by id.")
            .def(
                    "range_search",
                    [](const faiss::Index& index, const py::object& x, float radius,
                       SEARCH_ARGUMENTS) { return range_search(index, x, radius, SEARCH_OPTIONS); },
                    py::arg("x"), py::arg("radius"), SEARCH_KEYWORDS,
                    "All within a radius, below it for L2 (squared), above it for inner products: "
                    "(limits,\n"
                    "distances, labels); those of row i are limits[i] to limits[i + 1], in no "
                    "order.")
            .def("reconstruct", &reconstruct, py::arg("ids"),
                 "The decoded vector of an id, or of each of many.")
            .def("remove_ids", &remove_ids, py::arg("ids"),
                 "Removes ids (a range, integers, or booleans by id); how many there were. Vectors "
                 "after a\n"
                 "removed one move up where ids are places.")
            .def(
                    "merge_from",
                    [](faiss::Index& index, faiss::Index& other, int64_t add_id) {
                        LongCall call;
                        call.run([&] {
                            index.check_compatible_for_merge(other);
                            index.merge_from(other, add_id);
                        });
                    },
                    py::arg("other"), py::arg("add_id") = 0,
                    "Takes all vectors of an index of the same training, which is then empty.")
            .def("reset", &faiss::Index::reset, "Removes all vectors; what was learned stays.")
            .def("save", &save, py::arg("path"),
                 "Writes the index, whole or not at all. OSError when it cannot be written.")
            .def("serialize", &serialize, "The bytes of the index's file.")
            .def("__copy__", [](const faiss::Index& index) { return copy(index); })
            .def("__deepcopy__",
                 [](const faiss::Index& index, const py::dict&) { return copy(index); })
            .def("__reduce__",
                 [](const faiss::Index& index) {
                     return py::make_tuple(
                             py::module_::import("bqq").attr("deserialize"),
                             py::make_tuple(serialize(index)));
                 })
            .def("__len__", [](const faiss::Index& index) { return index.ntotal; })
            .def("__repr__", &represent);
}

void bind_ours(py::module_& m) {
    py::class_<IndexBQQ, faiss::Index, std::shared_ptr<IndexBQQ>>(
            m, "IndexBQQ", "A flat index of BQQ codes of M bits.")
            .def(py::init([](int64_t d, int64_t M, const std::string& metric,
                             std::optional<int> depth, std::optional<int64_t> bases,
                             const std::optional<std::string>& atoms) {
                     if (metric == "cosine")
                         throw py::value_error(
                                 "metric is 'cosine': index_factory makes such indexes");
                     return std::make_shared<IndexBQQ>(
                             to_size(d, "d"), to_size(M, "M"), to_index_metric(metric), depth,
                             to_size(bases, "bases"), to_atoms(atoms));
                 }),
                 py::arg("d"), py::arg("M"), py::arg("metric") = "l2",
                 py::arg("depth") = py::none(), py::arg("bases") = 1,
                 py::arg("atoms") = py::none());
    py::class_<IndexIVFBQQ, faiss::Index, std::shared_ptr<IndexIVFBQQ>>(
            m, "IndexIVFBQQ", "An inverted file of nlist lists over BQQ codes of M bits.")
            .def(py::init([](int64_t d, int64_t nlist, int64_t M, const std::string& metric,
                             std::optional<int> depth, std::optional<int64_t> bases,
                             const std::optional<std::string>& atoms) {
                     if (metric == "cosine")
                         throw py::value_error(
                                 "metric is 'cosine': index_factory makes such indexes");
                     const faiss::MetricType type = to_index_metric(metric);
                     auto coarse = std::make_unique<faiss::IndexFlat>(
                             static_cast<int64_t>(to_size(d, "d")), type);
                     auto index = std::make_shared<IndexIVFBQQ>(
                             coarse.get(), to_size(d, "d"), to_size(nlist, "nlist"),
                             to_size(M, "M"), type, depth, to_size(bases, "bases"),
                             to_atoms(atoms));
                     (void)coarse.release();
                     index->own_fields = true;
                     return index;
                 }),
                 py::arg("d"), py::arg("nlist"), py::arg("M"), py::arg("metric") = "l2",
                 py::arg("depth") = py::none(), py::arg("bases") = 1, py::arg("atoms") = py::none())
            .def_property_readonly("nlist", [](const IndexIVFBQQ& index) { return index.nlist; });
    py::class_<IndexHNSWBQQ, faiss::Index, std::shared_ptr<IndexHNSWBQQ>>(
            m, "IndexHNSWBQQ",
            "A graph over BQQ codes. `reproducible`: links with one thread, the same each time.")
            .def_readwrite("reproducible", &IndexHNSWBQQ::reproducible);
}

} // namespace

void bind_indexes(py::module_& m) {
    bind_index(m);
    bind_ours(m);
    m.def("index_factory", &make_index, py::arg("d"), py::arg("description"),
          py::arg("metric") = "l2",
          "An untrained index of d dimensions; metric is 'l2', 'ip' or 'cosine'. ValueError for a\n"
          "description that cannot be read.");
    m.def("load", &load, py::arg("path"), py::arg("mmap") = false,
          "The index of a file that bqq or FAISS wrote; with mmap its codes stay in the file. "
          "OSError\n"
          "for a file that is damaged or foreign, FileNotFoundError for none.");
    m.def(
            "verify",
            [](const std::filesystem::path& path) { with_file(path, [&] { verify_index(path); }); },
            py::arg("path"), "Checks every byte of an index file. OSError as load().");
    m.def("deserialize", &deserialize, py::arg("bytes"));
}

} // namespace bqq::python

#include "python/arrays.h"
#include "python/bindings.h"
#include "python/long_call.h"
#include "python/search.h"

#include <bqq/index/ConcurrentIndex.h>
#include <bqq/index/index_io.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <memory>

namespace bqq::python {

namespace {

/// With what Python asks of it beside.
struct Shared {
    std::unique_ptr<faiss::Index> settings; ///< an index without vectors: its class and d
    std::unique_ptr<ConcurrentIndex> index;

    int64_t d() const { return settings->d; }
};

struct SharedSnapshot {
    std::shared_ptr<const Shared> index;
    Snapshot snapshot;
};

std::shared_ptr<Shared> make(const faiss::Index& trained) {
    auto shared = std::make_shared<Shared>();
    LongCall call;
    call.run([&] {
        shared->index = std::make_unique<ConcurrentIndex>(clone_index(&trained));
        shared->settings = clone_index(&trained);
        shared->settings->reset();
    });
    return shared;
}

/// Runs change(n, x, ids).
template <class Change>
void change(const Shared& shared, const py::object& x, const py::object& ids, const Change& f) {
    const Rows rows = to_rows(x, "x", shared.d());
    const auto numbers = to_ids(ids, "ids", rows.n);
    LongCall call;
    call.run([&] { f(rows.n, rows.data(), numbers.data()); });
}

} // namespace

void bind_concurrent_index(py::module_& m) {
    py::class_<SharedSnapshot>(
            m, "Snapshot", "The vectors of a ConcurrentIndex at one moment; they stay.")
            .def_property_readonly(
                    "ntotal", [](const SharedSnapshot& s) { return s.snapshot.ntotal(); })
            .def("__len__", [](const SharedSnapshot& s) { return s.snapshot.ntotal(); })
            .def(
                    "search",
                    [](const SharedSnapshot& s, const py::object& x, int64_t k, SEARCH_ARGUMENTS) {
                        return search(
                                s.snapshot, s.index->d(), x, k,
                                Parameters(*s.index->settings, SEARCH_OPTIONS));
                    },
                    py::arg("x"), py::arg("k"), SEARCH_KEYWORDS)
            .def("to_index",
                 [](const SharedSnapshot& s) {
                     std::shared_ptr<faiss::Index> index;
                     LongCall call;
                     call.run([&] { index = s.snapshot.to_index(); });
                     return index;
                 })
            .def(
                    "save",
                    [](const SharedSnapshot& s, const std::filesystem::path& path) {
                        LongCall call;
                        call.run([&] { s.snapshot.save(path); });
                    },
                    py::arg("path"));
    py::class_<Shared, std::shared_ptr<Shared>>(
            m, "ConcurrentIndex",
            "An index that many threads search and change at once, made from a trained one (IDMap "
            "or inverted file of BQQ codes).\nA search sees all or nothing of a change.")
            .def(py::init(&make), py::arg("trained"))
            .def_property_readonly("d", &Shared::d)
            .def_property_readonly(
                    "ntotal", [](const Shared& shared) { return shared.index->ntotal(); })
            .def("__len__", [](const Shared& shared) { return shared.index->ntotal(); })
            .def(
                    "add",
                    [](Shared& shared, const py::object& x, const py::object& ids) {
                        change(shared, x, ids,
                               [&](int64_t n, const float* from, const int64_t* id) {
                                   shared.index->add(n, from, id);
                               });
                    },
                    py::arg("x"), py::arg("ids"),
                    "Adds x, n x d, with n ids: visible to searches all or not at all.")
            .def(
                    "update",
                    [](Shared& shared, const py::object& x, const py::object& ids) {
                        size_t removed = 0;
                        change(shared, x, ids,
                               [&](int64_t n, const float* from, const int64_t* id) {
                                   removed = shared.index->update(n, from, id);
                               });
                        return removed;
                    },
                    py::arg("x"), py::arg("ids"),
                    "Removes the vectors of the ids and adds x in one step; how many were removed.")
            .def(
                    "remove",
                    [](Shared& shared, const py::object& ids) {
                        const auto numbers = to_ids(ids, "ids");
                        size_t removed = 0;
                        LongCall call;
                        call.run([&] {
                            removed = shared.index->remove(numbers.size(), numbers.data());
                        });
                        return removed;
                    },
                    py::arg("ids"), "Removes the vectors of the ids; how many there were.")
            .def(
                    "search",
                    [](const std::shared_ptr<Shared>& shared, const py::object& x, int64_t k,
                       SEARCH_ARGUMENTS) {
                        return search(
                                *shared->index, shared->d(), x, k,
                                Parameters(*shared->settings, SEARCH_OPTIONS));
                    },
                    py::arg("x"), py::arg("k"), SEARCH_KEYWORDS)
            .def("snapshot",
                 [](const std::shared_ptr<Shared>& shared) {
                     return SharedSnapshot{shared, shared->index->snapshot()};
                 })
            .def("compact",
                 [](Shared& shared) {
                     LongCall call;
                     call.run([&] { shared.index->compact(); });
                 })
            .def(
                    "save",
                    [](const Shared& shared, const std::filesystem::path& path) {
                        LongCall call;
                        call.run([&] { shared.index->save(path); });
                    },
                    py::arg("path"));
}

} // namespace bqq::python

#include "python/arrays.h"

#include <string_view>
#include <utility>
#include <vector>

namespace bqq::python {

namespace {

py::module_ numpy() {
    return py::module_::import("numpy");
}

py::array to_array(const py::object& x, const char* name) {
    if (py::isinstance<py::array>(x)) return x;
    if (py::isinstance<py::str>(x) || x.is_none())
        throw py::type_error(
                std::string(name) + " is " + py::repr(x).cast<std::string>() +
                ", an array of numbers is needed");
    if (py::hasattr(x, "__dlpack__") && !py::hasattr(x, "__array__"))
        return numpy().attr("from_dlpack")(x);
    try {
        return numpy().attr("asarray")(x);
    } catch (py::error_already_set& error) { // such as rows of different lengths
        if (!error.matches(PyExc_ValueError)) throw;
        py::raise_from(
                error, PyExc_ValueError,
                (std::string(name) + " cannot be made an array of numbers").c_str());
        throw py::error_already_set();
    }
}

void check_kind(
        const py::array& array, const char* name, std::string_view kinds, const char* needed) {
    if (kinds.find(array.dtype().kind()) == std::string_view::npos)
        throw py::type_error(
                std::string(name) + " has dtype " + py::str(array.dtype()).cast<std::string>() +
                ", " + needed);
}

Filter to_selector(const py::object& ids, const char* name) {
    if (py::isinstance(ids, py::module_::import("builtins").attr("range"))) {
        if (ids.attr("step").cast<int64_t>() != 1)
            throw py::value_error(
                    std::string(name) + " is " + py::repr(ids).cast<std::string>() +
                    ", a range has to have step 1");
        return {std::make_unique<faiss::IDSelectorRange>(
                        ids.attr("start").cast<int64_t>(), ids.attr("stop").cast<int64_t>()),
                nullptr};
    }
    const py::array array = to_array(ids, name);
    if (array.ndim() != 1)
        throw py::value_error(
                std::string(name) + " has shape " + shape_of(array) + ", it has to be a vector");
    if (array.dtype().kind() == 'b') {
        const py::array_t<bool, py::array::c_style | py::array::forcecast> mask(array);
        const auto n = static_cast<size_t>(mask.size());
        auto bits = std::make_shared<std::vector<uint8_t>>((n + 7) / 8);
        for (size_t i = 0; i < n; ++i)
            if (mask.data()[i]) (*bits)[i / 8] |= static_cast<uint8_t>(1 << (i % 8));
        auto selector = std::make_unique<faiss::IDSelectorBitmap>(bits->size(), bits->data());
        return {std::move(selector), bits};
    }
    const IdArray numbers = to_ids(array, name);
    auto selector = std::make_unique<faiss::IDSelectorBatch>(
            static_cast<size_t>(numbers.size()), numbers.data());
    return {std::move(selector), nullptr}; // it has copied them
}

/// Both of two.
struct AllowedAndNotExcluded : faiss::IDSelector {
    std::unique_ptr<faiss::IDSelector> allowed, excluded;

    bool is_member(faiss::Index::idx_t id) const override {
        return (!allowed || allowed->is_member(id)) && !excluded->is_member(id);
    }
};

} // namespace

std::string shape_of(const py::array& array) {
    return py::str(array.attr("shape")).cast<std::string>();
}

Rows to_rows(const py::object& x, const char* name, int64_t d) {
    using Floats = py::array_t<float, py::array::c_style>;
    Floats floats;
    if (Floats::check_(x)) {
        floats = py::reinterpret_borrow<Floats>(x);
    } else {
        const py::array array = to_array(x, name);
        check_kind(array, name, "fiu", "real numbers are needed");
        floats = py::array_t<float, py::array::c_style | py::array::forcecast>(array);
    }
    const bool is_one = floats.ndim() == 1;
    if (!is_one && floats.ndim() != 2)
        throw py::value_error(
                std::string(name) + " has shape " + shape_of(floats) +
                ", it has to be (n, d) or (d,)");
    const int64_t columns = floats.shape(floats.ndim() - 1);
    if (d > 0 && columns != d)
        throw py::value_error(
                std::string(name) + " has shape " + shape_of(floats) + ", but d is " +
                std::to_string(d));
    const int64_t n = is_one ? 1 : floats.shape(0);
    return {std::move(floats), n, columns, is_one};
}

IdArray to_ids(const py::object& ids, const char* name, int64_t n) {
    const py::array array = to_array(ids, name);
    if (array.size() > 0) check_kind(array, name, "iu", "integers are needed");
    if (array.ndim() != 1)
        throw py::value_error(
                std::string(name) + " has shape " + shape_of(array) + ", it has to be a vector");
    if (n >= 0 && array.size() != n)
        throw py::value_error(
                std::string(name) + " has " + std::to_string(array.size()) +
                " numbers, but there are " + std::to_string(n) + " vectors");
    return py::array_t<int64_t, py::array::c_style | py::array::forcecast>(array);
}

Filter to_filter(const py::object& filter, const py::object& exclude) {
    Filter allowed = filter.is_none() ? Filter{} : to_selector(filter, "filter");
    if (exclude.is_none()) return allowed;
    Filter excluded = to_selector(exclude, "exclude");
    auto both = std::make_unique<AllowedAndNotExcluded>();
    both->allowed = std::move(allowed.selector);
    both->excluded = std::move(excluded.selector);
    using Both = std::pair<std::shared_ptr<void>, std::shared_ptr<void>>;
    return {std::move(both), std::make_shared<Both>(allowed.data, excluded.data)};
}

} // namespace bqq::python

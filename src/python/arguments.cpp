#include "python/arguments.h"

#include <pybind11/pybind11.h>

namespace bqq::python {

namespace py = pybind11;

size_t to_size(int64_t value, const char* name) {
    if (value < 1)
        throw py::value_error(
                std::string(name) + " is " + std::to_string(value) + ", it has to be at least 1");
    return static_cast<size_t>(value);
}

std::optional<size_t> to_size(const std::optional<int64_t>& value, const char* name) {
    return value ? std::optional(to_size(*value, name)) : std::nullopt;
}

std::optional<Atoms> to_atoms(const std::optional<std::string>& name) {
    if (!name) return {};
    if (*name == "free") return Atoms::free;
    if (*name == "tied") return Atoms::tied;
    throw py::value_error("atoms is '" + *name + "', it has to be 'free' or 'tied'");
}

} // namespace bqq::python

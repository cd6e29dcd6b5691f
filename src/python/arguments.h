#pragma once

#include <bqq/quantizer.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace bqq::python {

/// @throws py::value_error  for less than 1, named
size_t to_size(int64_t value, const char* name);
std::optional<size_t> to_size(const std::optional<int64_t>& value, const char* name);

/// @throws py::value_error  for another name than free and tied
std::optional<Atoms> to_atoms(const std::optional<std::string>& name);

} // namespace bqq::python

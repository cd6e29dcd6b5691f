#pragma once

#include <cstddef>

namespace bqq {

/// @throws InvalidArgument  naming the row and column of the first NaN or infinity in x (n x d)
void check_finite(const float* x, size_t n, size_t d, const char* what);

} // namespace bqq

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/** Atoms (M x d) to start training from, by falling energy.
 *
 * The next bit always goes to the principal direction with the largest variance left; coded by its
 * sign, a direction keeps what the sign's mean step leaves. Then neighbouring atoms are mixed.
 * Measured on Fashion-MNIST, M = 128, after ten rounds: error 0.147, against 0.146 with each atom
 * sought by power iterations, which takes ten times as long.
 *
 * @param x  centred sample, n rows of size d, ldx apart
 */
std::vector<float> initial_atoms(
        const float* x, size_t ldx, size_t n, size_t d, size_t M, uint64_t seed);

/// The rows of atoms (M x d) by falling energy.
std::vector<size_t> energy_order(const std::vector<float>& atoms, size_t M, size_t d);

/// Row i of the result is row order[i] of matrix, which has as many rows as order has entries.
std::vector<float> rows_in_order(
        const std::vector<float>& matrix, const std::vector<size_t>& order);

} // namespace bqq

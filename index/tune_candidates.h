#pragma once

#include <bqq/quantizer.h>

#include <cstddef>
#include <string>

namespace bqq {

/// How the codes of an index lie and are found. With a number of bits it is an index.
struct IndexFamily {
    Atoms atoms = Atoms::free;
    size_t bases = 1;
    int depth = Quantizer::kDepthOfOne;
    size_t nlist = 0;     ///< lists of an inverted file, 0 for none
    size_t links = 0;     ///< of a vector in a graph, 0 for none
    bool refined = false; ///< by floats

    std::string factory(size_t M) const;
    /// Estimated bytes of the file for each of n vectors of d dimensions, within some per cent.
    double bytes(size_t M, size_t n, size_t d, Metric metric) const;
    /// The most bits, a multiple of 8, that so many bytes afford by bytes(); 0 for none.
    size_t most_bits(double bytes, size_t n, size_t d, Metric metric) const;
    /// Whether the bases can be trained on n vectors in some time.
    bool is_sensible(size_t M, size_t n, size_t d) const;
};

} // namespace bqq

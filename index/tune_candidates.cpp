#include "index/tune_candidates.h"

#include "codec/training.h"

#include <algorithm>
#include <bit>

namespace bqq {

namespace {

constexpr size_t kMostFreeAtoms = 512; // they train in time that grows with the square

double ceil_log2(size_t n) {
    return static_cast<double>(std::bit_width(n - 1));
}

} // namespace

std::string IndexFamily::factory(size_t M) const {
    std::string code = "BQQ" + std::to_string(M) + "z" + std::to_string(depth) +
                       (atoms == Atoms::tied ? "t" : "f");
    if (bases > 1) code += "g" + std::to_string(bases);
    if (nlist > 0) code = "IVF" + std::to_string(nlist) + "," + code;
    if (links > 0) code = "HNSW" + std::to_string(links) + "," + code;
    return refined ? code + ",RFlat" : code;
}

double IndexFamily::bytes(size_t M, size_t n, size_t d, Metric metric) const {
    constexpr double kHead = 500; // of the file, calibration included
    // Tied atoms share directions, about two to one of them where there are few bits.
    const size_t rows = atoms == Atoms::tied ? std::min(d, M / 2 + 1) : M;
    const size_t plane = rows * ((d + 7) / 8 + 2);
    const auto of_basis =
            static_cast<double>(static_cast<size_t>(depth) * plane + 2 * d + 2 * M) + kHead / 4;
    double shared = kHead + static_cast<double>(bases) * of_basis;
    const size_t code_size = (M + 7) / 8 + (metric == Metric::l2 ? 3 : 1);
    auto each = static_cast<double>(code_size);
    if (nlist > 0) {
        shared += static_cast<double>(nlist * (2 * d + 4)); // centroids in half precision
        each += ceil_log2(n) / 8;
    } else if (bases > 1) {
        each += ceil_log2(bases) / 8;
    }
    if (links > 0)
        each += 8.5 * static_cast<double>(links); // 2 links of 4 bytes on the lowest level
    if (refined) each += 4 * static_cast<double>(d);
    return each + shared / static_cast<double>(n);
}

size_t IndexFamily::most_bits(double most, size_t n, size_t d, Metric metric) const {
    size_t bits = 0;
    for (size_t step = 4096; step >= 8; step /= 2)
        if (bits + step <= Quantizer::kMaxAtoms && bytes(bits + step, n, d, metric) <= most)
            bits += step;
    return bits;
}

bool IndexFamily::is_sensible(size_t M, size_t n, size_t d) const {
    if (M < 8 || M > Quantizer::kMaxAtoms || M > 16 * d) return false;
    if (atoms == Atoms::free && M > kMostFreeAtoms) return false;
    if (atoms == Atoms::tied && M < d / 4) return false;
    const bool few_are_enough = atoms == Atoms::tied && bases == 1;
    return n / bases >= 2 * (few_are_enough ? 1 : kLeastPointsPerAtom) * M;
}

} // namespace bqq

#include "search/flat_search.h"

#include "codec/encoder.h"
#include "kernels/dot_rows.h"
#include "search/first_error.h"
#include "search/quantized_query.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>
#include <vector>

namespace bqq {

namespace {

using kernels::kBlock;

// Queries that pass together over a piece of the codes small enough for the second-level cache.
constexpr size_t kQueriesTogether = 16;
constexpr size_t kPieceBytes = 256 << 10;

/// A query on its way through the codes. Keys are smaller for closer codes.
class Scan {
public:
    /// @param w  size M, and `q2` = |q - mean|^2 (L2) or <q, mean> (inner product), in units of the basis
    Scan(const BinaryQuadraticQuantizer& quantizer, const float* w, double q2,
         const ScanParameters& parameters)
            : scales_(quantizer.scales()),
              l2_(quantizer.metric == Metric::l2),
              q2_(q2),
              unit_(quantizer.basis().scale) {
        query_.assign({w, quantizer.M}, parameters.query_bits);
        // Twice the product for L2, and the margin added to it: a bound from below.
        const float weight = l2_ ? 2.0f : 1.0f;
        const ScaleCodec& s = scales_;
        filter_ = {
                l2_,
                s.gain_min,
                s.gain_step,
                s.norm_step,
                weight * query_.slope(),
                weight * (query_.offset() + parameters.margin * query_.error())};
    }

    /// Calls candidate(position, key) for each code of the blocks whose key is below threshold().
    template <class Threshold, class Candidate>
    void run(
            const CodeBlocks& codes, size_t begin, size_t end, const Allowed& allowed,
            const Threshold& threshold, const Candidate& candidate) const {
        const kernels::ScanTables tables = query_.tables();
        uint64_t survivors = 0;
        for (size_t b = begin; b < end; ++b) {
            b = kernels::next_survivors(
                    tables, filter_, codes.data(), codes.block_bytes(), b, end, threshold(),
                    &survivors);
            if (b == end) return;
            const uint8_t* block = codes.data() + b * codes.block_bytes();
            for (; survivors != 0; survivors &= survivors - 1) {
                const auto i = static_cast<size_t>(std::countr_zero(survivors));
                const size_t position = b * kBlock + i;
                if (position >= codes.size()) break;
                if (allowed && !allowed(static_cast<int64_t>(position))) continue;
                const float key = exact_key(block + i, tables.code_bytes);
                if (key < threshold()) candidate(static_cast<int64_t>(position), key);
            }
        }
    }

    /// The distance that a key stands for.
    float distance(float key) const {
        const double distance = l2_ ? unit_ * unit_ * std::max(q2_ + static_cast<double>(key), 0.0)
                                    : unit_ * (q2_ - static_cast<double>(key));
        return static_cast<float>(distance);
    }

    /// The key of a distance.
    float key(float distance) const {
        const double d = distance;
        return static_cast<float>(l2_ ? d / (unit_ * unit_) - q2_ : q2_ - d / unit_);
    }

private:
    const ScaleCodec& scales_;
    bool l2_;
    double q2_;
    double unit_;
    QuantizedQuery query_;
    kernels::ScanFilter filter_{};

    float exact_key(const uint8_t* code, size_t code_bytes) const {
        const uint8_t* stored = code + code_bytes * kBlock;
        const uint8_t bytes[3] = {
                stored[0], l2_ ? stored[kBlock] : uint8_t{0},
                l2_ ? stored[2 * kBlock] : uint8_t{0}};
        const StoredScales s = scales_.decode(bytes);
        const float dot = query_.dot(code, kBlock);
        return l2_ ? s.nu - 2 * s.alpha * dot : -s.alpha * dot;
    }
};

/// Scans of n queries.
std::vector<Scan> prepare(
        const BinaryQuadraticQuantizer& quantizer, size_t n, const float* x,
        const ScanParameters& parameters) {
    const Basis& basis = quantizer.basis();
    const size_t d = quantizer.d;
    const bool l2 = quantizer.metric == Metric::l2;
    std::vector<float> q(n * d), w(n * quantizer.M);
    std::vector<double> q2(n);
    for (size_t i = 0; i < n; ++i) {
        const float* xi = x + i * d;
        if (l2) {
            q2[i] = to_unit(basis, xi, q.data() + i * d);
            continue;
        }
        std::copy_n(xi, d, q.begin() + static_cast<std::ptrdiff_t>(i * d));
        for (size_t j = 0; j < d; ++j)
            q2[i] += static_cast<double>(xi[j]) * static_cast<double>(basis.mean[j]);
        q2[i] /= static_cast<double>(basis.scale);
    }
    kernels::dot_rows(q.data(), d, n, basis.B.data(), d, quantizer.M, d, w.data(), quantizer.M);
    std::vector<Scan> scans;
    scans.reserve(n);
    for (size_t i = 0; i < n; ++i)
        scans.emplace_back(quantizer, w.data() + i * quantizer.M, q2[i], parameters);
    return scans;
}

/// The k best of what it is given: smallest key, then smallest position.
class Best {
public:
    explicit Best(size_t k) : k_(k) { heap_.reserve(k); }

    float threshold() const {
        return heap_.size() < k_ ? std::numeric_limits<float>::infinity() : heap_.front().first;
    }
    void add(int64_t position, float key) {
        if (heap_.size() == k_) {
            std::pop_heap(heap_.begin(), heap_.end());
            heap_.pop_back();
        }
        heap_.emplace_back(key, position);
        std::push_heap(heap_.begin(), heap_.end());
    }
    const std::vector<std::pair<float, int64_t>>& sorted() {
        std::sort_heap(heap_.begin(), heap_.end());
        return heap_;
    }

private:
    size_t k_;
    std::vector<std::pair<float, int64_t>> heap_;
};

} // namespace

void search_codes(
        const BinaryQuadraticQuantizer& quantizer, const CodeBlocks& codes, size_t n,
        const float* x, size_t k, const ScanParameters& parameters, const Allowed& allowed,
        float* distances, int64_t* labels) {
    const size_t piece =
            std::max<size_t>(1, kPieceBytes / std::max<size_t>(1, codes.block_bytes()));
    const auto groups = static_cast<int64_t>((n + kQueriesTogether - 1) / kQueriesTogether);
    const float worst = quantizer.metric == Metric::l2 ? std::numeric_limits<float>::max()
                                                       : std::numeric_limits<float>::lowest();
    // Results of the queries from `first` on.
    const auto search_group = [&](size_t first) {
        const size_t count = std::min(kQueriesTogether, n - first);
        const std::vector<Scan> scans =
                prepare(quantizer, count, x + first * quantizer.d, parameters);
        std::vector<Best> best(count, Best(std::min(k, codes.size())));
        for (size_t begin = 0; begin < codes.blocks(); begin += piece)
            for (size_t i = 0; i < count; ++i)
                scans[i].run(
                        codes, begin, std::min(begin + piece, codes.blocks()), allowed,
                        [&] { return best[i].threshold(); },
                        [&](int64_t position, float key) { best[i].add(position, key); });
        for (size_t i = 0; i < count; ++i) {
            float* row_distances = distances + (first + i) * k;
            int64_t* row_labels = labels + (first + i) * k;
            std::fill_n(row_distances, k, worst);
            std::fill_n(row_labels, k, int64_t{-1});
            size_t rank = 0;
            for (const auto& [key, position] : best[i].sorted()) {
                row_distances[rank] = scans[i].distance(key);
                row_labels[rank++] = position;
            }
        }
    };
    FirstError error;
#pragma omp parallel for schedule(dynamic) if (groups > 1)
    for (int64_t group = 0; group < groups; ++group)
        error.guard([&] { search_group(static_cast<size_t>(group) * kQueriesTogether); });
    error.rethrow();
}

void range_search_codes(
        const BinaryQuadraticQuantizer& quantizer, const CodeBlocks& codes, const float* x,
        float radius, const ScanParameters& parameters, const Allowed& allowed,
        const Found& found) {
    const std::vector<Scan> scans = prepare(quantizer, 1, x, parameters);
    const Scan& scan = scans.front();
    const float threshold = scan.key(radius);
    scan.run(
            codes, 0, codes.blocks(), allowed, [&] { return threshold; },
            [&](int64_t position, float key) { found(position, scan.distance(key)); });
}

} // namespace bqq

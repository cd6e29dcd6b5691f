#include "curve.h"

#include "command/index_building.h"
#include "command/searching.h"
#include "command/threads.h"
#include "index/wrapped_index.h"

#include <faiss/IndexIVF.h>
#include <faiss/IndexRefine.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace bqq::bench {

namespace {

using command::Benchmark;

constexpr double least_rise = 0.001; // of recall, for which the sweep goes on

faiss::IndexIVF& inverted_file(faiss::Index& index) {
    if (auto* ivf = bqq::find_index<faiss::IndexIVF>(&index)) return *ivf;
    throw std::runtime_error("has no inverted file: it is " + bqq::index_name(&index));
}

std::vector<int64_t> powers_of_two(int64_t last) {
    std::vector<int64_t> powers;
    for (int64_t power = 1; power <= std::max<int64_t>(1, last); power *= 2) {
        powers.push_back(power);
    }
    return powers;
}

/// Recall and codes scanned, found in one search with all threads.
void measure_result(const faiss::Index& index, const Benchmark& benchmark, Row& row) {
    const command::ThreadScope scope(benchmark.threads);
    faiss::indexIVF_stats.reset();
    const auto found = command::search_index(index, benchmark.queries, benchmark.k);
    row.codes_per_query = static_cast<double>(faiss::indexIVF_stats.ndis) /
                          static_cast<double>(benchmark.queries.n);
    row.recall = command::measure_recall(found.labels, benchmark).all;
}

/// One index and the rows that it gives.
class Curve {
public:
    Curve(faiss::Index& index, const Benchmark& benchmark, const Sweep& sweep, Row row,
          const std::function<void(const Row&)>& add)
            : index_(index),
              ivf_(inverted_file(index)),
              benchmark_(benchmark),
              sweep_(sweep),
              row_(std::move(row)),
              add_(add) {}

    /// Returns the best recall.
    double sweep_nprobe() {
        const auto nlist = static_cast<int64_t>(ivf_.nlist);
        const auto& values = sweep_.nprobe.empty() ? powers_of_two(nlist / 2) : sweep_.nprobe;
        double best = 0;
        for (const int64_t nprobe : values) {
            if (nprobe > nlist) break;
            measure(nprobe);
            const double rise = row_.recall - best;
            best = std::max(best, row_.recall);
            if (rise <= least_rise && best > 0) break;
        }
        return best;
    }

    void sweep_k_factor(faiss::IndexRefine& refine) {
        double best = 0;
        for (const float k_factor : sweep_.k_factor) {
            refine.k_factor = k_factor;
            row_.k_factor = k_factor;
            const double recall = sweep_nprobe();
            if (recall <= best + least_rise) break;
            best = recall;
        }
    }

private:
    void measure(int64_t nprobe) {
        ivf_.nprobe = static_cast<size_t>(nprobe);
        row_.nprobe = nprobe;
        measure_result(index_, benchmark_, row_);
        row_.qps_1_thread = command::measure_speed(index_, benchmark_, 1);
        if (!sweep_.one_thread_only) {
            row_.qps_all_threads = command::measure_speed(index_, benchmark_, benchmark_.threads);
        }
        add_(row_);
    }

    faiss::Index& index_;
    faiss::IndexIVF& ivf_;
    const Benchmark& benchmark_;
    const Sweep& sweep_;
    Row row_;
    const std::function<void(const Row&)>& add_;
};

} // namespace

void check_factory(const std::string& factory, const Benchmark& benchmark) {
    const auto index =
            command::make_index(factory, benchmark.base.d, benchmark.metric, benchmark.seed);
    inverted_file(*index);
}

void measure_curve(
        const std::string& factory, const Benchmark& benchmark, const Sweep& sweep,
        const std::function<void(const Row&)>& add) {
    const command::BuiltIndex built = command::build_index(factory, benchmark);
    Row row;
    row.factory = factory;
    row.bytes = built.bytes_per_vector;
    row.shared_bytes = built.shared_bytes_per_vector;
    row.train_seconds = built.train_seconds;
    row.add_seconds = built.add_seconds;
    row.k = benchmark.k;
    Curve curve(*built.index, benchmark, sweep, row, add);
    if (auto* refine = bqq::find_index<faiss::IndexRefine>(built.index.get())) {
        curve.sweep_k_factor(*refine);
    } else {
        curve.sweep_nprobe();
    }
}

} // namespace bqq::bench

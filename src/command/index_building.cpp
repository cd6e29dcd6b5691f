#include "command/index_building.h"

#include "command/progress_bar.h"
#include "command/wrapped_index.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/index_factory.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexNNDescent.h>
#include <faiss/IndexNSG.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace bqq::command {

namespace {

constexpr size_t vectors_at_once = 1 << 13;

/// Where an index keeps the training parameters of its codes, nullptr when it has other codes.
TrainingParameters* find_training(faiss::Index& index) {
    if (auto* flat = find_index<IndexBQQ>(&index)) return &flat->training;
    if (auto* ivf = find_index<IndexIVFBQQ>(&index)) return &ivf->training;
    return nullptr;
}

/// The codec reports to the bar for as long as this lives.
class TrainingListener {
public:
    TrainingListener(faiss::Index& index, ProgressBar& bar) : training_(find_training(index)) {
        if (training_) training_->progress = bar.listener();
    }
    TrainingListener(const TrainingListener&) = delete;
    TrainingListener& operator=(const TrainingListener&) = delete;
    ~TrainingListener() {
        if (training_) training_->progress = {};
    }

private:
    TrainingParameters* training_;
};

/// These graphs are built by their first add() and take no second one.
bool adds_only_once(faiss::Index& index) {
    return find_index<faiss::IndexNSG>(&index) || find_index<faiss::IndexNNDescent>(&index);
}

} // namespace

std::unique_ptr<faiss::Index> make_index(
        const std::string& factory, size_t d, const MetricChoice& metric, uint64_t seed) {
    std::unique_ptr<faiss::Index> index = index_factory(static_cast<int>(d), factory, metric.type);
    if (TrainingParameters* training = find_training(*index)) training->seed = seed;
    if (auto* ivf = find_index<faiss::IndexIVF>(index.get())) ivf->cp.seed = static_cast<int>(seed);
    return metric.normalize ? cosine_index(std::move(index)) : std::move(index);
}

void train_index(faiss::Index& index, const Matrix<float>& vectors) {
    ProgressBar bar("training");
    const TrainingListener listener(index, bar);
    index.train(static_cast<int64_t>(vectors.n), vectors.values.data());
}

void add_vectors(
        faiss::Index& index, size_t n,
        const std::function<Matrix<float>(size_t begin, size_t count)>& read) {
    ProgressBar bar("adding");
    const bool with_ids = find_index<faiss::IndexIDMap>(&index) != nullptr;
    const size_t at_once = adds_only_once(index) ? n : vectors_at_once;
    std::vector<int64_t> ids;
    for (size_t begin = 0; begin < n; begin += at_once) {
        const size_t count = std::min(at_once, n - begin);
        const Matrix<float> part = read(begin, count);
        if (with_ids) {
            ids.resize(count);
            std::iota(ids.begin(), ids.end(), static_cast<int64_t>(begin));
            index.add_with_ids(static_cast<int64_t>(count), part.values.data(), ids.data());
        } else {
            index.add(static_cast<int64_t>(count), part.values.data());
        }
        bar.show(begin + count, n);
    }
}

} // namespace bqq::command

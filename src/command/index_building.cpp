#include "command/index_building.h"

#include "command/progress_bar.h"
#include "index/error_message.h"
#include "index/wrapped_index.h"

#include <bqq/index/index_factory.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexNNDescent.h>
#include <faiss/IndexNSG.h>
#include <faiss/IndexPreTransform.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace bqq::command {

namespace {

constexpr size_t vectors_at_once = 1 << 13;

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

/** Adds rows `first` to n - 1.
 * @param rows  gives rows begin to begin + count - 1, valid until its next call
 */
template <class Rows>
void add_rows(
        faiss::Index& index, size_t first, size_t n, size_t piece_rows, const Rows& rows,
        std::span<const int64_t> ids, const std::function<void()>& after_piece) {
    ProgressBar bar("adding");
    std::vector<int64_t> row_ids;
    if (ids.empty() && find_index<faiss::IndexIDMap>(&index) != nullptr) {
        row_ids.resize(n);
        std::iota(row_ids.begin(), row_ids.end(), int64_t{0});
        ids = row_ids;
    }
    const size_t at_once = adds_only_once(index) ? n : piece_rows;
    for (size_t begin = first; begin < n; begin += at_once) {
        const size_t count = std::min(at_once, n - begin);
        const float* x = rows(begin, count);
        if (ids.empty()) {
            index.add(static_cast<int64_t>(count), x);
        } else {
            index.add_with_ids(static_cast<int64_t>(count), x, ids.data() + begin);
        }
        bar.show(begin + count, n);
        if (after_piece) after_piece();
    }
}

} // namespace

std::unique_ptr<faiss::Index> make_index(
        const std::string& factory, size_t d, const MetricChoice& metric, uint64_t seed) {
    std::unique_ptr<faiss::Index> index = say_where<UsageError>(
            "--factory " + factory + " for d = " + std::to_string(d),
            [&] { return index_factory(static_cast<int>(d), factory, metric.type); });
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
        faiss::Index& index, InputVectors& vectors, std::span<const int64_t> ids, size_t first,
        const std::function<void()>& after_piece) {
    Matrix<float> piece;
    const auto read = [&](size_t begin, size_t count) {
        piece = {}; // before the next one is there
        piece = vectors.read(begin, count);
        return static_cast<const float*>(piece.values.data());
    };
    add_rows(index, first, vectors.n(), vectors.piece_rows(), read, ids, after_piece);
}

void add_vectors(faiss::Index& index, const Matrix<float>& vectors) {
    const auto row = [&](size_t begin, size_t) { return vectors.row(begin); };
    add_rows(index, 0, vectors.n, vectors_at_once, row, {}, {});
}

bool keeps_ids(faiss::Index& index) {
    if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(&index))
        return keeps_ids(*transform->index);
    return dynamic_cast<faiss::IndexIDMap*>(&index) || dynamic_cast<faiss::IndexIVF*>(&index);
}

std::unique_ptr<faiss::Index> with_ids(std::unique_ptr<faiss::Index> index) {
    if (keeps_ids(*index)) return index;
    if (auto* transform = dynamic_cast<faiss::IndexPreTransform*>(index.get())) {
        std::unique_ptr<faiss::Index> inner(std::exchange(transform->index, nullptr));
        transform->index = with_ids(std::move(inner)).release();
        return index;
    }
    auto map = std::make_unique<faiss::IndexIDMap>(index.get());
    map->own_fields = true;
    (void)index.release();
    return map;
}

std::vector<int64_t> ids_of(faiss::Index& index) {
    if (const auto* map = find_index<faiss::IndexIDMap>(&index)) return map->id_map;
    std::vector<int64_t> ids;
    const faiss::InvertedLists& lists = *inverted_file(&index)->invlists;
    for (size_t list = 0; list < lists.nlist; ++list) {
        faiss::InvertedLists::ScopedIds of_list(&lists, list);
        ids.insert(ids.end(), of_list.get(), of_list.get() + lists.list_size(list));
    }
    return ids;
}

int64_t next_id(std::span<const int64_t> ids) {
    return ids.empty() ? 0 : *std::max_element(ids.begin(), ids.end()) + 1;
}

} // namespace bqq::command

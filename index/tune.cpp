#include <bqq/index/tune.h>

#include "base/check_finite.h"
#include "base/omp_threads.h"
#include "base/stopwatch.h"
#include "codec/sampling.h"
#include "index/checks.h"
#include "index/exact_search.h"
#include "index/file_bytes.h"
#include "index/recall.h"
#include "index/tune_candidates.h"
#include "index/tune_goal.h"
#include "index/wrapped_index.h"

#include <bqq/index/index_factory.h>
#include <bqq/index/search_parameters.h>
#include <faiss/IndexIVF.h>
#include <faiss/impl/FaissAssert.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <memory>
#include <sstream>

namespace bqq {

namespace {

constexpr idx_t kLeastVectors = 1000;

/// Queries and the vectors that are searched for their neighbours.
struct Vectors {
    size_t n;
    const float* x;
    std::vector<int64_t> nearest; ///< of x, size queries * k
};

class Tuner {
public:
    Tuner(int d, faiss::MetricType metric, idx_t n, const float* x, idx_t nq, const float* queries,
          const Wish& wish, const TuneParameters& parameters)
            : d_(static_cast<size_t>(d)),
              metric_(metric),
              n_(static_cast<size_t>(n)),
              x_(x),
              nq_(static_cast<size_t>(nq)),
              queries_(queries),
              parameters_(parameters),
              goal_(wish) {
        take_vectors();
    }

    Tuned run() {
        explore_flat();
        explore_lists();
        if (goal_.limits_time()) explore_graphs();
        explore_refinement();
        return build_best();
    }

private:
    size_t d_;
    faiss::MetricType metric_;
    size_t n_;
    const float* x_;
    size_t nq_;
    const float* queries_;
    const TuneParameters& parameters_;
    TuneGoal goal_;
    Stopwatch time_;
    Vectors all_, tried_on_;               ///< both the same, or some of all
    std::vector<float> training_, sample_; ///< of many: a random choice, and what is tried on
    std::vector<TunedIndex> tried_;
    size_t solution_ = 0; ///< bits of the last family that reached the recall

    bool expired() const { return time_.seconds() > parameters_.seconds; }
    bool is_sampled() const { return tried_on_.n < n_; }

    std::vector<int64_t> nearest(size_t k) const {
        return exact_search(n_, x_, d_, metric_, nq_, queries_, k, parameters_.progress).rows;
    }

    /// Of many vectors: those that lie near the queries, for they are what is mistaken for their
    /// neighbours, and others at random.
    void take_vectors() {
        const size_t k = parameters_.k, most = parameters_.most_vectors;
        if (n_ <= most) {
            all_ = {n_, x_, nearest(k)};
            tried_on_ = all_;
            return;
        }
        const size_t near = std::min(n_, std::max(most / 2 / nq_, 10 * k));
        const std::vector<int64_t> labels = nearest(near);
        std::vector<int64_t> rows = labels;
        const std::vector<size_t> random = choose_rows(n_, most, parameters_.seed);
        for (size_t i = 0; i < random.size() && rows.size() < most; ++i)
            rows.push_back(static_cast<int64_t>(random[i]));
        std::ranges::sort(rows);
        rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
        all_ = {n_, x_, {}};
        tried_on_ = {rows.size(), nullptr, {}};
        for (size_t q = 0; q < nq_; ++q)
            for (size_t i = 0; i < k; ++i) {
                const int64_t label = labels[q * near + i];
                all_.nearest.push_back(label);
                tried_on_.nearest.push_back(std::ranges::lower_bound(rows, label) - rows.begin());
            }
        sample_.resize(rows.size() * d_);
        for (size_t i = 0; i < rows.size(); ++i)
            std::copy_n(x_ + static_cast<size_t>(rows[i]) * d_, d_, sample_.data() + i * d_);
        tried_on_.x = sample_.data();
        training_.resize(random.size() * d_);
        for (size_t i = 0; i < random.size(); ++i)
            std::copy_n(x_ + random[i] * d_, d_, training_.data() + i * d_);
    }

    std::unique_ptr<faiss::Index> make(const std::string& factory) const {
        auto index = index_factory(static_cast<int>(d_), factory, metric_);
        if (TrainingParameters* training = find_training(*index)) training->seed = parameters_.seed;
        if (auto* ivf = find_index<faiss::IndexIVF>(index.get()))
            ivf->cp.seed = static_cast<int>(parameters_.seed);
        return index;
    }

    double measure_ms(const faiss::Index& index, std::vector<int64_t>& labels) const {
        constexpr double kShareOfTime = 1.0 / 500;
        constexpr int kLeastRuns = 3;
        const double least_seconds =
                parameters_.measure_seconds.value_or(kShareOfTime * parameters_.seconds);
        const OmpThreads one(1);
        std::vector<float> distances(labels.size());
        double best = 0;
        const Stopwatch all;
        for (int run = 0; run < kLeastRuns || all.seconds() < least_seconds; ++run) {
            const Stopwatch time;
            index.search(
                    static_cast<idx_t>(nq_), queries_, static_cast<idx_t>(parameters_.k),
                    distances.data(), labels.data());
            const double seconds = time.seconds();
            best = run == 0 ? seconds : std::min(best, seconds);
            if (run > 0 && all.seconds() > 10 * least_seconds) break;
        }
        return 1000 * best / static_cast<double>(nq_);
    }

    /// Sets recall and time of an index that holds `vectors`.
    void measure(faiss::Index& index, const Vectors& vectors, TunedIndex& result) const {
        const ParameterSpace space;
        for (const auto& [name, value] : result.search)
            space.set_index_parameter(&index, name, value);
        std::vector<int64_t> labels(nq_ * parameters_.k);
        result.ms = measure_ms(index, labels);
        const SearchTruth truth{
                metric_, d_, vectors.x, nq_, queries_, parameters_.k, vectors.nearest.data()};
        result.recall = measure_recall(labels.data(), truth).all;
    }

    /** Builds an index and measures it with values of its search parameter, as far as they find
     * more.
     * @return  what was measured, the last of tried_
     */
    std::span<const TunedIndex> try_index(const IndexFamily& family, size_t M) {
        const size_t before = tried_.size();
        TunedIndex result{family.factory(M), {}, 0, 0, 0};
        parameters_.progress.report(
                result.factory, static_cast<size_t>(std::min(time_.seconds(), parameters_.seconds)),
                static_cast<size_t>(parameters_.seconds));
        const auto index = make(result.factory);
        if (is_sampled())
            index->train(static_cast<idx_t>(training_.size() / d_), training_.data());
        else
            index->train(static_cast<idx_t>(n_), x_);
        const auto shared = static_cast<double>(file_bytes(*index));
        index->add(static_cast<idx_t>(tried_on_.n), tried_on_.x);
        const auto whole = static_cast<double>(file_bytes(*index));
        result.bytes = shared / static_cast<double>(n_) +
                       (whole - shared) / static_cast<double>(tried_on_.n);
        if (family.nlist > 0) { // ids of more bits
            const auto bits = [](size_t n) { return static_cast<double>(std::bit_width(n - 1)); };
            result.bytes += (bits(n_) - bits(tried_on_.n)) / 8;
        }
        const auto more = static_cast<double>(n_) / static_cast<double>(tried_on_.n);
        const auto keep = [&] {
            tried_.push_back(result);
            if (parameters_.tried) parameters_.tried(tried_.back());
        };
        if (family.nlist > 0) {
            double of_one = 0;
            sweep(*index, result, "nprobe", 1, family.nlist, [&](double nprobe) {
                // The lists of more vectors are longer, what comes before them is the same.
                if (nprobe == 1) of_one = result.ms;
                const double scan = nprobe == 1 ? 0 : (result.ms - of_one) * nprobe / (nprobe - 1);
                result.ms += (more - 1) * scan;
                keep();
            });
        } else if (family.links > 0) {
            sweep(*index, result, "efSearch", static_cast<double>(parameters_.k), n_,
                  [&](double) { keep(); });
        } else if (family.refined) {
            sweep(*index, result, "k_factor_rf", 2, 256, [&](double) {
                result.ms *= more;
                keep();
            });
        } else {
            measure(*index, tried_on_, result);
            result.ms *= more;
            keep();
        }
        return std::span(tried_).subspan(before);
    }

    /// Doubles a search parameter until next to nothing more is found or it takes too long.
    template <class Keep>
    void sweep(
            faiss::Index& index, TunedIndex& result, const std::string& name, double first,
            size_t most, const Keep& keep) {
        constexpr double kGain = 0.002;
        double recall = -1;
        for (double value = first; value <= static_cast<double>(most); value *= 2) {
            result.search = {{name, value}};
            measure(index, tried_on_, result);
            keep(value);
            if (result.recall - recall < kGain || !goal_.in_time(result) || expired()) break;
            recall = result.recall;
        }
    }

    /// The highest recall of those in time; -1 for none.
    double recall_in_time(std::span<const TunedIndex> results) const {
        double most = -1;
        for (const TunedIndex& index : results)
            if (goal_.in_time(index)) most = std::max(most, index.recall);
        return most;
    }

    /** Tries a family at the bytes of the goal, or looks for the bits that reach its recall.
     * @return  how good it is, to be compared with other families: recall, or bytes made negative
     */
    double explore(const IndexFamily& family) {
        constexpr double kNothing = -1e9;
        const Metric metric = to_metric(metric_);
        size_t most = Quantizer::kMaxAtoms;
        if (goal_.bytes()) most = family.most_bits(*goal_.bytes(), n_, d_, metric);
        if (expired()) return kNothing;
        if (!goal_.recall()) return at_bytes(family, most).value_or(kNothing);
        // As a function of log2 M, the logit of the recall is all but a line.
        constexpr double kSlope = 0.8, kEnough = 0.006;
        constexpr int kTrials = 5;
        const auto logit = [](double recall) {
            const double inside = std::clamp(recall, 1e-3, 1 - 1e-3);
            return std::log(inside / (1 - inside));
        };
        const double wanted = logit(*goal_.recall() + kEnough / 3);
        size_t M = solution_ > 0 ? solution_ : first_bits();
        size_t low = 0, high = 0; // too few, enough
        std::optional<std::pair<double, double>> last;
        double best = kNothing;
        for (int trial = 0; trial < kTrials && !expired(); ++trial) {
            M = std::min(M, most) / 8 * 8;
            if (!can_try(family, M) || M == low || M == high) break;
            const auto results = try_index(family, M);
            const double recall = recall_in_time(results);
            if (recall >= *goal_.recall()) {
                high = M;
                best = std::max(best, -results.front().bytes);
                solution_ = M;
            } else {
                low = M;
                best = std::max(best, kNothing / 2 + recall);
            }
            if (high > 0 && (recall >= *goal_.recall() && recall < *goal_.recall() + kEnough))
                break;
            if (recall < 0) break; // it takes too long, and more bits take longer
            const std::pair<double, double> here{std::log2(static_cast<double>(M)), logit(recall)};
            double slope = kSlope;
            if (last && last->first != here.first)
                slope = std::clamp(
                        (here.second - last->second) / (here.first - last->first), 0.3, 3.0);
            last = here;
            M = static_cast<size_t>(
                    std::exp2(std::clamp(
                            here.first + (wanted - here.second) / slope, here.first - 2,
                            here.first + 2)) +
                    7);
            if (low > 0 && high > 0) M = std::clamp(M, low + 8, std::max(low + 8, high - 8));
            if (high > 0 && low > 0 && high - low <= 8) break;
        }
        return best;
    }

    /// Recall in the bytes of the goal. What the estimate of the bytes missed is corrected once.
    std::optional<double> at_bytes(const IndexFamily& family, size_t M) {
        std::optional<double> best;
        for (int trial = 0; trial < 2; ++trial) {
            if (!can_try(family, M)) break;
            const auto results = try_index(family, M);
            const double left = *goal_.bytes() - results.front().bytes;
            if (left >= 0) best = std::max(best.value_or(-1), recall_in_time(results));
            const auto bytes = [&](size_t bits) {
                return family.bytes(bits, n_, d_, to_metric(metric_));
            };
            const double steps = std::floor(left / (bytes(M + 8) - bytes(M)));
            const double bits = static_cast<double>(M) + 8 * steps;
            if (steps == 0 || bits < 8) break;
            M = static_cast<size_t>(bits);
        }
        return best;
    }

    bool can_try(const IndexFamily& family, size_t M) const {
        if (!family.is_sensible(M, training_vectors(), d_)) return false;
        if (family.atoms == Atoms::tied) return true;
        // Free atoms take time by the square of their number: on two slow cores 30 s for 300 of
        // them, learned on 75,000 vectors.
        constexpr double kWorkOfSecond = 7e7;
        const auto atoms = static_cast<double>(M);
        const double vectors = std::min(
                256 * atoms * static_cast<double>(family.bases),
                static_cast<double>(training_vectors()));
        return vectors * atoms * atoms <= kWorkOfSecond * parameters_.seconds;
    }

    size_t training_vectors() const { return is_sampled() ? training_.size() / d_ : n_; }

    size_t first_bits() const {
        const double recall = *goal_.recall();
        const double of_dimension = recall < 0.6    ? 0.25
                                    : recall < 0.75 ? 0.5
                                    : recall < 0.85 ? 1
                                    : recall < 0.92 ? 2
                                    : recall < 0.97 ? 4
                                                    : 6;
        return std::clamp<size_t>(
                static_cast<size_t>(of_dimension * static_cast<double>(d_)), 32, 4096);
    }

    static int depth_of(size_t bases) {
        return bases == 1 ? Quantizer::kDepthOfOne : Quantizer::kDepthOfSeveral;
    }

    /// explore() once for each number of bases.
    double explore(IndexFamily family, size_t bases, std::map<size_t, double>& merits) {
        const auto known = merits.find(bases);
        if (known != merits.end()) return known->second;
        family.bases = bases;
        family.depth = depth_of(bases);
        return merits[bases] = explore(family);
    }

    /** More bases as long as they pay, then numbers between.
     * @param merits  what explore() gave, by the number of bases
     * @return        the best number
     */
    size_t explore_bases(const IndexFamily& family, std::map<size_t, double> merits = {}) {
        const size_t most = family.nlist > 0 ? std::min(family.nlist, Quantizer::kMaxBases)
                                             : Quantizer::kMaxBases;
        size_t bases = 1;
        double best = explore(family, bases, merits);
        for (size_t more = 4; more <= most; more *= 4) {
            const double merit = explore(family, more, merits);
            if (merit < best) break;
            best = merit;
            bases = more;
        }
        for (const size_t near : {bases / 2, bases * 2})
            if (near >= 2 && near <= most) explore(family, near, merits);
        bases = std::ranges::max_element(merits, {}, [](const auto& entry) {
                    return entry.second;
                })->first;
        if (bases > 1) { // coarser atoms, more bits
            IndexFamily coarser = family;
            coarser.bases = bases;
            coarser.depth = Quantizer::kDepthOfSeveral - 1;
            explore(coarser);
        }
        return bases;
    }

    void explore_flat() {
        // Where a query has so little time that a scan of few bits takes too long, lists do it.
        if (goal_.limits_time() && recall_in_time(try_index({}, 32 * ((d_ + 255) / 256))) < 0)
            return;
        IndexFamily tied{.atoms = Atoms::tied}, free{.atoms = Atoms::free};
        const double of_tied = explore(tied), of_free = explore(free);
        const bool tied_is_best = of_tied >= of_free;
        const size_t bases =
                explore_bases(tied_is_best ? tied : free, {{1, std::max(of_tied, of_free)}});
        IndexFamily other = tied_is_best ? free : tied;
        other.bases = bases;
        other.depth = depth_of(bases);
        if (bases > 1) explore(other);
    }

    Atoms best_atoms() const {
        const auto has = [](const TunedIndex& index, char letter) {
            return index.factory.find(letter, index.factory.rfind('z')) != std::string::npos;
        };
        const auto were_tried = [&](char letter) {
            return std::ranges::any_of(
                    tried_, [&](const TunedIndex& index) { return has(index, letter); });
        };
        if (were_tried('t') && were_tried('f'))
            return has(goal_.choose(tried_), 't') ? Atoms::tied : Atoms::free;
        const double bits = goal_.bytes() ? 8 * *goal_.bytes() : static_cast<double>(first_bits());
        return bits >= static_cast<double>(d_) ? Atoms::tied : Atoms::free;
    }

    void explore_lists() {
        constexpr double kShareOfCentroids = 0.15;
        constexpr size_t kLeastLists = 16;
        constexpr double kVectorsOfCentroid = 39; // FAISS's k-means wants as many
        const Atoms atoms = best_atoms();
        const double bytes = goal_.bytes()    ? *goal_.bytes()
                             : tried_.empty() ? static_cast<double>(d_) / 4
                                              : goal_.choose(tried_).bytes;
        const double affordable =
                kShareOfCentroids * bytes * static_cast<double>(n_) / (4 * static_cast<double>(d_));
        const double wanted = 4 * std::sqrt(static_cast<double>(n_));
        const auto most = static_cast<size_t>(std::min(
                goal_.limits_time() && !goal_.bytes() ? wanted : std::min(wanted, affordable),
                static_cast<double>(training_vectors()) / kVectorsOfCentroid));
        if (most < kLeastLists) return;
        const size_t nlist = std::bit_floor(most);
        explore_bases({.atoms = atoms, .nlist = nlist});
        if (nlist / 4 >= kLeastLists) explore({.atoms = atoms, .nlist = nlist / 4});
    }

    void explore_graphs() {
        for (const size_t links : {16, 32}) explore({.atoms = best_atoms(), .links = links});
    }

    /// Where codes alone do not find enough, floats beside them.
    void explore_refinement() {
        if (!tried_.empty() && goal_.recall() && goal_.is_fulfilled(goal_.choose(tried_))) return;
        if (goal_.bytes() && *goal_.bytes() < 4 * static_cast<double>(d_)) return;
        IndexFamily family{.atoms = Atoms::free, .refined = true};
        const size_t M = std::min<size_t>(256, d_);
        if (!expired() && can_try(family, M)) try_index(family, M);
    }

    Tuned build_best() {
        FAISS_THROW_IF_NOT_FMT(
                !tried_.empty(),
                "BQQ: tune(): no index of %ld vectors of d = %zu was tried: max_bytes = %g, "
                "seconds = %g",
                static_cast<long>(n_), d_, goal_.bytes().value_or(0), parameters_.seconds);
        constexpr int kBuilds = 3;
        Tuned result;
        std::vector<TunedIndex> expected = tried_;
        for (int build = 0; build < kBuilds; ++build) {
            const auto place = static_cast<size_t>(&goal_.choose(expected) - expected.data());
            result.predicted = tried_[place];
            result.measured = result.predicted;
            parameters_.progress.report(result.predicted.factory + ", all vectors", 0, 1);
            const auto index = make(result.predicted.factory);
            index->train(static_cast<idx_t>(n_), x_);
            index->add(static_cast<idx_t>(n_), x_);
            result.measured.bytes =
                    static_cast<double>(file_bytes(*index)) / static_cast<double>(n_);
            measure(*index, all_, result.measured);
            result.fulfils = goal_.is_fulfilled(result.measured);
            if (result.fulfils || !goal_.is_fulfilled(expected[place])) break;
            // The others are off by as much.
            const double recall = result.measured.recall - expected[place].recall;
            const double bytes = result.measured.bytes / expected[place].bytes;
            const double ms = result.measured.ms / expected[place].ms;
            for (TunedIndex& other : expected) {
                other.recall += recall;
                other.bytes *= bytes;
                other.ms *= ms;
            }
        }
        result.tried = std::move(tried_);
        return result;
    }
};

void check(const Wish& wish, int d, idx_t n, idx_t nq, const TuneParameters& parameters) {
    FAISS_THROW_IF_NOT_MSG(
            wish.max_bytes || wish.min_recall || wish.max_ms,
            "BQQ: tune() wants at least one of max_bytes, min_recall and max_ms");
    const auto check_positive = [](const std::optional<double>& value, const char* name) {
        FAISS_THROW_IF_NOT_FMT(
                !value || (*value > 0 && std::isfinite(*value)),
                "BQQ: tune(): %s = %g, must be above 0", name, value.value_or(0));
    };
    check_positive(wish.max_bytes, "max_bytes");
    check_positive(wish.min_recall, "min_recall");
    check_positive(wish.max_ms, "max_ms");
    check_positive(parameters.seconds, "seconds");
    FAISS_THROW_IF_NOT_FMT(
            wish.min_recall.value_or(0) <= 1, "BQQ: tune(): min_recall = %g, must be at most 1",
            wish.min_recall.value_or(0));
    FAISS_THROW_IF_NOT_FMT(d > 0, "BQQ: tune(): d = %d, must be at least 1", d);
    FAISS_THROW_IF_NOT_FMT(
            n >= kLeastVectors, "BQQ: tune() got %ld vectors, must be at least %ld",
            static_cast<long>(n), static_cast<long>(kLeastVectors));
    FAISS_THROW_IF_NOT_FMT(
            nq >= 1, "BQQ: tune() got %ld queries, must be at least 1", static_cast<long>(nq));
    FAISS_THROW_IF_NOT_FMT(
            parameters.k >= 1 && static_cast<idx_t>(parameters.k) <= n,
            "BQQ: tune(): k = %zu, must be in 1..%ld", parameters.k, static_cast<long>(n));
}

} // namespace

std::string TunedIndex::text() const {
    std::ostringstream all;
    all << factory;
    for (const auto& [name, value] : search) all << ' ' << name << '=' << value;
    return all.str();
}

Tuned tune(
        int d, faiss::MetricType metric, idx_t n, const float* x, idx_t nq, const float* queries,
        const Wish& wish, const TuneParameters& parameters) {
    check(wish, d, n, nq, parameters);
    return with_faiss_errors([&] {
        check_finite(x, static_cast<size_t>(n), static_cast<size_t>(d), "tune() (vectors)");
        check_finite(queries, static_cast<size_t>(nq), static_cast<size_t>(d), "tune() (queries)");
        return Tuner(d, metric, n, x, nq, queries, wish, parameters).run();
    });
}

} // namespace bqq

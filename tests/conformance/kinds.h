#pragma once

#include <faiss/Index.h>

#include <initializer_list>
#include <ostream>
#include <regex>
#include <string>
#include <vector>

namespace bqq::test {

/// A factory string, FAISS's or ours, and a metric.
struct Kind {
    std::string factory;
    faiss::MetricType metric;

    bool has(const std::string& part) const { return factory.find(part) != std::string::npos; }
    bool is_inverted_file() const { return has("IVF"); }
};

inline std::ostream& operator<<(std::ostream& out, const Kind& kind) {
    return out << kind.factory << (kind.metric == faiss::METRIC_L2 ? ", L2" : ", inner product");
}

/// FAISS's indexes, whose behaviour is the yardstick. np: without the training for Hamming distances, which is slow.
inline const std::vector<std::string> kFaissFactories = {
        "PQ8np",        "PQ8x4fs",           "IVF16,PQ8np", "IVF16,PQ8x4fs",     "IVF16,SQ8",
        "IDMap2,PQ8np", "PCA16,IVF16,PQ8np", "PQ8np,RFlat", "IVF16_HNSW8,PQ8np",
};

/// Ours.
inline const std::vector<std::string> kBqqFactories = {"BQQ64", "IDMap2,BQQ64", "BQQ64,RFlat"};

/// Ours that bqq::index_factory does not build yet.
inline const std::vector<std::string> kFutureBqqFactories = {
        "IVF16,BQQ64",       "PCA16,IVF16,BQQ64",      "IVF16,BQQ64,RFlat",
        "IVF16_HNSW8,BQQ64", "IVF16(IVF4,Flat),BQQ64", "HNSW16,BQQ64",
};

/// The factory strings that are tested. To enable what is new, add kFutureBqqFactories.
inline const std::vector<std::vector<std::string>> kEnabledFactories = {
        kFaissFactories, kBqqFactories,
        // kFutureBqqFactories,
};

/// What a kind of index may be unable to do.
enum class Feature {
    is_inverted_file,        ///< nprobe, lists, direct map (of the outermost index)
    probes,                  ///< nprobe, of an inverted file or one behind a transform
    add,                     ///< without ids
    add_nothing,             ///< n = 0
    add_with_ids,            //
    selectors,               ///< IDSelector in the search parameters
    class_of_parameters,     ///< search parameters of a wrong class are refused
    training_is_checked,     ///< search before train() throws
    zero_probes_are_checked, ///< nprobe = 0 throws
    too_many_probes,         ///< nprobe above nlist is nlist
    search_parameters,       ///< nprobe and the like for a single search
    max_codes,               //
    parallel_modes,          //
    preassigned,             ///< search_preassigned, store_pairs
    remove_ids,              //
    merge,                   //
    merge_empties_the_other, //
    merge_checks_training,   ///< merging indexes that were trained differently throws
    range_search,            //
    reconstruct,             ///< of an id
    reconstruct_checks_ids,  ///< ids that are not there throw
    reconstruct_n,           //
    search_and_reconstruct,  //
    decoded_distances,       ///< distances are those to the reconstructed vectors
    direct_map,              //
    codec,                   ///< sa_encode, sa_decode
    prefix_of_larger_k,      ///< the results for a k are the first of those for a larger k
    worst_distance,          ///< the distance of a result that is not there
    write,                   //
};

constexpr int kFaissVersion =
        FAISS_VERSION_MAJOR * 10000 + FAISS_VERSION_MINOR * 100 + FAISS_VERSION_PATCH;
constexpr int kNever = 1000000;

/// What the call does that a kind does not support.
enum class Instead {
    throws,  ///< FaissException
    differs, ///< something else, which is not tested
};

/// A feature that the kinds with these factory strings lack.
struct Gap {
    Feature feature;
    const char* factories; ///< regular expression
    Instead instead;
    int until; ///< first version of FAISS that has the feature
    const char* reason;
};

// clang-format off
inline const std::vector<Gap> kGaps = {
    {Feature::is_inverted_file, "(IDMap2,)?(PQ|BQQ|HNSW).*", Instead::differs, kNever,
     "not an inverted file"},
    {Feature::is_inverted_file, "PCA.*|.*RFlat", Instead::differs, kNever,
     "the inverted file is inside a wrapper, which hands through what the other suites test"},
    {Feature::probes, "(IDMap2,)?(PQ|BQQ|HNSW).*|.*RFlat", Instead::differs, kNever,
     "no inverted file, or inside a refinement"},
    {Feature::add, "IDMap2.*", Instead::throws, kNever,
     "an id map has no ids of its own"},
    {Feature::add_nothing, "PQ8x4fs", Instead::differs, 10800,
     "IndexFastScan of 1.7.3 crashes"},
    {Feature::merge, "IVF.*4fs", Instead::differs, 10800,
     "IndexIVFFastScan of 1.7.3 crashes: its block lists cannot be merged"},
    {Feature::codec, ".*RFlat", Instead::differs, 10800,
     "IndexRefine::sa_decode of 1.7.3 reads the refinement's code from the place of the base index's"},
    {Feature::add_with_ids, "(PQ|BQQ|HNSW).*|.*RFlat", Instead::throws, kNever,
     "ids are positions"},
    {Feature::selectors, "PQ8.*|IDMap2,PQ8np", Instead::throws, kNever,
     "IndexPQ and IndexPQFastScan refuse a selector"},
    {Feature::selectors, ".*4fs", Instead::throws, kNever,
     "fast-scan indexes take no parameters before 1.8"},
    {Feature::selectors, "IDMap2.*", Instead::throws, 10704,
     "IndexIDMap takes no parameters before 1.7.4"},
    {Feature::selectors, ".*RFlat", Instead::throws, kNever,
     "IndexRefine takes no parameters (1.7.3), or IndexRefineSearchParameters"},
    {Feature::search_parameters, ".*RFlat", Instead::throws, kNever,
     "IndexRefine takes no parameters (1.7.3), or IndexRefineSearchParameters"},
    {Feature::search_parameters, ".*4fs", Instead::throws, 10800,
     "fast-scan indexes take no parameters before 1.8"},
    {Feature::training_is_checked, ".*4fs", Instead::differs, kNever,
     "fast-scan indexes search an untrained quantizer without results"},
    {Feature::training_is_checked, "IVF.*PQ8np|IVF.*SQ8", Instead::differs, kNever,
     "IndexIVF searches a quantizer without centroids"},
    {Feature::zero_probes_are_checked, ".*4fs", Instead::differs, 10800,
     "IndexIVFFastScan reads nprobe unchecked before 1.8"},
    {Feature::too_many_probes, ".*4fs", Instead::differs, 10800,
     "IndexIVFFastScan reads nprobe unchecked before 1.8"},
    {Feature::max_codes, ".*4fs", Instead::differs, kNever,
     "IndexIVFFastScan ignores max_codes before 1.15"},
    {Feature::parallel_modes, ".*4fs", Instead::differs, kNever,
     "IndexIVFFastScan has implem instead"},
    {Feature::preassigned, ".*4fs", Instead::differs, kNever,
     "IndexIVFFastScan has no scanner in 1.7.3 and no store_pairs later"},
    {Feature::remove_ids, ".*RFlat|HNSW.*", Instead::throws, kNever,
     "IndexRefine and IndexHNSW cannot remove"},
    {Feature::remove_ids, "IVF.*4fs", Instead::differs, 10800,
     "BlockInvertedLists throws inside an OpenMP region before 1.8, which ends the process"},
    {Feature::merge, ".*RFlat|HNSW.*", Instead::throws, kNever,
     "IndexRefine and IndexHNSW cannot merge"},
    {Feature::merge_empties_the_other, "PCA.*", Instead::differs, kNever,
     "IndexPreTransform empties the index inside and keeps its own ntotal"},
    {Feature::merge_checks_training, "(IDMap2,)?PQ8.*", Instead::differs, kNever,
     "IndexFlatCodes and IndexFastScan compare sizes alone"},
    {Feature::range_search, "PQ8.*|IDMap2,PQ8np|.*4fs|.*RFlat", Instead::throws, kNever,
     "IndexPQ (1.7.3), fast-scan (1.7.3) and IndexRefine have no range search"},
    {Feature::reconstruct, "(IVF|PCA)(?!.*RFlat).*", Instead::throws, kNever,
     "an inverted file needs a direct map"},
    {Feature::reconstruct_checks_ids, ".*RFlat", Instead::differs, kNever,
     "IndexFlat reads what is not there"},
    {Feature::reconstruct_checks_ids, "PQ8x4fs", Instead::differs, kNever,
     "IndexFastScan reads what is not there"},
    {Feature::reconstruct_n, "PQ8x4fs|IDMap2.*", Instead::differs, kNever,
     "IndexFastScan and IndexIDMap have the default, which throws inside an OpenMP region"},
    {Feature::direct_map, "IVF.*4fs", Instead::differs, kNever,
     "reconstruct_from_offset of IndexIVFFastScan reads codes in another order (1.7.3)"},
    {Feature::search_and_reconstruct, "IVF.*4fs", Instead::differs, kNever,
     "IndexIVFFastScan has no scanner that stores pairs"},
    {Feature::codec, ".*4fs", Instead::differs, kNever,
     "fast-scan indexes encode in later versions alone, IndexIVFFastScan without list numbers"},
    {Feature::codec, "IDMap2.*", Instead::throws, 10800,
     "IndexIDMap hands the codec on since 1.8"},
    {Feature::decoded_distances, ".*BQQ64", Instead::differs, kNever,
     "IndexBQQ corrects distances for the error of the codes"},
    {Feature::decoded_distances, ".*4fs", Instead::differs, kNever,
     "fast-scan indexes round the look-up table to bytes"},
    {Feature::decoded_distances, "PCA.*", Instead::differs, kNever,
     "distances are those of the projections"},
    {Feature::prefix_of_larger_k, ".*RFlat", Instead::differs, kNever,
     "IndexRefine re-ranks k candidates, others for another k"},
};
// clang-format on

inline const Gap* gap(const Kind& kind, Feature feature) {
    for (const Gap& gap : kGaps)
        if (gap.feature == feature && kFaissVersion < gap.until &&
            std::regex_match(kind.factory, std::regex(gap.factories)))
            return &gap;
    return nullptr;
}

/// The enabled kinds, under both metrics, that have all features.
inline std::vector<Kind> kinds_with(std::initializer_list<Feature> features) {
    std::vector<Kind> kinds;
    for (const std::vector<std::string>& factories : kEnabledFactories)
        for (const std::string& factory : factories)
            for (const auto metric : {faiss::METRIC_L2, faiss::METRIC_INNER_PRODUCT}) {
                const Kind kind{factory, metric};
                bool has_all = true;
                for (const Feature feature : features)
                    has_all = has_all && gap(kind, feature) == nullptr;
                if (has_all) kinds.push_back(kind);
            }
    return kinds;
}

inline std::vector<Kind> all_kinds() {
    return kinds_with({});
}

/// The enabled kinds that throw instead.
inline std::vector<Kind> kinds_that_refuse(Feature feature) {
    std::vector<Kind> kinds;
    for (const Kind& kind : all_kinds()) {
        const Gap* found = gap(kind, feature);
        if (found != nullptr && found->instead == Instead::throws) kinds.push_back(kind);
    }
    return kinds;
}

} // namespace bqq::test

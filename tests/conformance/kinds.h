#pragma once

#include <faiss/Index.h>

#include <initializer_list>
#include <ostream>
#include <string>
#include <vector>

namespace bqq::test {

/// A factory string, FAISS's or ours, and a metric.
struct Kind {
    std::string factory;
    faiss::MetricType metric;

    bool has(const std::string& part) const { return factory.find(part) != std::string::npos; }
    bool is_ours() const { return has("BQQ"); }
    bool is_inverted_file() const { return has("IVF"); }
    bool is_graph() const { return factory.starts_with("HNSW"); }

    /** By how much, relative to 1 + |distance|, two distances of one vector to one query differ at
     * most. 0: IndexBQQ and IndexIVFBQQ promise the same results however queries are grouped, and
     * however their vectors came. FAISS's parts around and inside them do not: its flat index (a
     * refinement), PCA and scanner differ in the last bits.
     */
    float tolerance() const {
        if (!is_ours()) return 2e-5f;
        return is_graph() || has("PCA") || has("Refine") || has("RFlat") || has("16_") || has("16(")
                       ? 1e-5f
                       : 0;
    }
    /// The mean squared error of reconstructed vectors, in parts of their variance, is below.
    double largest_error() const;
};

inline std::ostream& operator<<(std::ostream& out, const Kind& kind) {
    return out << kind.factory << (kind.metric == faiss::METRIC_L2 ? ", L2" : ", inner product");
}

/// What a kind of index may be unable to do.
enum class Feature {
    is_inverted_file,        ///< nprobe, lists, direct map (of the outermost index)
    probes,                  ///< nprobe, of an inverted file or one behind a transform
    add,                     ///< without ids
    add_nothing,             ///< n = 0
    add_with_ids,            //
    selectors,               ///< IDSelector in the search parameters
    class_of_parameters,     ///< search parameters of a wrong class are refused
    range_parameters_class,  ///< and by range_search
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
    map,                     ///< read as a mapped file
    untrained_copy,          ///< a written and read untrained index trains as the original would
    maps_lists,              ///< inverted lists stay in the mapped file, read-only
    truncates_lists,         ///< max_codes ends a scan inside a list
};

/** The kinds, under both metrics, that have all features.
 * With the environment variable BQQ_CONFORMANCE_GAPS, those that lack one: the tests that the table
 * of gaps saves them from, each in want of a process of its own since many of them crash.
 */
std::vector<Kind> kinds_with(std::initializer_list<Feature> features);

inline std::vector<Kind> all_kinds() {
    return kinds_with({});
}

/// The kinds that throw instead.
std::vector<Kind> kinds_that_refuse(Feature feature);

} // namespace bqq::test

#include <bqq/index/index_factory.h>

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexHNSWBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include "index/faiss_errors.h"
#include "index/wrappers.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexRefine.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/index_factory.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace bqq {

namespace {

struct Code {
    size_t M = 0;
    std::optional<int> depth;
    std::optional<size_t> bases = 1;
    std::optional<Atoms> atoms;
};

/// Reads a factory string from left to right.
class Cursor {
public:
    explicit Cursor(std::string_view text) : text_(text) {}

    bool at_end() const { return text_.empty(); }
    bool take(std::string_view word) {
        const bool found = text_.substr(0, word.size()) == word;
        if (found) text_.remove_prefix(word.size());
        return found;
    }
    /// Digits. A number too large for T becomes the largest T, which the checks that follow refuse.
    template <class T>
    std::optional<T> number() {
        T value{};
        const char* end = text_.data() + text_.size();
        const auto [last, error] = std::from_chars(text_.data(), end, value);
        if (last == text_.data() || text_.front() == '-') return {};
        text_.remove_prefix(static_cast<size_t>(last - text_.data()));
        return error == std::errc() ? value : std::numeric_limits<T>::max();
    }

private:
    std::string_view text_;
};

/// BQQ{M} or BQQ{p}x{l}, then z{depth}, then t or f, then g or g{G}; nothing for other texts.
std::optional<Code> read_code(std::string_view token) {
    Cursor cursor(token);
    Code code;
    if (!cursor.take("BQQ")) return {};
    const auto bits = cursor.number<size_t>();
    if (!bits) return {};
    code.M = *bits;
    if (cursor.take("x")) {
        const auto atoms = cursor.number<size_t>();
        if (!atoms) return {};
        code.M = *atoms != 0 && *bits > std::numeric_limits<size_t>::max() / *atoms
                         ? std::numeric_limits<size_t>::max()
                         : *bits * *atoms;
    }
    if (cursor.take("z")) {
        code.depth = cursor.number<int>();
        if (!code.depth) return {};
    }
    if (cursor.take("t"))
        code.atoms = Atoms::tied;
    else if (cursor.take("f"))
        code.atoms = Atoms::free;
    if (cursor.take("g")) {
        code.bases = cursor.number<size_t>();
        if (code.bases == 0u) return {};
    }
    if (!cursor.at_end()) return {};
    return code;
}

/** FAISS never ends adding to a graph of one neighbour, and stops the process at none.
 * @throws faiss::FaissException  for these, and for more neighbours than memory affords
 */
void check_graphs(const std::string& description) {
    constexpr size_t kMost = 1024; // level 0 takes 8 kB a vector
    const std::string_view text = description;
    for (size_t at = text.find("HNSW"); at != text.npos; at = text.find("HNSW", at + 1)) {
        Cursor cursor(text.substr(at));
        cursor.take("HNSW");
        const auto neighbours = cursor.number<size_t>();
        FAISS_THROW_IF_NOT_FMT(
                !neighbours || (*neighbours >= 2 && *neighbours <= kMost),
                "BQQ: HNSW%zu in the factory string \"%s\", must be HNSW2 to HNSW%zu", *neighbours,
                description.c_str(), kMost);
    }
}

/** FAISS divides by some of the numbers of a factory string, unchecked.
 * @throws faiss::FaissException  for a 0 that follows a letter, such as that of PQ0
 */
void check_zeros(const std::string& text) {
    const auto is = [&](size_t at, int (*kind)(int)) {
        return at < text.size() && kind(static_cast<unsigned char>(text[at])) != 0;
    };
    for (size_t at = 1; at < text.size(); ++at)
        FAISS_THROW_IF_NOT_MSG(
                text[at] != '0' || !is(at - 1, std::isalpha) || is(at + 1, std::isdigit),
                "BQQ: a number in the factory string is 0, must be at least 1");
}

/// An inverted file over codes in place of one over flat vectors, with the same coarse quantizer.
std::unique_ptr<faiss::Index> over_codes(faiss::IndexIVFFlat& flat, const Code& code) {
    auto ours = std::make_unique<IndexIVFBQQ>(
            flat.quantizer, static_cast<size_t>(flat.d), flat.nlist, code.M, flat.metric_type,
            code.depth, code.bases, code.atoms);
    ours->own_fields = flat.own_fields;
    flat.own_fields = false;
    ours->quantizer_trains_alone = flat.quantizer_trains_alone;
    ours->cp = flat.cp;
    ours->clustering_index = flat.clustering_index;
    return ours;
}

/// A graph over codes in place of one over flat vectors.
std::unique_ptr<faiss::Index> over_codes(faiss::IndexHNSWFlat& flat, const Code& code) {
    auto codes = std::make_unique<IndexBQQ>(
            flat.d, code.M, flat.metric_type, code.depth, code.bases, code.atoms);
    auto ours = std::make_unique<IndexHNSWBQQ>(codes.get(), flat.hnsw.nb_neighbors(1));
    ours->own_fields = true;
    (void)codes.release();
    return ours;
}

/** Puts codes in place of the flat vectors in an index of FAISS's factory.
 * @return  nullptr if no flat vectors are where codes can be
 */
std::unique_ptr<faiss::Index> with_codes(std::unique_ptr<faiss::Index> index, const Code& code) {
    if (auto* ivf = dynamic_cast<faiss::IndexIVFFlat*>(index.get())) return over_codes(*ivf, code);
    if (auto* hnsw = dynamic_cast<faiss::IndexHNSWFlat*>(index.get()))
        return over_codes(*hnsw, code);
    if (dynamic_cast<faiss::IndexFlat*>(index.get()) != nullptr)
        return std::make_unique<IndexBQQ>(
                index->d, code.M, index->metric_type, code.depth, code.bases, code.atoms);
    faiss::Index** inner = inner_index(index.get());
    if (inner == nullptr || *inner == nullptr) return nullptr;
    std::unique_ptr<faiss::Index> replaced(*inner);
    *inner = nullptr;
    replaced = with_codes(std::move(replaced), code);
    if (replaced == nullptr) return nullptr;
    faiss::IndexIVF* ivf = inverted_file(replaced.get());
    if (ivf != nullptr && dynamic_cast<faiss::IndexIDMap*>(index.get()) != nullptr) {
        // The inverted file keeps ids itself. With a hash table it reconstructs by id like
        // IndexIDMap2.
        if (dynamic_cast<faiss::IndexIDMap2*>(index.get()) != nullptr)
            ivf->set_direct_map_type(faiss::DirectMap::Hashtable);
        return replaced;
    }
    *inner = replaced.release();
    // FAISS found the flat index inside trained.
    index->is_trained = false;
    return index;
}

/** Makes an index whose string ends in Refine(BQQ...). As in FAISS, the refinement is outermost.
 * @return  nullptr for another string
 */
std::unique_ptr<faiss::Index> refined_by_codes(
        int d, const std::string& description, faiss::MetricType metric) {
    const std::string begin = ",Refine(";
    const size_t at = description.find(begin);
    if (at == description.npos || description.back() != ')') return nullptr;
    const size_t first = at + begin.size();
    const std::string refinement = description.substr(first, description.size() - 1 - first);
    if (refinement.find("BQQ") == refinement.npos) return nullptr;
    auto codes = index_factory(d, refinement, metric);
    FAISS_THROW_IF_NOT_FMT(
            dynamic_cast<IndexBQQ*>(codes.get()) != nullptr,
            "BQQ: cannot refine by \"%s\" in the factory string \"%s\"; Refine() takes a code "
            "without lists, such as BQQ1024",
            refinement.c_str(), description.c_str());
    auto base = index_factory(d, description.substr(0, at), metric);
    auto ours = std::make_unique<faiss::IndexRefine>(base.get(), codes.get());
    ours->own_fields = true;
    ours->own_refine_index = true;
    (void)base.release();
    (void)codes.release();
    return ours;
}

} // namespace

std::unique_ptr<faiss::Index> index_factory(
        int d, const std::string& description, faiss::MetricType metric) {
    constexpr size_t kLongest = 1000; // FAISS's std::regex overflows the stack at about 30,000
    FAISS_THROW_IF_NOT_FMT(
            description.size() <= kLongest,
            "BQQ: a factory string of %zu characters, must be at most %zu", description.size(),
            kLongest);
    check_graphs(description);
    if (auto refined = refined_by_codes(d, description, metric)) return refined;
    // FAISS builds the index with "Flat" in place of the code.
    size_t begin = description.find("BQQ");
    while (begin != description.npos && begin != 0 && description[begin - 1] != ',')
        begin = description.find("BQQ", begin + 1);
    if (begin == description.npos) {
        check_zeros(description);
        return std::unique_ptr<faiss::Index>(faiss::index_factory(d, description.c_str(), metric));
    }
    const size_t end = std::min(description.find(',', begin), description.size());
    const std::string token = description.substr(begin, end - begin);
    const std::optional<Code> code = read_code(token);
    FAISS_THROW_IF_NOT_FMT(
            code,
            "BQQ: cannot read \"%s\" in the factory string \"%s\"; a code is BQQ256, "
            "BQQ4x64, BQQ256z8, BQQ256t, BQQ256f, BQQ256g16, BQQ256z4g16 or BQQ256g",
            token.c_str(), description.c_str());
    FAISS_THROW_IF_NOT_FMT(
            code->depth != 0, "BQQ: depth 0 in the factory string \"%s\", must be 1 to %d",
            description.c_str(), Quantizer::kMaxDepth);
    FAISS_THROW_IF_NOT_FMT(d > 0, "BQQ: dimension d = %d, must be at least 1", d);
    const std::string around = description.substr(0, begin) + "Flat" + description.substr(end);
    check_zeros(around);
    std::unique_ptr<faiss::Index> index;
    try {
        index.reset(faiss::index_factory(d, around.c_str(), metric));
    } catch (const faiss::FaissException& error) {
        FAISS_THROW_FMT(
                "BQQ: cannot read the factory string \"%s\": %s", description.c_str(),
                error.what());
    }
    std::unique_ptr<faiss::Index> ours = with_codes(std::move(index), *code);
    FAISS_THROW_IF_NOT_FMT(
            ours != nullptr, "BQQ: cannot place \"%s\" in the factory string \"%s\"", token.c_str(),
            description.c_str());
    return ours;
}

} // namespace bqq

#include "index/index_bodies.h"

#include "codec/bfloat16.h"
#include "index/checks.h"
#include "index/faiss_format.h"
#include "index/inverted_lists.h"
#include "index/tagged.h"
#include "index/wrappers.h"

#include <faiss/IndexFlat.h>
#include <faiss/index_io.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <optional>
#include <span>
#include <utility>

namespace bqq {

namespace {

constexpr uint64_t kMaxLists = uint64_t{1} << 32;

/// How the lists of an IndexIVFBQQ follow.
enum class ListsTag : uint8_t {
    interleaved = 0,
    faiss = 1 ///< as FAISS writes them
};

/// Reads contents that have a head of their own in versions before 8.
template <class Read>
auto read_contents(Reader& reader, const Read& read) {
    return reader.version < 8 ? read_head(reader, read) : read(reader);
}

/// Lists follow the head of the file; before version 8 the head of their index.
void read_later(Reader& reader, std::function<void(Reader&)> read) {
    if (reader.version < 8)
        read(reader);
    else
        reader.lists.push_back(std::move(read));
}

/// Which settings are other than the defaults, and follow.
enum SettingsFlag : uint8_t {
    kVerbose = 1,
    kTwoStages = 2,
    kTraining = 4,
    // What is on by default is off. Nothing follows for it.
    kNotEarly = 8,   ///< leave_early of an IndexBQQ
    kNotWidened = 16 ///< widen_for_selector of an IndexIVFBQQ
};

/// The setting of a kind of index that is on by default, and the flag that it is off.
template <class Index>
constexpr bool kIsFlat = std::is_same_v<Index, IndexBQQ>;
template <class Index>
constexpr int kOwnFlag = kIsFlat<Index> ? kNotEarly : kNotWidened;
template <class Index>
auto& own_setting(Index& index) {
    if constexpr (kIsFlat<std::remove_const_t<Index>>)
        return index.leave_early;
    else
        return index.widen_for_selector;
}

bool are_defaults(const TwoStages& stages) {
    const TwoStages defaults;
    return stages.query_bits == defaults.query_bits && stages.margin == defaults.margin;
}

bool are_defaults(const TrainingParameters& training) {
    const TrainingParameters defaults;
    return training.seed == defaults.seed &&
           training.max_points_per_atom == defaults.max_points_per_atom &&
           training.basis_share == defaults.basis_share && training.rounds == defaults.rounds;
}

/// What both kinds of index have.
template <class Index>
void write_settings(const Index& index, Writer& writer) {
    const ByteSink sink = writer.sink();
    write_quantizer(index.codec(), sink);
    for (size_t b = 0; b < index.codec().bases(); ++b)
        if (index.codec().basis(b).tied()) writer.features.insert(kTiedAtoms);
    const TrainingParameters& training = index.training;
    int flags = (index.verbose ? kVerbose : 0) | (are_defaults(index) ? 0 : kTwoStages) |
                (are_defaults(training) ? 0 : kTraining);
    if (!own_setting(index)) flags |= kOwnFlag<Index>;
    write_value(sink, static_cast<uint8_t>(flags));
    if ((flags & kTwoStages) != 0) {
        write_value(sink, int32_t{index.query_bits});
        write_value(sink, index.margin);
    }
    if ((flags & kTraining) == 0) return;
    write_value(sink, training.seed);
    write_value(sink, uint64_t{training.max_points_per_atom});
    write_value(sink, training.basis_share);
    write_value(sink, int32_t{training.rounds});
}

/// What follows the quantizer in write_settings().
template <class Index>
void read_settings(Index& index, const ByteSource& source, uint32_t version) {
    if (version == 4) return;
    const auto flags = read_value<uint8_t>(source);
    const int known = kVerbose | kTwoStages | kTraining | kOwnFlag<Index>;
    if ((flags & ~known) != 0) throw FileError("settings " + std::to_string(flags));
    index.verbose = (flags & kVerbose) != 0;
    own_setting(index) = (flags & kOwnFlag<Index>) == 0;
    if ((flags & kTwoStages) != 0) {
        index.query_bits = read_value<int32_t>(source);
        index.margin = read_value<float>(source);
        (void)checked_scan_parameters(index.query_bits, index.margin);
    }
    if ((flags & kTraining) == 0) return;
    TrainingParameters& training = index.training;
    training.seed = read_value<uint64_t>(source);
    training.max_points_per_atom = read_value<uint64_t>(source);
    training.basis_share = read_value<double>(source);
    training.rounds = read_value<int32_t>(source);
}

void write_clustering(const faiss::ClusteringParameters& cp, const ByteSink& sink) {
    for (const int value :
         {cp.niter, cp.nredo, cp.min_points_per_centroid, cp.max_points_per_centroid, cp.seed})
        write_value(sink, int32_t{value});
    for (const bool value :
         {cp.verbose, cp.spherical, cp.int_centroids, cp.update_index, cp.frozen_centroids})
        write_value(sink, uint8_t{value});
    write_value(sink, uint64_t{cp.decode_block_size});
}

void read_clustering(faiss::ClusteringParameters& cp, const ByteSource& source) {
    for (int* value :
         {&cp.niter, &cp.nredo, &cp.min_points_per_centroid, &cp.max_points_per_centroid, &cp.seed})
        *value = read_value<int32_t>(source);
    for (bool* value :
         {&cp.verbose, &cp.spherical, &cp.int_centroids, &cp.update_index, &cp.frozen_centroids})
        *value = read_bool(source, "a clustering parameter");
    cp.decode_block_size = read_value<uint64_t>(source);
}

// Numbers of lists or bases, in as many bits as they need.

template <class At>
void write_packed(size_t n, size_t below, const At& at, const ByteSink& sink) {
    PackedIds packed;
    (void)packed.assign(n, static_cast<unsigned>(std::bit_width(below - 1)));
    for (size_t i = 0; i < n; ++i) packed.set(i, static_cast<int64_t>(at(i)));
    sink(packed.view().data, PackedIdsView::bytes(n, packed.view().width));
}

/// Numbers below a bound, as write_packed() wrote them.
class PackedNumbers {
public:
    PackedNumbers(size_t n, size_t below, const ByteSource& source)
            : n_(n), width_(static_cast<unsigned>(std::bit_width(below - 1))), below_(below) {
        bytes_ = read_array<std::vector<uint8_t>>(source, PackedIdsView::bytes(n, width_));
        bytes_.resize(bytes_.size() + PackedIdsView::kSlack);
    }

    /// Calls put(number) for each. @throws FileError  for a number that is not below the bound
    template <class Put>
    void decode(const Put& put) const {
        const PackedIdsView packed{bytes_.data(), n_, width_};
        for (size_t i = 0; i < n_; ++i) {
            const auto number = static_cast<size_t>(packed[i]);
            if (number >= below_)
                throw FileError(
                        "a list or basis " + std::to_string(number) + ", there are " +
                        std::to_string(below_));
            put(number);
        }
    }

private:
    size_t n_;
    unsigned width_;
    size_t below_;
    std::vector<uint8_t> bytes_;
};

// Lists.

/// Size of a list, and how its ids are packed.
struct ListShape {
    uint64_t size;
    unsigned id_width;
    size_t id_bytes() const { return PackedIdsView::bytes(size, id_width); }
};

void write_shapes(const CodeLists& lists, bool with_ids, const ByteSink& sink) {
    for (size_t i = 0; i < lists.nlist(); ++i) {
        write_varint(sink, lists.size(i));
        if (with_ids) write_value(sink, static_cast<uint8_t>(lists.ids(i).width));
    }
}

std::vector<ListShape> read_shapes(
        const ByteSource& source, uint32_t version, size_t nlist, bool with_ids) {
    std::vector<ListShape> shapes;
    for (size_t i = 0; i < nlist; ++i) {
        ListShape shape{};
        shape.size = version == 4 ? read_value<uint32_t>(source) : read_varint(source);
        if (with_ids) shape.id_width = read_value<uint8_t>(source);
        if ((shape.id_width > 56 && shape.id_width != 64) ||
            shape.size > (uint64_t{1} << 48)) // products with sizes of codes do not wrap
            throw FileError(
                    "a list of " + std::to_string(shape.size) + " vectors with ids of " +
                    std::to_string(shape.id_width) + " bits");
        shapes.push_back(shape);
    }
    return shapes;
}

void write_lists(const CodeLists& lists, bool with_ids, const ByteSink& sink) {
    for (size_t i = 0; i < lists.nlist(); ++i) {
        const kernels::InterleavedCodes codes = lists.codes(i);
        sink(codes.data, codes.size * codes.code_size);
        const PackedIdsView ids = lists.ids(i);
        if (with_ids) sink(ids.data, PackedIdsView::bytes(ids.size, ids.width));
    }
}

/// Memory is taken only for bytes that are there.
CodeLists read_lists(
        const std::vector<ListShape>& shapes, size_t code_size, CodeLists::Ids ids,
        Reader& reader) {
    CodeLists lists(shapes.size(), code_size, ids);
    const bool with_ids = ids == CodeLists::Ids::stored;
    for (size_t i = 0; i < shapes.size(); ++i) {
        const auto [size, id_width] = shapes[i];
        if (reader.in_place != nullptr) {
            const uint8_t* codes = reader.take(size * code_size).data();
            const uint8_t* id_bytes = reader.take(shapes[i].id_bytes()).data();
            lists.map(
                    i, reader.in_place, {codes, size, code_size},
                    {id_bytes, with_ids ? size : 0, id_width});
            continue;
        }
        const std::span<const uint8_t> codes = reader.take(size * code_size);
        const CodeLists::Bytes to = lists.assign(i, size, id_width);
        std::copy(codes.begin(), codes.end(), to.codes);
        if (with_ids) reader.read(to.ids, shapes[i].id_bytes());
    }
    if (reader.version == 4) (void)reader.take(kernels::kSlack);
    return lists;
}

/// Codes of version 4 of a flat index: rows in the order of adding, in batches that have the lists
/// of their codes in front.
CodeLists read_rows(const ByteSource& source, const Quantizer& codec, size_t ntotal) {
    constexpr size_t kBatch = 8192;
    const size_t bases = codec.bases();
    CodeLists lists(std::max<size_t>(1, bases), codec.code_size(), CodeLists::Ids::positional);
    for (size_t i = 0; i < ntotal; i += kBatch) {
        const size_t count = std::min(kBatch, ntotal - i);
        std::vector<uint32_t> of;
        if (codec.wanted_bases() == 1)
            of.resize(count);
        else
            PackedNumbers(count, bases, source).decode([&](size_t list) {
                of.push_back(static_cast<uint32_t>(list));
            });
        const auto rows = read_array<std::vector<uint8_t>>(source, count * codec.code_size());
        lists.append(count, rows.data(), of);
    }
    return lists;
}

bool is_bfloat16(const faiss::IndexFlat& index) {
    return are_bfloat16(
            index.get_xb(), static_cast<size_t>(index.ntotal) * static_cast<size_t>(index.d));
}

void write_coarse(const faiss::Index* coarse, Writer& writer) {
    const faiss::IndexFlat* flat = as_plain_flat(coarse);
    if (flat == nullptr || !is_bfloat16(*flat) ||
        (flat->metric_type != faiss::METRIC_L2 &&
         flat->metric_type != faiss::METRIC_INNER_PRODUCT)) {
        write_tagged(coarse, writer);
        return;
    }
    const ByteSink sink = writer.sink();
    write_value(sink, IndexTag::flat_bfloat16);
    write_value(sink, uint8_t{flat->metric_type == faiss::METRIC_INNER_PRODUCT});
    write_value(sink, int32_t{flat->d});
    std::vector<uint16_t> high(static_cast<size_t>(flat->ntotal) * static_cast<size_t>(flat->d));
    for (size_t i = 0; i < high.size(); ++i) high[i] = bfloat16_bits(flat->get_xb()[i]);
    write_vector(sink, high);
}

/// An inverted file but for what is in its lists.
struct IVFContents {
    std::unique_ptr<IndexIVFBQQ> index;
    faiss::DirectMap::Type direct_map = faiss::DirectMap::NoMap;
    ListsTag lists = ListsTag::interleaved;
    std::vector<ListShape> shapes;
};

IVFContents read_ivf_contents(Reader& reader) {
    const ByteSource source = reader.source();
    IVFContents contents;
    Quantizer codec = read_quantizer(source, reader.version);
    struct Settings : TwoStages {
        bool verbose = false;
        bool widen_for_selector = true;
        TrainingParameters training;
    } settings;
    read_settings(settings, source, reader.version);
    const auto centroid_scale = read_value<float>(source);
    const auto nlist = read_value<uint64_t>(source);
    const auto nprobe = read_value<uint64_t>(source);
    const auto max_codes = read_value<uint64_t>(source);
    const auto parallel_mode = read_value<int32_t>(source);
    const auto quantizer_trains_alone = read_value<uint8_t>(source);
    faiss::ClusteringParameters clustering;
    if (reader.version > 4) read_clustering(clustering, source);
    const auto ntotal = read_value<uint64_t>(source);
    const auto direct_map = read_value<uint8_t>(source);
    std::unique_ptr<faiss::Index> coarse = read_tagged(reader);
    const auto lists = static_cast<uint64_t>(coarse->ntotal);
    if (nlist == 0 || nlist > kMaxLists || ntotal > (uint64_t{1} << 62) || direct_map > 2 ||
        quantizer_trains_alone > 2 || !std::isfinite(centroid_scale) ||
        (codec.is_trained() && lists != nlist))
        throw FileError(
                "the inverted file has nlist = " + std::to_string(nlist) + " of " +
                std::to_string(lists) + " centroids, ntotal = " + std::to_string(ntotal) +
                ", direct map " + std::to_string(direct_map) + ", quantizer_trains_alone " +
                std::to_string(quantizer_trains_alone) + ", centroid scale " +
                std::to_string(centroid_scale));
    contents.direct_map = static_cast<faiss::DirectMap::Type>(direct_map);
    const PackedNumbers list_basis(
            codec.is_trained() ? nlist : 0, std::max<size_t>(1, codec.bases()), source);
    contents.lists = read_value<ListsTag>(source);
    if (contents.lists == ListsTag::interleaved) {
        contents.shapes = read_shapes(source, reader.version, nlist, true);
        uint64_t in_lists = 0;
        for (const ListShape& shape : contents.shapes) in_lists += shape.size;
        if (in_lists > ntotal || (direct_map == faiss::DirectMap::Array && in_lists != ntotal))
            throw FileError(
                    "the lists hold " + std::to_string(in_lists) + " vectors, the index " +
                    std::to_string(ntotal));
    } else if (contents.lists != ListsTag::faiss) {
        throw FileError("lists of kind " + std::to_string(static_cast<int>(contents.lists)));
    }
    // There is a byte in the file for each list.
    contents.index = std::make_unique<IndexIVFBQQ>(
            coarse.get(), nlist,
            Quantizer(
                    codec.d(), codec.M(), codec.metric(), codec.wanted_depth(),
                    codec.wanted_bases(), codec.wanted_atoms()));
    contents.index->own_fields = true;
    (void)coarse.release();
    IndexIVFBQQ& index = *contents.index;
    if (codec.is_trained()) {
        std::vector<uint8_t> bases;
        list_basis.decode([&](size_t basis) { bases.push_back(static_cast<uint8_t>(basis)); });
        index.set_trained(std::move(codec), std::move(bases), centroid_scale);
    }
    static_cast<TwoStages&>(index) = settings;
    index.verbose = settings.verbose;
    index.widen_for_selector = settings.widen_for_selector;
    index.training = settings.training;
    index.nprobe = nprobe;
    index.max_codes = max_codes;
    index.parallel_mode = parallel_mode;
    index.quantizer_trains_alone = static_cast<char>(quantizer_trains_alone);
    index.cp = clustering;
    index.ntotal = static_cast<idx_t>(ntotal);
    return contents;
}

} // namespace

void write_flat(const IndexBQQ& index, Writer& writer) {
    const CodeLists& lists = index.lists();
    const ByteSink sink = writer.sink();
    write_settings(index, writer);
    write_shapes(lists, false, sink);
    if (lists.nlist() > 1)
        write_packed(
                lists.size(), lists.nlist(), [&](size_t i) { return lists.place(i).list; }, sink);
    writer.lists.emplace_back([&lists](Writer& to) { write_lists(lists, false, to.sink()); });
}

std::unique_ptr<faiss::Index> read_flat(Reader& reader) {
    if (reader.version == 4) {
        const ByteSource source = reader.source();
        auto index = std::make_unique<IndexBQQ>(read_quantizer(source, 4));
        const auto ntotal = read_value<uint64_t>(source);
        if (ntotal > (uint64_t{1} << 62) || (ntotal > 0 && !index->is_trained))
            throw FileError("the index has ntotal = " + std::to_string(ntotal));
        index->set_lists(std::make_unique<CodeLists>(read_rows(source, index->codec(), ntotal)));
        return index;
    }
    std::vector<ListShape> shapes;
    std::optional<PackedNumbers> list_of;
    auto index = read_contents(reader, [&](Reader& contents) {
        const ByteSource source = contents.source();
        auto made = std::make_unique<IndexBQQ>(read_quantizer(source, contents.version));
        read_settings(*made, source, contents.version);
        const size_t nlist = made->lists().nlist();
        shapes = read_shapes(source, contents.version, nlist, false);
        uint64_t ntotal = 0;
        for (const ListShape& shape : shapes) ntotal += shape.size;
        if (ntotal > 0 && !made->is_trained) throw FileError("codes of an untrained index");
        if (nlist > 1) list_of.emplace(ntotal, nlist, source);
        made->ntotal = static_cast<idx_t>(ntotal);
        return made;
    });
    read_later(reader, [to = index.get(), shapes, list_of](Reader& from) {
        auto lists = std::make_unique<CodeLists>(
                read_lists(shapes, to->codec().code_size(), CodeLists::Ids::positional, from));
        if (list_of) {
            ListOrder order(shapes.size());
            std::vector<uint64_t> sizes(shapes.size());
            list_of->decode([&](size_t list) {
                order.add(static_cast<uint8_t>(list));
                ++sizes[list];
            });
            for (size_t l = 0; l < sizes.size(); ++l)
                if (sizes[l] != shapes[l].size)
                    throw FileError(
                            "list " + std::to_string(l) + " has " + std::to_string(shapes[l].size) +
                            " codes, the order of the vectors " + std::to_string(sizes[l]));
            lists->set_order(std::move(order));
        }
        to->set_lists(std::move(lists));
    });
    return index;
}

void write_ivf(const IndexIVFBQQ& index, Writer& writer) {
    const auto* ours = dynamic_cast<const InterleavedLists*>(index.invlists);
    const ByteSink sink = writer.sink();
    write_settings(index, writer);
    write_value(sink, index.centroid_scale());
    write_value(sink, uint64_t{index.nlist});
    write_value(sink, uint64_t{index.nprobe});
    write_value(sink, uint64_t{index.max_codes});
    write_value(sink, int32_t{index.parallel_mode});
    write_value(sink, index.quantizer_trains_alone);
    write_clustering(index.cp, sink);
    write_value(sink, static_cast<uint64_t>(index.ntotal));
    write_value(sink, static_cast<uint8_t>(index.direct_map.type));
    write_coarse(index.quantizer, writer);
    if (index.codec().is_trained())
        write_packed(
                index.nlist, index.codec().bases(),
                [&](size_t list) { return index.list_basis()[list]; }, sink);
    write_value(sink, ours != nullptr ? ListsTag::interleaved : ListsTag::faiss);
    if (ours == nullptr) {
        faiss::write_InvertedLists(index.invlists, &writer);
        return;
    }
    write_shapes(ours->lists(), true, sink);
    writer.lists.emplace_back([ours](Writer& to) { write_lists(ours->lists(), true, to.sink()); });
}

std::unique_ptr<faiss::Index> read_ivf(Reader& reader) {
    IVFContents contents = read_contents(reader, read_ivf_contents);
    IndexIVFBQQ* index = contents.index.get();
    const auto set =
            [index, direct_map = contents.direct_map](std::unique_ptr<faiss::InvertedLists> lists) {
                index->replace_invlists(lists.get(), true);
                (void)lists.release();
                if (direct_map != faiss::DirectMap::NoMap) index->set_direct_map_type(direct_map);
            };
    if (contents.lists == ListsTag::faiss) {
        auto lists = read_faiss_lists(reader, index->nlist, index->code_size);
        const auto in_lists = static_cast<idx_t>(lists->compute_ntotal());
        if (in_lists > index->ntotal ||
            (contents.direct_map == faiss::DirectMap::Array && in_lists != index->ntotal))
            throw FileError(
                    "the lists hold " + std::to_string(in_lists) + " vectors, the index " +
                    std::to_string(index->ntotal));
        set(std::move(lists));
    } else {
        read_later(reader, [index, set, shapes = std::move(contents.shapes)](Reader& from) {
            set(std::make_unique<InterleavedLists>(
                    read_lists(shapes, index->code_size, CodeLists::Ids::stored, from)));
        });
    }
    return std::move(contents.index);
}

std::unique_ptr<faiss::Index> read_flat_bfloat16(Reader& reader) {
    const ByteSource source = reader.source();
    const bool inner_product = read_bool(source, "the metric");
    const auto d = read_value<int32_t>(source);
    const auto high = read_vector<std::vector<uint16_t>>(source);
    if (d <= 0 || high.size() % static_cast<size_t>(d) != 0)
        throw FileError(
                std::to_string(high.size()) + " numbers in vectors of dimension " +
                std::to_string(d));
    std::vector<float> x(high.size());
    for (size_t i = 0; i < x.size(); ++i) x[i] = from_bfloat16_bits(high[i]);
    std::unique_ptr<faiss::IndexFlat> index;
    if (inner_product)
        index = std::make_unique<faiss::IndexFlatIP>(d);
    else
        index = std::make_unique<faiss::IndexFlatL2>(d);
    index->add(static_cast<idx_t>(x.size() / static_cast<size_t>(d)), x.data());
    return index;
}

} // namespace bqq

#include "index/index_bodies.h"

#include "codec/bfloat16.h"
#include "index/checks.h"
#include "index/inverted_lists.h"
#include "index/tagged.h"
#include "index/wrappers.h"

#include <faiss/IndexFlat.h>
#include <faiss/index_io.h>
#include <faiss/invlists/OnDiskInvertedLists.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <utility>

namespace bqq {

namespace {

constexpr uint64_t kMaxLists = uint64_t{1} << 32;

/// How the lists of an IndexIVFBQQ follow.
enum class ListsTag : uint8_t {
    interleaved = 0,
    faiss = 1 ///< as FAISS writes them
};

// Heads. All but the codes of an index stands in its head, which has a digest of its own: codes
// that stay in a mapped file are not looked at.

template <class Write>
void write_head(Writer& writer, const Write& write) {
    faiss::VectorIOWriter bytes;
    Writer head(bytes);
    head.depth = writer.depth;
    write(head);
    write_varint(writer.sink(), bytes.data.size());
    writer.sink()(bytes.data.data(), bytes.data.size());
    write_value(writer.sink(), head.digest());
}

template <class Read>
auto read_head(Reader& reader, const Read& read) {
    const ByteSource source = reader.source();
    faiss::VectorIOReader bytes;
    const uint64_t size = reader.version == 4 ? read_value<uint64_t>(source) : read_varint(source);
    bytes.data = read_array<std::vector<uint8_t>>(source, size);
    Digest digest;
    digest.update(bytes.data.data(), bytes.data.size());
    if (read_value<uint64_t>(source) != digest.value())
        throw FileError("the file is corrupt: the checksum of an index's head does not fit");
    bytes.name = reader.name;
    Reader head(bytes, {}, reader.io_flags);
    head.version = reader.version;
    head.depth = reader.depth;
    return read(head);
}

/// Which settings are other than the defaults, and follow.
enum SettingsFlag : uint8_t { kVerbose = 1, kTwoStages = 2, kTraining = 4, kAllSettings = 7 };

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
void write_settings(const Index& index, const ByteSink& sink) {
    write_quantizer(index.codec(), sink);
    const TrainingParameters& training = index.training;
    const int flags = (index.verbose ? kVerbose : 0) | (are_defaults(index) ? 0 : kTwoStages) |
                      (are_defaults(training) ? 0 : kTraining);
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
    if (flags > kAllSettings) throw FileError("settings " + std::to_string(flags));
    index.verbose = (flags & kVerbose) != 0;
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

/// Calls put(number) for each.
template <class Put>
void read_packed(size_t n, size_t below, const Put& put, const ByteSource& source) {
    const auto width = static_cast<unsigned>(std::bit_width(below - 1));
    auto bytes = read_array<std::vector<uint8_t>>(source, PackedIdsView::bytes(n, width));
    bytes.resize(bytes.size() + PackedIdsView::kSlack);
    const PackedIdsView packed{bytes.data(), n, width};
    for (size_t i = 0; i < n; ++i) {
        const auto number = static_cast<size_t>(packed[i]);
        if (number >= below)
            throw FileError(
                    "a list or basis " + std::to_string(number) + ", there are " +
                    std::to_string(below));
        put(number);
    }
}

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

CodeLists read_lists(
        const std::vector<ListShape>& shapes, size_t code_size, CodeLists::Ids ids,
        Reader& reader) {
    CodeLists lists(shapes.size(), code_size, ids);
    const bool with_ids = ids == CodeLists::Ids::stored;
    if (MappedReader* mapped = reader.mapped()) {
        for (size_t i = 0; i < shapes.size(); ++i) {
            const uint8_t* codes = mapped->take(shapes[i].size * code_size);
            const uint8_t* id_bytes = mapped->take(shapes[i].id_bytes());
            lists.map(
                    i, mapped->file(), {codes, shapes[i].size, code_size},
                    {id_bytes, with_ids ? shapes[i].size : 0, shapes[i].id_width});
        }
        if (reader.version == 4) (void)mapped->take(kernels::kSlack);
        return lists;
    }
    const ByteSource source = reader.source();
    for (size_t i = 0; i < shapes.size(); ++i) {
        const CodeLists::Bytes bytes = lists.assign(i, shapes[i].size, shapes[i].id_width);
        source(bytes.codes, shapes[i].size * code_size);
        if (with_ids) source(bytes.ids, shapes[i].id_bytes());
    }
    uint8_t slack[kernels::kSlack];
    if (reader.version == 4) source(slack, sizeof slack);
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
            read_packed(
                    count, bases, [&](size_t list) { of.push_back(static_cast<uint32_t>(list)); },
                    source);
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

/// Lists that FAISS reads, with the check that a file beside the index is whole.
std::unique_ptr<faiss::InvertedLists> read_faiss_lists(Reader& reader) {
    std::unique_ptr<faiss::InvertedLists> lists(
            faiss::read_InvertedLists(&reader, reader.io_flags));
    if (lists == nullptr) throw FileError("the index has no inverted lists");
    if (const auto* on_disk = dynamic_cast<const faiss::OnDiskInvertedLists*>(lists.get())) {
        const auto size = std::filesystem::file_size(on_disk->filename);
        if (size < on_disk->totsize)
            throw FileError(
                    "the list file " + on_disk->filename + " has " + std::to_string(size) +
                    " bytes, must have " + std::to_string(on_disk->totsize));
    }
    return lists;
}

/// The head of an inverted file: everything but its lists.
struct IVFHead {
    std::unique_ptr<IndexIVFBQQ> index;
    uint64_t ntotal = 0;
    faiss::DirectMap::Type direct_map = faiss::DirectMap::NoMap;
    ListsTag lists = ListsTag::interleaved;
    std::vector<ListShape> shapes;
};

IVFHead read_ivf_head(Reader& reader) {
    const ByteSource source = reader.source();
    IVFHead head;
    Quantizer codec = read_quantizer(source, reader.version);
    struct Settings : TwoStages {
        bool verbose = false;
        TrainingParameters training;
    } settings;
    read_settings(settings, source, reader.version);
    const auto centroid_scale = read_value<float>(source);
    const auto nlist = read_value<uint64_t>(source);
    const auto nprobe = read_value<uint64_t>(source);
    const auto max_codes = read_value<uint64_t>(source);
    const auto parallel_mode = read_value<int32_t>(source);
    const auto quantizer_trains_alone = read_value<char>(source);
    faiss::ClusteringParameters clustering;
    if (reader.version > 4) read_clustering(clustering, source);
    head.ntotal = read_value<uint64_t>(source);
    const auto direct_map = read_value<uint8_t>(source);
    std::unique_ptr<faiss::Index> coarse = read_tagged(reader);
    if (nlist == 0 || nlist > kMaxLists || head.ntotal > (uint64_t{1} << 62) || direct_map > 2 ||
        !std::isfinite(centroid_scale))
        throw FileError(
                "the inverted file has nlist = " + std::to_string(nlist) +
                ", ntotal = " + std::to_string(head.ntotal) + ", direct map " +
                std::to_string(direct_map) + ", centroid scale " + std::to_string(centroid_scale));
    head.direct_map = static_cast<faiss::DirectMap::Type>(direct_map);
    std::vector<uint8_t> list_basis;
    read_packed(
            nlist, std::max<size_t>(1, codec.bases()),
            [&](size_t basis) { list_basis.push_back(static_cast<uint8_t>(basis)); }, source);
    head.index = std::make_unique<IndexIVFBQQ>(
            coarse.get(), nlist,
            Quantizer(
                    codec.d(), codec.M(), codec.metric(), codec.wanted_depth(),
                    codec.wanted_bases(), codec.wanted_atoms()));
    head.index->own_fields = true;
    (void)coarse.release();
    IndexIVFBQQ& index = *head.index;
    if (codec.is_trained())
        index.set_trained(std::move(codec), std::move(list_basis), centroid_scale);
    static_cast<TwoStages&>(index) = settings;
    index.verbose = settings.verbose;
    index.training = settings.training;
    index.nprobe = nprobe;
    index.max_codes = max_codes;
    index.parallel_mode = parallel_mode;
    index.quantizer_trains_alone = quantizer_trains_alone;
    index.cp = clustering;
    head.lists = read_value<ListsTag>(source);
    if (head.lists == ListsTag::interleaved)
        head.shapes = read_shapes(source, reader.version, nlist, true);
    else if (head.lists != ListsTag::faiss)
        throw FileError("lists of kind " + std::to_string(static_cast<int>(head.lists)));
    return head;
}

} // namespace

void write_flat(const IndexBQQ& index, Writer& writer) {
    const CodeLists& lists = index.lists();
    write_head(writer, [&](Writer& head) {
        const ByteSink sink = head.sink();
        write_settings(index, sink);
        write_shapes(lists, false, sink);
        if (lists.nlist() > 1)
            write_packed(
                    lists.size(), lists.nlist(), [&](size_t i) { return lists.place(i).list; },
                    sink);
    });
    write_lists(lists, false, writer.sink());
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
    ListOrder order;
    std::unique_ptr<IndexBQQ> index = read_head(reader, [&](Reader& head) {
        const ByteSource source = head.source();
        auto made = std::make_unique<IndexBQQ>(read_quantizer(source, head.version));
        read_settings(*made, source, head.version);
        const size_t nlist = made->lists().nlist();
        shapes = read_shapes(source, head.version, nlist, false);
        uint64_t ntotal = 0;
        for (const ListShape& shape : shapes) ntotal += shape.size;
        if (ntotal > 0 && !made->is_trained) throw FileError("codes of an untrained index");
        if (nlist == 1) return made;
        order = ListOrder(nlist);
        std::vector<uint64_t> sizes(nlist);
        read_packed(
                ntotal, nlist,
                [&](size_t list) {
                    order.add(static_cast<uint8_t>(list));
                    ++sizes[list];
                },
                source);
        for (size_t l = 0; l < nlist; ++l)
            if (sizes[l] != shapes[l].size)
                throw FileError(
                        "list " + std::to_string(l) + " has " + std::to_string(shapes[l].size) +
                        " codes, the order of the vectors " + std::to_string(sizes[l]));
        return made;
    });
    auto lists = std::make_unique<CodeLists>(
            read_lists(shapes, index->codec().code_size(), CodeLists::Ids::positional, reader));
    lists->set_order(std::move(order));
    index->set_lists(std::move(lists));
    return index;
}

void write_ivf(const IndexIVFBQQ& index, Writer& writer) {
    const auto* ours = dynamic_cast<const InterleavedLists*>(index.invlists);
    write_head(writer, [&](Writer& head) {
        const ByteSink sink = head.sink();
        write_settings(index, sink);
        write_value(sink, index.centroid_scale());
        write_value(sink, uint64_t{index.nlist});
        write_value(sink, uint64_t{index.nprobe});
        write_value(sink, uint64_t{index.max_codes});
        write_value(sink, int32_t{index.parallel_mode});
        write_value(sink, index.quantizer_trains_alone);
        write_clustering(index.cp, sink);
        write_value(sink, static_cast<uint64_t>(index.ntotal));
        write_value(sink, static_cast<uint8_t>(index.direct_map.type));
        write_coarse(index.quantizer, head);
        write_packed(
                index.nlist, std::max<size_t>(1, index.codec().bases()),
                [&](size_t list) { return index.list_basis()[list]; }, sink);
        write_value(sink, ours != nullptr ? ListsTag::interleaved : ListsTag::faiss);
        if (ours != nullptr) write_shapes(ours->lists(), true, sink);
    });
    if (ours != nullptr)
        write_lists(ours->lists(), true, writer.sink());
    else
        faiss::write_InvertedLists(index.invlists, &writer);
}

std::unique_ptr<faiss::Index> read_ivf(Reader& reader) {
    IVFHead head = read_head(reader, read_ivf_head);
    IndexIVFBQQ& index = *head.index;
    std::unique_ptr<faiss::InvertedLists> lists;
    if (head.lists == ListsTag::faiss)
        lists = read_faiss_lists(reader);
    else
        lists = std::make_unique<InterleavedLists>(
                read_lists(head.shapes, index.code_size, CodeLists::Ids::stored, reader));
    index.replace_invlists(lists.get(), true);
    (void)lists.release();
    if (index.invlists->compute_ntotal() > head.ntotal)
        throw FileError(
                "the lists hold " + std::to_string(index.invlists->compute_ntotal()) +
                " vectors, the index " + std::to_string(head.ntotal));
    index.ntotal = static_cast<idx_t>(head.ntotal);
    if (head.direct_map != faiss::DirectMap::NoMap) index.set_direct_map_type(head.direct_map);
    return std::move(head.index);
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

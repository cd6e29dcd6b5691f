#include "index/faiss_format.h"

#include <bqq/error.h>

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPQFastScan.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexRefine.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/index_io.h>
#include <faiss/invlists/OnDiskInvertedLists.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <system_error>
#include <typeinfo>
#include <vector>

namespace bqq {

namespace {

constexpr int kMaxDimension = 1 << 24;

/// Four characters say what follows.
using Kind = std::array<char, 4>;

bool operator==(const Kind& kind, const char* name) {
    return std::memcmp(kind.data(), name, kind.size()) == 0;
}

bool is_one_of(const Kind& kind, std::initializer_list<const char*> names) {
    return std::any_of(names.begin(), names.end(), [&](const char* name) { return kind == name; });
}

[[noreturn]] void refuse(const std::string& what) {
    throw FileError("a part that FAISS wrote has " + what);
}

void check(bool good, const char* what) {
    if (!good) refuse(what);
}

/// Goes through what FAISS wrote. Each function is after what it checked when it returns.
class FaissFormat {
public:
    explicit FaissFormat(Reader& reader) : reader_(reader) {}

    struct Header {
        int32_t d;
        uint64_t ntotal;
        bool is_trained;
    };

    Kind kind() { return value<Kind>(); }

    /// @return  false for a kind that is not known, with the reader somewhere inside
    bool index(const Kind& kind) {
        const Nesting nesting(reader_.depth);
        if (is_one_of(kind, {"IxFI", "IxF2", "IxFl"})) {
            const Header of = header();
            codes(of, static_cast<uint64_t>(of.d) * sizeof(float), sizeof(float));
        } else if (kind == "IxPq" || kind == "IPfs") {
            const Header of = header();
            const ProductQuantizer pq = product_quantizer(of);
            if (kind == "IxPq") {
                codes(of, pq.code_size);
                const auto search_type = value<int32_t>();
                check(search_type >= 0 && search_type <= faiss::IndexPQ::ST_polysemous_generalize,
                      "a search_type that is not known here");
                flag();
                (void)value<int32_t>();
            } else {
                fast_scan_codes(of, pq);
            }
        } else if (kind == "IxSQ") {
            const Header of = header();
            codes(of, scalar_quantizer(of));
        } else if (kind == "IHNf" || kind == "IHNs") {
            (void)header();
            graph();
            const Kind storage = this->kind();
            check(kind == "IHNs" ? storage == "IxSQ" : is_one_of(storage, {"IxFI", "IxF2", "IxFl"}),
                  "another storage than its graph");
            return index(storage);
        } else if (kind == "IwFl" || kind == "IwSq" || kind == "IwPQ") {
            return inverted_file(kind);
        } else if (kind == "Imiq") {
            const Header of = header();
            const ProductQuantizer pq = product_quantizer(of);
            check(pq.nbits * pq.M < 32 && of.ntotal == uint64_t{1} << (pq.nbits * pq.M),
                  "a multi-index of another size than its quantizer");
        } else if (kind == "IxPT") {
            (void)header();
            const auto steps = value<int32_t>();
            check(steps >= 0, "transforms of a negative number");
            for (int32_t i = 0; i < steps; ++i) transform();
            return index(this->kind());
        } else if (kind == "IxRF") {
            (void)header();
            if (!index(this->kind()) || !index(this->kind())) return false;
            (void)value<float>();
        } else if (kind == "IxMp" || kind == "IxM2") {
            (void)header();
            if (!index(this->kind())) return false;
            (void)vector(sizeof(int64_t));
        } else {
            return false;
        }
        return true;
    }

    void transform() {
        const Nesting nesting(reader_.depth);
        const Kind kind = this->kind();
        uint64_t A = 0, b = 0, mean = 0;
        bool linear = false, has_bias = false;
        std::vector<int32_t> map;
        if (is_one_of(kind, {"rrot", "PCAm", "PcAm", "Pcam", "LTra", "Viqm"})) {
            if (is_one_of(kind, {"PCAm", "PcAm", "Pcam"})) {
                (void)value<float>();
                if (kind == "Pcam") (void)value<float>();
                flag();
                if (kind != "PCAm") (void)value<int32_t>();
                for (int i = 0; i < 3; ++i) (void)vector(sizeof(float));
            } else if (kind == "Viqm") {
                (void)value<int32_t>();
                (void)value<int32_t>();
            }
            linear = true;
            has_bias = flag();
            A = vector(sizeof(float));
            b = vector(sizeof(float));
        } else if (kind == "RmDT") {
            map = values<int32_t>();
        } else if (kind == "VNrm") {
            check(value<float>() == 2, "a norm that FAISS does not know");
        } else if (kind == "VCnt") {
            mean = vector(sizeof(float));
        } else if (kind == "Viqt") {
            mean = vector(sizeof(float));
            flag();
            transform();
            transform();
        } else if (kind == "HRot") {
            (void)value<uint32_t>();
        } else {
            refuse("a transform of the kind " + name(kind) + ", which is not known here");
        }
        const auto d_in = value<int32_t>();
        const auto d_out = value<int32_t>();
        const bool is_trained = flag();
        check(d_in >= 1 && d_out >= 1 && d_in <= kMaxDimension && d_out <= kMaxDimension,
              "a transform of such dimensions");
        const uint64_t in = static_cast<uint64_t>(d_in), out = static_cast<uint64_t>(d_out);
        if (linear && (is_trained || A != 0))
            check(A == in * out && (b == out || (b == 0 && !has_bias)),
                  "a linear transform of another size than its dimensions");
        if (kind == "RmDT") {
            check(map.size() == out, "a remapping of another size than its dimension");
            for (const int32_t from : map)
                check(from >= -1 && from < d_in, "a remapping from a dimension that is not there");
        }
        if (kind == "VNrm" || kind == "VCnt") check(d_in == d_out, "a transform to another size");
        if ((kind == "VCnt" || kind == "Viqt") && is_trained)
            check(mean == in || (mean == 0 && kind == "Viqt"), "a mean of another size");
    }

    void inverted_lists(uint64_t nlist, uint64_t code_size) {
        const Kind kind = this->kind();
        check(value<uint64_t>() == nlist && value<uint64_t>() == code_size,
              "lists of another form than their index");
        if (kind == "ilar") {
            array_lists(nlist, code_size);
        } else if (kind == "ilod") {
            on_disk_lists(nlist, code_size);
        } else {
            refuse("lists of the kind " + name(kind) + ", which is not known here");
        }
    }

    static std::string name(const Kind& kind) {
        std::string name(kind.begin(), kind.end());
        for (char& c : name)
            if (c < ' ' || c > '~') c = '?';
        return "'" + name + "'";
    }

private:
    Reader& reader_;

    struct ProductQuantizer {
        uint64_t M, nbits, code_size;
    };

    template <class T>
    T value() {
        T value{};
        reader_.read(&value, sizeof value);
        return value;
    }
    bool flag() { return read_bool(reader_.source(), "a flag that FAISS wrote"); }
    void skip(uint64_t size) {
        if (reader_.bytes().data() != nullptr) {
            (void)reader_.take(size);
            return;
        }
        std::array<uint8_t, 4096> piece;
        for (; size > 0; size -= std::min<uint64_t>(size, piece.size()))
            reader_.read(piece.data(), std::min<uint64_t>(size, piece.size()));
    }
    /// @return  number of elements
    uint64_t vector(uint64_t element) {
        const auto n = value<uint64_t>();
        check(n < uint64_t{1} << 40, "a vector of such size");
        skip(n * element);
        return n;
    }
    template <class T>
    std::vector<T> values() {
        return read_vector<std::vector<T>>(reader_.source());
    }

    Header header() {
        Header header{};
        header.d = value<int32_t>();
        header.ntotal = value<uint64_t>();
        (void)value<std::array<int64_t, 2>>();
        header.is_trained = flag();
        const auto metric = value<int32_t>();
        check(header.d >= 1 && header.d <= kMaxDimension && header.ntotal < uint64_t{1} << 40,
              "an index of such a dimension or size");
        check((metric >= 0 && metric <= 4) || (metric >= 20 && metric <= 22),
              "a metric that is not known here");
        if (metric > 1) (void)value<float>();
        return header;
    }

    /// @param unit  bytes of an element of the vector
    void codes(const Header& of, uint64_t code_size, uint64_t unit = 1) {
        check(vector(unit) * unit == of.ntotal * code_size, "codes of another size than the index");
    }

    ProductQuantizer product_quantizer(const Header& of) {
        const auto d = value<uint64_t>();
        ProductQuantizer pq{};
        pq.M = value<uint64_t>();
        pq.nbits = value<uint64_t>();
        check(d == static_cast<uint64_t>(of.d) && pq.M >= 1 && d % pq.M == 0 && pq.nbits >= 1 &&
                      pq.nbits <= 24,
              "a product quantizer of such a form");
        check(vector(sizeof(float)) == d << pq.nbits, "centroids of another number");
        pq.code_size = (pq.nbits * pq.M + 7) / 8;
        return pq;
    }

    void fast_scan_codes(const Header& of, const ProductQuantizer& pq) {
        (void)value<int32_t>(); // implem
        const auto bbs = value<int32_t>();
        (void)value<int32_t>(); // qbs
        const auto padded = value<uint64_t>();
        const auto M2 = value<uint64_t>();
        check(pq.nbits == 4 && bbs >= 32 && bbs % 32 == 0 && bbs <= 1 << 16 &&
                      M2 == (pq.M + 1) / 2 * 2 &&
                      padded == (of.ntotal + static_cast<uint64_t>(bbs) - 1) /
                                        static_cast<uint64_t>(bbs) * static_cast<uint64_t>(bbs),
              "a fast scan of such a form");
        check(vector(1) == padded * M2 / 2, "codes of another size than the index");
    }

    /// @return  bytes of a code
    uint64_t scalar_quantizer(const Header& of) {
        using Type = faiss::ScalarQuantizer;
        const auto type = value<int32_t>();
        const auto statistics = value<int32_t>();
        (void)value<float>();
        const auto d = value<uint64_t>();
        const auto code_size = value<uint64_t>();
        const uint64_t trained = vector(sizeof(float));
        check(d == static_cast<uint64_t>(of.d) && statistics >= 0 && statistics <= Type::RS_optim,
              "a scalar quantizer of such a form");
        constexpr int kBfloat16 = 7;   // since FAISS 1.8
        uint64_t bits = 8, ranges = 0; // of a dimension; of all
        switch (type) {
            case Type::QT_8bit:
                ranges = 2 * d;
                break;
            case Type::QT_4bit:
                bits = 4;
                ranges = 2 * d;
                break;
            case Type::QT_6bit:
                bits = 6;
                ranges = 2 * d;
                break;
            case Type::QT_8bit_uniform:
                ranges = 2;
                break;
            case Type::QT_4bit_uniform:
                bits = 4;
                ranges = 2;
                break;
            case Type::QT_fp16:
                bits = 16;
                break;
            case Type::QT_8bit_direct:
                break;
            case kBfloat16:
                bits = 16;
                break;
            default:
                refuse("a scalar quantizer of kind " + std::to_string(type));
        }
        check(code_size == (d * bits + 7) / 8, "a scalar quantizer with codes of another size");
        check(trained == ranges || (trained == 0 && !of.is_trained),
              "a scalar quantizer with ranges of another number");
        return code_size;
    }

    /// Sizes only: what they mean is checked when the graph is in memory.
    void graph() {
        (void)vector(sizeof(double));
        (void)vector(sizeof(int32_t));
        (void)vector(sizeof(int32_t));
        (void)vector(sizeof(size_t));
        (void)vector(sizeof(int32_t));
        for (int i = 0; i < 4; ++i) (void)value<int32_t>();
        const auto upper_beam = value<int32_t>();
        check(upper_beam >= 1 && upper_beam <= 1 << 20, "a graph with such an upper_beam");
    }

    bool inverted_file(const Kind& kind) {
        const Header of = header();
        const auto nlist = value<uint64_t>();
        (void)value<uint64_t>(); // nprobe
        check(nlist >= 1, "no lists");
        if (!index(this->kind())) return false;
        const auto map = value<uint8_t>();
        check(map <= faiss::DirectMap::Hashtable, "a direct map of no kind");
        (void)vector(sizeof(int64_t));
        if (map == faiss::DirectMap::Hashtable) (void)vector(2 * sizeof(int64_t));
        uint64_t code_size = static_cast<uint64_t>(of.d) * sizeof(float);
        if (kind == "IwSq") {
            code_size = scalar_quantizer(of);
            check(value<uint64_t>() == code_size, "codes of another size");
            flag();
        } else if (kind == "IwPQ") {
            flag();
            const auto stored = value<uint64_t>();
            code_size = product_quantizer(of).code_size;
            check(stored == code_size, "codes of another size");
        }
        inverted_lists(nlist, code_size);
        return true;
    }

    void array_lists(uint64_t nlist, uint64_t code_size) {
        const Kind form = kind();
        const auto sizes = values<uint64_t>();
        check(form == "full" ? sizes.size() == nlist : form == "sprs" && sizes.size() % 2 == 0,
              "lists of another number");
        const bool all = form == "full";
        for (size_t i = all ? 0 : 1; i < sizes.size(); i += all ? 1 : 2) {
            check(all || sizes[i - 1] < nlist, "a list that is not there");
            check(sizes[i] < uint64_t{1} << 40, "a list of such size");
            skip(sizes[i] * code_size);
            skip(sizes[i] * sizeof(int64_t));
        }
    }

    void on_disk_lists(uint64_t nlist, uint64_t code_size) {
        struct List {
            uint64_t size, capacity, offset;
        };
        struct Slot {
            uint64_t offset, capacity;
        };
        const auto lists = values<List>();
        (void)vector(sizeof(Slot));
        const auto characters = values<char>();
        const auto total = value<uint64_t>();
        check(lists.size() == nlist, "lists of another number");
        for (const List& list : lists)
            check(list.size <= list.capacity &&
                          (list.capacity == 0 ||
                           (list.offset <= total &&
                            list.capacity <=
                                    (total - list.offset) / (code_size + sizeof(int64_t)))),
                  "a list outside of its file");
        if ((reader_.io_flags & faiss::IO_FLAG_SKIP_IVF_DATA) != 0) return;
        std::filesystem::path path(std::string(characters.begin(), characters.end()));
        if ((reader_.io_flags & faiss::IO_FLAG_ONDISK_SAME_DIR) != 0)
            path = std::filesystem::path(reader_.name).parent_path() / path.filename();
        std::error_code error;
        const auto size = std::filesystem::file_size(path, error);
        if (error)
            throw FileError("cannot read the list file " + path.string() + ": " + error.message());
        if (size < total)
            throw FileError(
                    "the list file " + path.string() + " has " + std::to_string(size) +
                    " bytes, must have " + std::to_string(total));
    }
};

/// Reads by FAISS's function what a function of FaissFormat checks first.
template <class Check, class Read>
auto read_checked(Reader& reader, const Check& check, const Read& read) {
    reader.remember();
    FaissFormat format(reader);
    check(format);
    reader.again();
    return read();
}

/// Whether FaissFormat knows how FAISS writes an index.
bool is_known(const faiss::Index& index) {
    const auto known = [](const faiss::Index* part) { return part != nullptr && is_known(*part); };
    const std::type_info& type = typeid(index);
    if (type == typeid(faiss::IndexPreTransform))
        return known(dynamic_cast<const faiss::IndexPreTransform&>(index).index);
    if (type == typeid(faiss::IndexIDMap) || type == typeid(faiss::IndexIDMap2))
        return known(dynamic_cast<const faiss::IndexIDMap&>(index).index);
    if (type == typeid(faiss::IndexRefine) || type == typeid(faiss::IndexRefineFlat)) {
        const auto& refine = dynamic_cast<const faiss::IndexRefine&>(index);
        return known(refine.base_index) && known(refine.refine_index);
    }
    if (type == typeid(faiss::IndexIVFFlat) || type == typeid(faiss::IndexIVFScalarQuantizer) ||
        type == typeid(faiss::IndexIVFPQ))
        return known(dynamic_cast<const faiss::IndexIVF&>(index).quantizer);
    return type == typeid(faiss::IndexFlat) || type == typeid(faiss::IndexFlatL2) ||
           type == typeid(faiss::IndexFlatIP) || type == typeid(faiss::IndexPQ) ||
           type == typeid(faiss::IndexPQFastScan) || type == typeid(faiss::IndexScalarQuantizer) ||
           type == typeid(faiss::MultiIndexQuantizer) || type == typeid(faiss::IndexHNSWFlat) ||
           type == typeid(faiss::IndexHNSWSQ);
}

} // namespace

bool is_faiss_index(Reader& reader) {
    FaissFormat format(reader);
    return format.index(format.kind());
}

std::unique_ptr<faiss::Index> read_faiss_index(Reader& reader) {
    return read_checked(
            reader,
            [](FaissFormat& format) {
                const Kind kind = format.kind();
                if (!format.index(kind))
                    refuse("an index of the kind " + FaissFormat::name(kind) +
                           ", which is not known here or holds one that is not");
            },
            [&] {
                // FAISS would allocate tables that are larger than the file.
                return std::unique_ptr<faiss::Index>(faiss::read_index(
                        &reader, reader.io_flags | faiss::IO_FLAG_SKIP_PRECOMPUTE_TABLE));
            });
}

void write_faiss_index(const faiss::Index& index, Writer& writer) {
    if (!is_known(index))
        throw InvalidArgument(
                "BQQ: an index of class " + faiss::demangle_cpp_symbol(typeid(index).name()) +
                " cannot be written as a part of one with BQQ codes");
    faiss::write_index(&index, &writer);
}

std::unique_ptr<faiss::VectorTransform> read_transform(Reader& reader) {
    return read_checked(
            reader, [](FaissFormat& format) { format.transform(); },
            [&] {
                return std::unique_ptr<faiss::VectorTransform>(
                        faiss::read_VectorTransform(&reader));
            });
}

std::unique_ptr<faiss::InvertedLists> read_faiss_lists(
        Reader& reader, size_t nlist, size_t code_size) {
    return read_checked(
            reader, [&](FaissFormat& format) { format.inverted_lists(nlist, code_size); },
            [&] {
                return std::unique_ptr<faiss::InvertedLists>(
                        faiss::read_InvertedLists(&reader, reader.io_flags));
            });
}

} // namespace bqq

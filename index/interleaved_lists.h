#pragma once

#include "io/mapped_file.h"
#include "kernels/scan.h"
#include "store/code_blocks.h"
#include "store/packed_ids.h"

#include <bqq/index/IndexBQQ.h>
#include <faiss/invlists/InvertedLists.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace bqq {

/// What the scan reads of inverted lists that are stored interleaved.
class InterleavedSource {
public:
    virtual ~InterleavedSource() = default;
    virtual kernels::InterleavedCodes codes(size_t list_no) const = 0;
    virtual PackedIdsView ids(size_t list_no) const = 0;
};

/** Inverted lists whose codes are interleaved and whose ids are packed. Whoever reads them by FAISS's interface
 * gets copies, codes as rows and ids as numbers, so that all of FAISS works on them.
 *
 * @tparam Base  faiss::InvertedLists or faiss::ReadOnlyInvertedLists
 */
template <class Base>
class InterleavedReader : public Base, public InterleavedSource {
public:
    using Base::Base;

    size_t list_size(size_t list_no) const override { return this->ids(list_no).size; }

    const uint8_t* get_codes(size_t list_no) const override {
        const kernels::InterleavedCodes from = this->codes(list_no);
        auto rows = std::make_unique<uint8_t[]>(from.size * from.code_size);
        copy_codes(from, 0, from.size, rows.get());
        return rows.release();
    }
    const idx_t* get_ids(size_t list_no) const override {
        const PackedIdsView from = this->ids(list_no);
        auto copy = std::make_unique<idx_t[]>(from.size);
        for (size_t i = 0; i < from.size; ++i) copy[i] = from[i];
        return copy.release();
    }
    void release_codes(size_t, const uint8_t* codes) const override { delete[] codes; }
    void release_ids(size_t, const idx_t* ids) const override { delete[] ids; }

    idx_t get_single_id(size_t list_no, size_t offset) const override {
        return this->ids(list_no)[offset];
    }
    const uint8_t* get_single_code(size_t list_no, size_t offset) const override {
        const kernels::InterleavedCodes from = this->codes(list_no);
        auto code = std::make_unique<uint8_t[]>(from.code_size);
        copy_code(from, offset, code.get());
        return code.release();
    }
};

/// Lists in memory. Different lists may be changed at the same time.
class InterleavedLists : public InterleavedReader<faiss::InvertedLists> {
public:
    InterleavedLists(size_t nlist, size_t code_size);

    kernels::InterleavedCodes codes(size_t list_no) const override {
        return lists_[list_no].codes.view();
    }
    PackedIdsView ids(size_t list_no) const override { return lists_[list_no].ids.view(); }

    size_t add_entries(size_t list_no, size_t n, const idx_t* ids, const uint8_t* codes) override;
    void update_entries(
            size_t list_no, size_t offset, size_t n, const idx_t* ids,
            const uint8_t* codes) override;
    void resize(size_t list_no, size_t size) override;

    /// Replaces a list; the bytes of its interleaved codes and of its packed ids are for the caller to fill.
    struct Bytes {
        uint8_t* codes;
        uint8_t* ids;
    };
    Bytes assign(size_t list_no, size_t size, unsigned id_width);

private:
    struct List {
        CodeBlocks codes;
        PackedIds ids;
    };
    std::vector<List> lists_;
};

/// Lists in a mapped file: read-only.
class MappedLists : public InterleavedReader<faiss::ReadOnlyInvertedLists> {
public:
    struct List {
        kernels::InterleavedCodes codes;
        PackedIdsView ids;
    };
    /// @param lists  whose bytes, and the slack behind them, lie in the file
    MappedLists(
            size_t bytes_a_code, std::shared_ptr<const MappedFile> file, std::vector<List> lists)
            : InterleavedReader(lists.size(), bytes_a_code),
              file_(std::move(file)),
              lists_(std::move(lists)) {}

    kernels::InterleavedCodes codes(size_t list_no) const override { return lists_[list_no].codes; }
    PackedIdsView ids(size_t list_no) const override { return lists_[list_no].ids; }

private:
    std::shared_ptr<const MappedFile> file_;
    std::vector<List> lists_;
};

} // namespace bqq

#pragma once

#include "io/mapped_file.h"
#include "store/code_blocks.h"
#include "store/list_order.h"
#include "store/packed_ids.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace bqq {

/// Where a code lies.
struct Place {
    size_t list;
    size_t position;
};

/** Codes in lists, with the ids of their vectors.
 *
 * Ids are either stored with the codes, or they are the order of adding: then the codes of a list
 * have that order, and only the list of each vector is kept.
 *
 * Changes that fail leave the lists as they were. Different lists with stored ids may be changed at
 * the same time.
 */
class CodeLists {
public:
    enum class Ids { stored, positional };

    CodeLists(size_t nlist, size_t code_size, Ids ids);

    size_t nlist() const { return lists_.size(); }
    size_t code_size() const { return code_size_; }
    size_t size(size_t list) const { return lists_[list].codes.size(); }
    kernels::InterleavedCodes codes(size_t list) const { return lists_[list].codes.view(); }
    PackedIdsView ids(size_t list) const { return lists_[list].ids.view(); } ///< stored ids
    int64_t id(Place place) const {
        if (ids_ == Ids::stored) return ids(place.list)[place.position];
        return static_cast<int64_t>(
                nlist() == 1 ? place.position : order_.select(place.list, place.position));
    }
    /// Whether the lists lie in a file and cannot be changed.
    bool is_mapped() const { return file_ != nullptr; }
    size_t codes_bytes() const;
    size_t ids_bytes() const;

    // Positional ids.

    size_t size() const { return nlist() == 1 ? size(0) : order_.size(); }
    Place place(size_t i) const {
        if (nlist() == 1) return {0, i};
        const size_t list = order_.list(i);
        return {list, order_.rank(list, i)};
    }
    void reserve(size_t n);
    /// @param lists  of the codes, size n; not used where there is one
    void append(size_t n, const uint8_t* codes, std::span<const uint32_t> lists);
    void append(const CodeLists& other);
    void truncate(size_t n);
    /// Removes the vectors i with removed[i]; later ones move up.
    void remove(const std::vector<bool>& removed);
    /// Writes code i.
    void get(size_t i, uint8_t* code) const;

    // Stored ids.

    /// @return  position of the first
    size_t append(size_t list, size_t n, const uint8_t* codes, std::span<const int64_t> ids);
    void reserve(size_t list, size_t n, unsigned id_width);
    void set(Place place, const uint8_t* code, int64_t id);
    /// New entries are 0.
    void resize(size_t list, size_t n);
    /// The entry at `to` becomes that at `from`.
    void move(size_t list, size_t from, size_t to);

    // Files.

    /// Replaces a list, the bytes of which are for the caller to fill.
    struct Bytes {
        uint8_t* codes;
        uint8_t* ids;
    };
    Bytes assign(size_t list, size_t n, unsigned id_width);
    /// Replaces a list by bytes that lie in `file`, with the slack that may be read after them.
    void map(
            size_t list, std::shared_ptr<const MappedFile> file,
            const kernels::InterleavedCodes& codes, const PackedIdsView& ids);
    /// The list of each vector, with the lists themselves assigned. Their sizes must fit.
    void set_order(ListOrder order) { order_ = std::move(order); }

private:
    struct List {
        CodeBlocks codes;
        PackedIds ids;
    };
    size_t code_size_;
    Ids ids_;
    std::vector<List> lists_;
    ListOrder order_; ///< of positional ids, where there are several lists
    std::shared_ptr<const MappedFile> file_;
};

} // namespace bqq

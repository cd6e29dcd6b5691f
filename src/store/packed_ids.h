#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace bqq {

/// Numbers in as many bits as the largest needs: number i is bits [i * width, (i + 1) * width).
struct PackedIdsView {
    const uint8_t* data = nullptr; ///< bytes(size, width) bytes, then kSlack that may be read
    size_t size = 0;
    unsigned width = 0; ///< 0 to 56, or 64

    /// Bytes after the ids that reading one may touch.
    static constexpr size_t kSlack = 8;

    static size_t bytes(size_t size, unsigned width) { return (size * width + 7) / 8; }

    int64_t operator[](size_t i) const {
        const size_t bit = i * width;
        uint64_t word = 0;
        std::memcpy(&word, data + bit / 8, sizeof word);
        word >>= bit % 8;
        return static_cast<int64_t>(width == 64 ? word : word & ((uint64_t{1} << width) - 1));
    }
};

/** Packed ids, owned or mapped from a file. A negative id, or one of more than 56 bits, takes 64
 * bits, and so do all others of the list.
 *
 * Changes that fail leave the ids as they were; those that make nothing longer cannot fail. Mapped
 * ids must not be changed.
 */
class PackedIds {
public:
    PackedIds() = default;
    explicit PackedIds(const PackedIdsView& mapped)
            : size_(mapped.size), width_(mapped.width), mapped_(mapped.data) {}

    size_t size() const { return size_; }
    PackedIdsView view() const {
        return {mapped_ != nullptr ? mapped_ : bytes_.data(), size_, width_};
    }

    static unsigned width_of(int64_t id) {
        const auto width = static_cast<unsigned>(std::bit_width(static_cast<uint64_t>(id)));
        return width > 56 ? 64 : width;
    }

    /// Makes room for n ids of at least this width in all: adding them cannot fail then.
    void reserve(size_t n, unsigned width) {
        if (width > width_) {
            PackedIds wider;
            wider.width_ = width;
            wider.bytes_.reserve(bytes_for(n, width));
            wider.resize(size_);
            for (size_t i = 0; i < size_; ++i) wider.put(i, view()[i]);
            *this = std::move(wider);
        } else if (const size_t bytes = bytes_for(n, width_); bytes > bytes_.capacity()) {
            bytes_.reserve(std::max(bytes, bytes_.capacity() + bytes_.capacity() / 8));
        }
    }

    void add(std::span<const int64_t> ids) {
        unsigned width = width_;
        for (const int64_t id : ids) width = std::max(width, width_of(id));
        reserve(size_ + ids.size(), width);
        const size_t before = size_;
        resize(size_ + ids.size());
        for (size_t i = 0; i < ids.size(); ++i) put(before + i, ids[i]);
    }

    void set(size_t i, int64_t id) {
        reserve(size_, width_of(id));
        put(i, id);
    }

    /// Id `to` becomes id `from`.
    void move(size_t from, size_t to) { put(to, view()[from]); }

    /// New ids are 0.
    void resize(size_t n) {
        // What is cut off may come back: it must be zero, as the slack is.
        if (n < size_) clear_from(n * width_);
        bytes_.resize(bytes_for(n, width_));
        if (n < size_ && !bytes_.empty())
            std::fill(bytes_.end() - PackedIdsView::kSlack, bytes_.end(), uint8_t{0});
        size_ = n;
    }

    /// Makes room for n ids of a width, all to be filled in by the caller, and returns their bytes.
    uint8_t* assign(size_t n, unsigned width) {
        bytes_ = std::vector<uint8_t>(bytes_for(n, width));
        size_ = n;
        width_ = width;
        return bytes_.data();
    }

    size_t memory_bytes() const { return bytes_.capacity(); }

private:
    size_t size_ = 0;
    unsigned width_ = 0;
    const uint8_t* mapped_ = nullptr;
    std::vector<uint8_t> bytes_;

    static size_t bytes_for(size_t n, unsigned width) {
        return n == 0 ? 0 : PackedIdsView::bytes(n, width) + PackedIdsView::kSlack;
    }

    /// There is room, and the width suffices.
    void put(size_t i, int64_t id) {
        const size_t bit = i * width_;
        uint64_t word = 0;
        std::memcpy(&word, bytes_.data() + bit / 8, sizeof word);
        const uint64_t mask = width_ == 64 ? ~uint64_t{0} : (uint64_t{1} << width_) - 1;
        word &= ~(mask << bit % 8);
        word |= static_cast<uint64_t>(id) << bit % 8;
        std::memcpy(bytes_.data() + bit / 8, &word, sizeof word);
    }

    void clear_from(size_t bit) {
        if (bytes_.empty()) return;
        if (bit % 8 != 0) bytes_[bit / 8] &= static_cast<uint8_t>((1u << bit % 8) - 1);
        std::fill(
                bytes_.begin() + static_cast<std::ptrdiff_t>((bit + 7) / 8), bytes_.end(),
                uint8_t{0});
    }
};

} // namespace bqq

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace bqq {

/// Ids packed in as many bits each as the largest needs; id i is bits [i * width, (i + 1) * width) of `data`.
struct PackedIdsView {
    const uint8_t* data =
            nullptr; ///< bytes(size, width) bytes, followed by kSlack that may be read
    size_t size = 0;
    unsigned width = 0; ///< 0 to 56, or 64

    /// bytes that reading an id may touch behind the ids
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

/// Ids in memory. A negative id, or one of more than 56 bits, takes 64 bits, and so do all beside it.
class PackedIds {
public:
    size_t size() const { return size_; }
    PackedIdsView view() const { return {bytes_.data(), size_, width_}; }

    void add(size_t n, const int64_t* ids) {
        const size_t before = size_;
        resize(size_ + n);
        for (size_t i = 0; i < n; ++i) set(before + i, ids[i]);
    }

    void set(size_t i, int64_t id) {
        widen(width_of(id));
        const size_t bit = i * width_;
        uint64_t word = 0;
        std::memcpy(&word, bytes_.data() + bit / 8, sizeof word);
        const uint64_t mask = width_ == 64 ? ~uint64_t{0} : (uint64_t{1} << width_) - 1;
        word &= ~(mask << bit % 8);
        word |= static_cast<uint64_t>(id) << bit % 8;
        std::memcpy(bytes_.data() + bit / 8, &word, sizeof word);
    }

    /// New ids are 0.
    void resize(size_t n) {
        bytes_.resize(n == 0 ? 0 : PackedIdsView::bytes(n, width_) + PackedIdsView::kSlack);
        // What was cut off may come back: it must be zero, as the slack is.
        if (n < size_) clear_behind(n * width_);
        size_ = n;
    }

    /// Makes room for n ids of a width, all to be filled in by the caller, and returns their bytes.
    uint8_t* assign(size_t n, unsigned width) {
        size_ = n;
        width_ = width;
        bytes_.assign(n == 0 ? 0 : PackedIdsView::bytes(n, width) + PackedIdsView::kSlack, 0);
        return bytes_.data();
    }

private:
    size_t size_ = 0;
    unsigned width_ = 0;
    std::vector<uint8_t> bytes_;

    static unsigned width_of(int64_t id) {
        const auto width = static_cast<unsigned>(std::bit_width(static_cast<uint64_t>(id)));
        return width > 56 ? 64 : width;
    }

    void widen(unsigned width) {
        if (width <= width_) return;
        PackedIds wider;
        wider.width_ = width;
        wider.resize(size_);
        const PackedIdsView old = view();
        for (size_t i = 0; i < size_; ++i) wider.set(i, old[i]);
        *this = std::move(wider);
    }

    void clear_behind(size_t bit) {
        if (bytes_.empty()) return;
        if (bit % 8 != 0) bytes_[bit / 8] &= static_cast<uint8_t>((1u << bit % 8) - 1);
        for (size_t i = (bit + 7) / 8; i < bytes_.size(); ++i) bytes_[i] = 0;
    }
};

} // namespace bqq

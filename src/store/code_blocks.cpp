#include "store/code_blocks.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace bqq {

using kernels::InterleavedCodes;
using kernels::kBlock;
using kernels::kSlack;

void copy_code(const InterleavedCodes& codes, size_t i, uint8_t* code) {
    const size_t width = codes.width(i / kBlock);
    const uint8_t* byte = codes.block(i / kBlock) + i % kBlock;
    for (size_t j = 0; j < codes.code_size; ++j) code[j] = byte[j * width];
}

void copy_codes(const InterleavedCodes& codes, size_t begin, size_t end, uint8_t* rows) {
    for (size_t i = begin; i < end; ++i, rows += codes.code_size) copy_code(codes, i, rows);
}

void CodeBlocks::reserve(size_t n) {
    const size_t lines = lines_for(n);
    if (lines <= lines_.capacity()) return;
    // Codes are most of an index: growing by half, as vectors do, would hold a third of it in vain.
    lines_.reserve(std::max(lines, lines_.capacity() + lines_.capacity() / 8));
}

void CodeBlocks::add(size_t n, const uint8_t* codes) {
    if (n == 0) return;
    const size_t before = size_;
    reserve(before + n);
    set_size(before + n);
    for (size_t i = 0; i < n;) {
        const size_t place = before + i;
        const size_t width = view().width(place / kBlock);
        const size_t count = std::min(n - i, width - place % kBlock);
        uint8_t* to = block(place / kBlock) + place % kBlock;
        for (size_t r = 0; r < count; ++r)
            for (size_t j = 0; j < code_size_; ++j)
                to[j * width + r] = codes[(i + r) * code_size_ + j];
        i += count;
    }
}

void CodeBlocks::add(const InterleavedCodes& codes) {
    constexpr size_t kRows = 16;
    uint8_t rows[kRows * 1100]; // a code of 8192 bits has 1027 bytes
    assert(codes.code_size * kRows <= sizeof rows);
    reserve(size_ + codes.size);
    for (size_t i = 0; i < codes.size; i += kRows) {
        const size_t end = std::min(codes.size, i + kRows);
        copy_codes(codes, i, end, rows);
        add(end - i, rows);
    }
}

uint8_t* CodeBlocks::assign(size_t n) {
    lines_ = std::vector<Line>(lines_for(n));
    size_ = n;
    return bytes();
}

void CodeBlocks::truncate(size_t n) {
    if (n >= size_) return;
    assert(mapped_ == nullptr);
    set_size(n);
}

void CodeBlocks::set_size(size_t n) {
    const auto change_width = [&](size_t b, size_t from, size_t to) {
        uint8_t* bytes = block(b);
        // Rows are moved in the order in which none is overwritten before.
        if (to > from)
            for (size_t j = code_size_; j-- > 0;)
                std::memmove(bytes + j * to, bytes + j * from, from);
        else
            for (size_t j = 0; j < code_size_; ++j)
                std::memmove(bytes + j * to, bytes + j * from, to);
    };
    const auto width_in = [](size_t size, size_t b) {
        return std::min(kBlock, size - std::min(size, b * kBlock));
    };
    if (n > size_) {
        lines_.resize(lines_for(n));
        const size_t last = size_ / kBlock;
        if (size_ % kBlock != 0) change_width(last, width_in(size_, last), width_in(n, last));
    } else {
        const size_t last = n / kBlock;
        if (n % kBlock != 0) change_width(last, width_in(size_, last), width_in(n, last));
        lines_.resize(lines_for(n));
    }
    size_ = n;
}

void CodeBlocks::set(size_t i, const uint8_t* code) {
    const size_t width = view().width(i / kBlock);
    uint8_t* byte = block(i / kBlock) + i % kBlock;
    for (size_t j = 0; j < code_size_; ++j) byte[j * width] = code[j];
}

void CodeBlocks::move(size_t from, size_t to) {
    if (from == to) return;
    const size_t from_width = view().width(from / kBlock);
    const size_t to_width = view().width(to / kBlock);
    const uint8_t* source = block(from / kBlock) + from % kBlock;
    uint8_t* byte = block(to / kBlock) + to % kBlock;
    for (size_t j = 0; j < code_size_; ++j) byte[j * to_width] = source[j * from_width];
}

size_t CodeBlocks::lines_for(size_t n) const {
    return n == 0 ? 0 : (n * code_size_ + kSlack + sizeof(Line) - 1) / sizeof(Line);
}

} // namespace bqq

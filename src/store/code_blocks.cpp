#include "store/code_blocks.h"

#include <algorithm>
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

void interleave(const uint8_t* rows, size_t n, size_t code_size, uint8_t* block) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < code_size; ++j) block[j * n + i] = rows[i * code_size + j];
}

void CodeBlocks::add(size_t n, const uint8_t* codes) {
    if (n == 0) return;
    // The last block changes its width: it is taken apart first.
    const size_t whole = size_ / kBlock * kBlock;
    std::vector<uint8_t> rows((size_ - whole) * code_size_);
    copy_codes(view(), whole, size_, rows.data());
    const size_t first = std::min(n, kBlock - (size_ - whole));
    rows.insert(rows.end(), codes, codes + first * code_size_);

    lines_.resize(lines_for(size_ + n));
    size_ += n;
    interleave(rows.data(), rows.size() / code_size_, code_size_, block(whole / kBlock));
    for (size_t done = first; done < n; done += kBlock)
        interleave(
                codes + done * code_size_, std::min(kBlock, n - done), code_size_,
                block((size_ - n + done) / kBlock));
}

uint8_t* CodeBlocks::assign(size_t n) {
    lines_.assign(lines_for(n), Line{});
    size_ = n;
    return lines_.empty() ? nullptr : lines_.front().bytes;
}

void CodeBlocks::reserve(size_t n) {
    lines_.reserve(lines_for(n));
}

void CodeBlocks::truncate(size_t n) {
    if (n >= size_) return;
    const size_t whole = n / kBlock * kBlock;
    std::vector<uint8_t> rows((n - whole) * code_size_);
    copy_codes(view(), whole, n, rows.data());
    interleave(rows.data(), n - whole, code_size_, block(whole / kBlock));
    size_ = n;
    lines_.resize(lines_for(n));
}

void CodeBlocks::set(size_t i, const uint8_t* code) {
    const size_t width = view().width(i / kBlock);
    uint8_t* byte = block(i / kBlock) + i % kBlock;
    for (size_t j = 0; j < code_size_; ++j) byte[j * width] = code[j];
}

size_t CodeBlocks::lines_for(size_t n) const {
    return n == 0 ? 0 : (n * code_size_ + kSlack + sizeof(Line) - 1) / sizeof(Line);
}

} // namespace bqq

#pragma once

#include "kernels/scan.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bqq {

/// Writes code i (code_size bytes) of interleaved codes to `code`.
void copy_code(const kernels::InterleavedCodes& codes, size_t i, uint8_t* code);

/// Writes codes begin to end - 1 as rows of code_size bytes.
void copy_codes(const kernels::InterleavedCodes& codes, size_t begin, size_t end, uint8_t* rows);

/** The codes of one list, interleaved as the scan reads them: owned, or mapped from a file.
 *
 * Changes that fail leave the codes as they were; those that make nothing longer cannot fail.
 * Mapped codes must not be changed.
 */
class CodeBlocks {
public:
    explicit CodeBlocks(size_t code_size = 0) : code_size_(code_size) {}
    /// Codes that lie in a file, followed by kernels::kSlack bytes.
    explicit CodeBlocks(const kernels::InterleavedCodes& mapped)
            : code_size_(mapped.code_size), size_(mapped.size), mapped_(mapped.data) {}

    size_t size() const { return size_; }
    kernels::InterleavedCodes view() const {
        const auto* owned = reinterpret_cast<const uint8_t*>(lines_.data());
        return {mapped_ != nullptr ? mapped_ : owned, size_, code_size_};
    }

    /// Makes room for n codes in all: adding them cannot fail then.
    void reserve(size_t n);
    /// Appends n codes, rows of code_size bytes.
    void add(size_t n, const uint8_t* codes);
    /// Appends the codes of another list.
    void add(const kernels::InterleavedCodes& codes);
    /// Makes room for n codes, the interleaved bytes of which the caller fills in, and returns
    /// these.
    uint8_t* assign(size_t n);
    /// Drops the codes from n on.
    void truncate(size_t n);

    void set(size_t i, const uint8_t* code);
    /// Code `to` becomes code `from`.
    void move(size_t from, size_t to);

    size_t memory_bytes() const { return lines_.capacity() * sizeof(Line); }

private:
    struct alignas(64) Line {
        uint8_t bytes[64];
    };
    size_t code_size_;
    size_t size_ = 0;
    const uint8_t* mapped_ = nullptr;
    std::vector<Line> lines_; ///< the codes and kSlack bytes

    uint8_t* bytes() { return reinterpret_cast<uint8_t*>(lines_.data()); }
    uint8_t* block(size_t b) { return bytes() + b * kernels::kBlock * code_size_; }
    size_t lines_for(size_t n) const;
    /// Makes the last block wider or narrower, for n codes in all. There is room for them.
    void set_size(size_t n);
};

} // namespace bqq

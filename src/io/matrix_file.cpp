#include "io/atomic_file.h"
#include "io/digest.h"
#include "io/input_file.h"
#include "io/quantizer_file.h"

#include <bqq/matrix_codec.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

namespace bqq {

static_assert(std::endian::native == std::endian::little, "files are little-endian");

namespace {

// A file is a magic number, a version, the code and the XXH3 digest of all before it. Bits are
// packed: those of a row of Y^T or Z follow those of the row before it.
constexpr char kMagic[4] = {'B', 'Q', 'Q', 'M'};
constexpr uint32_t kFirstVersion = 1; ///< had the seconds that coding took
constexpr uint32_t kVersion = 2;

/// Bits one after another, eight to a byte.
class BitWriter {
public:
    void write(const std::vector<uint64_t>& rows, size_t count, size_t n) {
        const size_t words = (n + 63) / 64;
        for (size_t k = 0; k < count; ++k)
            for (size_t j = 0; j < n; ++j, ++size_) {
                if (size_ % 8 == 0) bytes_.push_back(0);
                const uint64_t bit = rows[k * words + j / 64] >> (j % 64) & 1;
                bytes_.back() |= static_cast<uint8_t>(bit << (size_ % 8));
            }
    }
    const std::vector<uint8_t>& bytes() const { return bytes_; }

private:
    std::vector<uint8_t> bytes_;
    size_t size_ = 0;
};

class BitReader {
public:
    explicit BitReader(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}
    std::vector<uint64_t> read(size_t count, size_t n) {
        const size_t words = (n + 63) / 64;
        std::vector<uint64_t> rows(count * words);
        for (size_t k = 0; k < count; ++k)
            for (size_t j = 0; j < n; ++j, ++size_) {
                const uint64_t bit = bytes_[size_ / 8] >> (size_ % 8) & 1;
                rows[k * words + j / 64] |= bit << (j % 64);
            }
        return rows;
    }

private:
    std::vector<uint8_t> bytes_;
    size_t size_ = 0;
};

size_t bits_of(const MatrixBlock& block, size_t planes) {
    return planes * block.rank * (block.rows + block.cols);
}

/// Reads the magic number.
bool has_magic(InputFile& file) {
    char magic[sizeof kMagic];
    file.read(magic, sizeof magic);
    return std::memcmp(magic, kMagic, sizeof magic) == 0;
}

/// Reads the whole file, then goes back to after the magic number. @throws FileError  unless the
/// digest fits
void check_digest(InputFile& file) {
    if (file.size() < sizeof kMagic + sizeof kVersion + sizeof(uint64_t))
        file.fail("this is no matrix that bqq wrote");
    if (!has_magic(file)) file.fail("this is no matrix that bqq wrote");
    Digest digest;
    digest.update(kMagic, sizeof kMagic);
    std::vector<uint8_t> piece(size_t{1} << 20);
    size_t left = file.size() - sizeof kMagic - sizeof(uint64_t);
    while (left > 0) {
        const size_t size = std::min(left, piece.size());
        file.read(piece.data(), size);
        digest.update(piece.data(), size);
        left -= size;
    }
    uint64_t stored = 0;
    file.read(&stored, sizeof stored);
    if (stored != digest.value())
        file.fail("the file is truncated or corrupt: its checksum does not fit");
    file.seek(sizeof kMagic);
}

} // namespace

bool MatrixCodec::is_saved_at(const std::string& path) {
    InputFile file(path);
    return file.size() >= sizeof kMagic && has_magic(file);
}

void MatrixCodec::save(const std::string& path) const {
    if (blocks_.empty()) throw Error("BQQ: save() before compress()");
    write_atomically(path, [this](std::FILE* file) {
        Digest digest;
        const ByteSink sink = [&](const void* bytes, size_t size) {
            digest.update(bytes, size);
            std::fwrite(bytes, 1, size, file);
        };
        sink(kMagic, sizeof kMagic);
        write_value(sink, kVersion);
        for (const size_t size : {rows_, cols_, block_rows_, block_cols_, planes(), blocks_.size()})
            write_value(sink, uint64_t{size});
        sink(mse_per_plane_.data(), mse_per_plane_.size() * sizeof(double));
        for (const MatrixBlock& block : blocks_) {
            for (const size_t size : {block.row, block.col, block.rows, block.cols, block.rank})
                write_value(sink, uint64_t{size});
            write_value(sink, block.u);
            BitWriter bits;
            for (const MatrixPlane& plane : block.planes) {
                for (const float scale : {plane.r, plane.s, plane.t}) write_value(sink, scale);
                bits.write(plane.Y, block.rank, block.rows);
                bits.write(plane.Z, block.rank, block.cols);
            }
            sink(bits.bytes().data(), bits.bytes().size());
        }
        const uint64_t value = digest.value();
        std::fwrite(&value, 1, sizeof value, file);
    });
}

MatrixCodec MatrixCodec::load(const std::string& path) {
    InputFile file(path);
    check_digest(file);
    const ByteSource source = [&](void* bytes, size_t size) { file.read(bytes, size); };
    const auto version = read_value<uint32_t>(source);
    if (version < kFirstVersion || version > kVersion)
        file.fail(
                "version " + std::to_string(version) + " of the format, this program reads " +
                std::to_string(kFirstVersion) + " to " + std::to_string(kVersion));
    MatrixCodec codec;
    codec.rows_ = read_value<uint64_t>(source);
    codec.cols_ = read_value<uint64_t>(source);
    codec.block_rows_ = read_value<uint64_t>(source);
    codec.block_cols_ = read_value<uint64_t>(source);
    const auto planes = read_value<uint64_t>(source);
    const auto blocks = read_value<uint64_t>(source);
    const size_t most = 8 * file.size(); // a row, column or plane has at least a bit
    if (codec.rows_ == 0 || codec.cols_ == 0 || codec.block_rows_ == 0 || codec.block_cols_ == 0 ||
        codec.block_rows_ > codec.rows_ || codec.block_cols_ > codec.cols_ || planes == 0 ||
        codec.rows_ > most || codec.cols_ > most || planes > most ||
        codec.rows_ > std::numeric_limits<size_t>::max() / sizeof(float) / codec.cols_)
        file.fail(
                "a matrix of " + std::to_string(codec.rows_) + " x " + std::to_string(codec.cols_) +
                " in " + std::to_string(planes) + " planes");
    if (version == kFirstVersion) (void)read_value<double>(source);
    codec.mse_per_plane_ = read_array<std::vector<double>>(source, planes);
    size_t row = 0;
    size_t col = 0;
    for (uint64_t b = 0; b < blocks; ++b) {
        if (row >= codec.rows_) file.fail("more blocks than the matrix has");
        MatrixBlock block;
        for (size_t* size : {&block.row, &block.col, &block.rows, &block.cols, &block.rank})
            *size = read_value<uint64_t>(source);
        if (block.row != row || block.col != col ||
            block.rows != std::min(codec.block_rows_, codec.rows_ - row) ||
            block.cols != std::min(codec.block_cols_, codec.cols_ - col) || block.rank == 0 ||
            block.rank > 8 * std::min(codec.block_rows_, codec.block_cols_))
            file.fail("block " + std::to_string(b) + " has no place in the matrix");
        if (block.rows + block.cols > most / planes / block.rank)
            file.fail(
                    "block " + std::to_string(b) + " of rank " + std::to_string(block.rank) +
                    " does not fit into the file");
        const auto read_scale = [&] {
            const auto scale = read_value<float>(source);
            if (!std::isfinite(scale))
                file.fail("block " + std::to_string(b) + " has a scale " + std::to_string(scale));
            return scale;
        };
        block.u = read_scale();
        block.planes.resize(planes);
        // Scales and bits of a plane stand together only in memory.
        for (MatrixPlane& plane : block.planes)
            for (float* scale : {&plane.r, &plane.s, &plane.t}) *scale = read_scale();
        BitReader bits(read_array<std::vector<uint8_t>>(source, (bits_of(block, planes) + 7) / 8));
        for (MatrixPlane& plane : block.planes) {
            plane.Y = bits.read(block.rank, block.rows);
            plane.Z = bits.read(block.rank, block.cols);
        }
        codec.blocks_.push_back(std::move(block));
        col += codec.block_cols_;
        if (col >= codec.cols_) {
            col = 0;
            row += codec.block_rows_;
        }
    }
    if (row < codec.rows_) file.fail("blocks are missing");
    if (file.position() + sizeof(uint64_t) != file.size()) file.fail("bytes follow the last block");
    return codec;
}

} // namespace bqq

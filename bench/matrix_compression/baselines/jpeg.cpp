#include "baselines/jpeg.h"

#include "baselines/uniform.h"

#include <cstdio> // before jpeglib.h, which uses FILE

#include <jpeglib.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

namespace bqq::bench {

namespace {

enum class Coding { huffman, progressive, arithmetic };

#ifdef C_ARITH_CODING_SUPPORTED
constexpr Coding kCodings[] = {Coding::huffman, Coding::progressive, Coding::arithmetic};
#else
constexpr Coding kCodings[] = {Coding::huffman, Coding::progressive};
#endif

struct Image {
    size_t n = 0;
    size_t d = 0;
    std::vector<uint8_t> pixels; ///< size n * d
};

std::vector<uint8_t> compress(Image& image, int quality, Coding coding) {
    jpeg_compress_struct jpeg;
    jpeg_error_mgr errors; // ends the program: only a lack of memory is left to go wrong
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    unsigned char* buffer = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&jpeg, &buffer, &size);
    jpeg.image_width = static_cast<JDIMENSION>(image.d);
    jpeg.image_height = static_cast<JDIMENSION>(image.n);
    jpeg.input_components = 1;
    jpeg.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    jpeg.write_JFIF_header = FALSE;
    jpeg.optimize_coding = coding == Coding::arithmetic ? FALSE : TRUE;
    if (coding == Coding::progressive) jpeg_simple_progression(&jpeg);
    if (coding == Coding::arithmetic) jpeg.arith_code = TRUE;
    jpeg_start_compress(&jpeg, TRUE);
    for (size_t i = 0; i < image.n; ++i) {
        JSAMPROW row = image.pixels.data() + i * image.d;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    std::vector<uint8_t> file(buffer, buffer + size);
    std::free(buffer);
    return file;
}

std::vector<uint8_t> decompress(const std::vector<uint8_t>& file, size_t n, size_t d) {
    jpeg_decompress_struct jpeg;
    jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, file.data(), static_cast<unsigned long>(file.size()));
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_GRAYSCALE;
    jpeg_start_decompress(&jpeg);
    std::vector<uint8_t> pixels(n * d);
    for (size_t i = 0; i < n; ++i) {
        JSAMPROW row = pixels.data() + i * d;
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    return pixels;
}

/// The file of the highest quality with at most `bytes` bytes.
std::optional<std::vector<uint8_t>> largest_file(Image& image, size_t bytes) {
    for (int quality = 100; quality >= 1; --quality) {
        std::optional<std::vector<uint8_t>> smallest;
        for (const Coding coding : kCodings) {
            std::vector<uint8_t> file = compress(image, quality, coding);
            if (file.size() <= (smallest ? smallest->size() : bytes)) smallest = std::move(file);
        }
        if (smallest) return smallest;
    }
    return std::nullopt;
}

} // namespace

Approximation jpeg(const Matrix<float>& X, int bits) {
    if (X.n > JPEG_MAX_DIMENSION || X.d > JPEG_MAX_DIMENSION) {
        throw std::invalid_argument(
                "JPEG: a matrix of " + std::to_string(X.n) + " x " + std::to_string(X.d) +
                ", each side has to be at most " + std::to_string(JPEG_MAX_DIMENSION));
    }
    Approximation result = zero_matrix(X);
    const auto quantizer = UniformQuantizer::fit(X.values, 8);
    Image image{X.n, X.d, quantizer.codes(X.values)};
    const auto file =
            largest_file(image, budget_bytes(X, bits) - UniformQuantizer::parameter_bytes);
    if (!file) return result;
    const std::vector<uint8_t> pixels = decompress(*file, X.n, X.d);
    for (size_t i = 0; i < pixels.size(); ++i)
        result.reconstruction[i] = quantizer.decode(pixels[i]);
    result.bytes = file->size() + UniformQuantizer::parameter_bytes;
    return result;
}

} // namespace bqq::bench

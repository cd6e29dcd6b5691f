#pragma once

#include "baselines/approximation.h"

namespace bqq::bench {

/** Uniform quantization to 8 bits, then a grey JPEG of the highest quality that fits.
 *
 * Bytes: the whole file, headers and tables included, and two floats. To keep the file small it has
 * no JFIF header, and it is the smallest of baseline coding with optimal Huffman tables,
 * progressive coding, and arithmetic coding where libjpeg has it.
 *
 * @throws std::invalid_argument  when a side is longer than JPEG's 65,500
 */
Approximation jpeg(const Matrix<float>& X, int bits);

} // namespace bqq::bench

#include "command/arguments.h"
#include "command/commands.h"
#include "command/threads.h"
#include "io/atomic_file.h"
#include "io/npy_header.h"

#include <bqq/matrix_codec.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bqq::command {

namespace {

struct DecompressOptions {
    std::string matrix;
    std::string out;
    ThreadOption threads;
};

void check_npy_path(const std::string& path) {
    if (std::filesystem::path(path).extension() != ".npy") {
        throw std::runtime_error(path + ": the extension is not .npy");
    }
    check_writable(path);
}

int decompress(const DecompressOptions& options) {
    options.threads.check();
    check_npy_path(options.out);
    const ThreadScope threads(options.threads.count);
    const MatrixCodec codec = MatrixCodec::load(options.matrix);
    const std::vector<float> X = codec.reconstruct();
    write_atomically(options.out, [&](std::FILE* stream) {
        const std::string header = npy_header("<f4", codec.rows(), codec.cols());
        std::fwrite(header.data(), 1, header.size(), stream);
        std::fwrite(X.data(), sizeof(float), X.size(), stream);
    });
    return 0;
}

} // namespace

void add_decompress(CLI::App& app, Run& run) {
    CLI::App* sub = app.add_subcommand("decompress", "Write a compressed matrix as numbers");
    auto options = std::make_shared<DecompressOptions>();
    sub->add_option("matrix", options->matrix, "Compressed matrix")->required();
    sub->add_option("--out", options->out, "Matrix to write: .npy")->required();
    options->threads.add_to(*sub);
    sub->callback([options, &run] { run = [options] { return decompress(*options); }; });
}

} // namespace bqq::command

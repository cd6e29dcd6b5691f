#include "python/arguments.h"
#include "python/arrays.h"
#include "python/bindings.h"
#include "python/long_call.h"

#include <bqq/matrix_codec.h>
#include <bqq/quantizer.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bqq::python {

namespace {

Metric to_metric(const std::string& name) {
    if (name == "l2") return Metric::l2;
    if (name == "ip") return Metric::inner_product;
    throw py::value_error("metric is '" + name + "', it has to be 'l2' or 'ip'");
}

using Bytes = py::array_t<uint8_t, py::array::c_style>;
using Lists = py::array_t<uint32_t, py::array::c_style>;

void train_codec(
        Quantizer& quantizer, const py::object& x, std::optional<uint64_t> seed,
        const py::object& progress) {
    const Rows rows = to_rows(x, "x", static_cast<int64_t>(quantizer.d()));
    LongCall call(progress);
    TrainingParameters parameters;
    if (seed) parameters.seed = *seed;
    parameters.progress = call.listener();
    call.run([&] { quantizer.train({rows.data(), rows.size()}, parameters); });
}

py::tuple encode(const Quantizer& quantizer, const py::object& x) {
    const Rows rows = to_rows(x, "x", static_cast<int64_t>(quantizer.d()));
    Bytes codes({rows.n, static_cast<int64_t>(quantizer.code_size())});
    Lists lists(rows.n);
    const std::span to_codes(codes.mutable_data(), static_cast<size_t>(codes.size()));
    const std::span to_lists(lists.mutable_data(), static_cast<size_t>(lists.size()));
    LongCall call;
    call.run([&] { quantizer.encode({rows.data(), rows.size()}, to_codes, to_lists); });
    return py::make_tuple(std::move(codes), std::move(lists));
}

py::array_t<float> decode(
        const Quantizer& quantizer, const Bytes& codes, const std::optional<Lists>& lists) {
    if (codes.ndim() != 2 || codes.shape(1) != static_cast<py::ssize_t>(quantizer.code_size()))
        throw py::value_error(
                "codes has shape " + shape_of(codes) + ", it has to be (n, " +
                std::to_string(quantizer.code_size()) + ")");
    py::array_t<float> x({codes.shape(0), static_cast<py::ssize_t>(quantizer.d())});
    const std::span<const uint8_t> from(codes.data(), static_cast<size_t>(codes.size()));
    const std::span<const uint32_t> of =
            lists ? std::span<const uint32_t>(lists->data(), static_cast<size_t>(lists->size()))
                  : std::span<const uint32_t>();
    const std::span to(x.mutable_data(), static_cast<size_t>(x.size()));
    LongCall call;
    call.run([&] { quantizer.decode(from, of, to); });
    return x;
}

std::shared_ptr<MatrixCodec> compress(
        const py::object& X, int64_t planes, std::optional<int64_t> rank,
        std::optional<int64_t> block_rows, std::optional<int64_t> block_cols,
        const std::string& solver, bool joint, double effort, uint64_t seed,
        const py::object& progress) {
    const Rows rows = to_rows(X, "X", 0);
    if (rows.is_one) throw py::value_error("X is a vector, it has to be a matrix");
    LongCall call(progress);
    MatrixParameters parameters;
    parameters.planes = to_size(planes, "planes");
    parameters.rank = to_size(rank, "rank");
    parameters.block_rows = to_size(block_rows, "block_rows");
    parameters.block_cols = to_size(block_cols, "block_cols");
    if (solver == "amfd")
        parameters.solver = MatrixSolver::amfd;
    else if (solver != "flips")
        throw py::value_error("solver is '" + solver + "', it has to be 'flips' or 'amfd'");
    parameters.joint = joint;
    parameters.effort = effort;
    parameters.seed = seed;
    parameters.progress = call.listener();
    auto codec = std::make_shared<MatrixCodec>();
    call.run([&] {
        *codec = MatrixCodec::compress(
                {rows.data(), rows.size()}, static_cast<size_t>(rows.n),
                static_cast<size_t>(rows.d), parameters);
    });
    return codec;
}

/// X y for a vector or the columns of a matrix: those of y are the rows of what multiplies.
py::array_t<float> multiply(const MatrixCodec& codec, const py::object& y, bool transposed) {
    const size_t in = transposed ? codec.rows() : codec.cols();
    const size_t out = transposed ? codec.cols() : codec.rows();
    Rows given = to_rows(y, "the right side", 0);
    const auto height = given.is_one ? given.d : given.n;
    if (height != static_cast<int64_t>(in))
        throw py::value_error(
                "the right side has shape " + shape_of(given.array) + ", but the matrix has " +
                std::to_string(in) + (transposed ? " rows" : " columns"));
    const Rows columns =
            given.is_one ? std::move(given)
                         : to_rows(given.array.attr("T").attr("copy")("C"), "the right side", 0);
    py::array_t<float> products({columns.n, static_cast<int64_t>(out)});
    const std::span<const float> from(columns.data(), columns.size());
    const std::span to(products.mutable_data(), static_cast<size_t>(products.size()));
    LongCall call;
    call.run([&] { transposed ? codec.multiply_transposed(from, to) : codec.multiply(from, to); });
    if (columns.is_one) return py::array_t<float>(py::object(products.attr("reshape")(out)));
    return py::array_t<float>(py::object(products.attr("T")));
}

void bind_quantizer(py::module_& m) {
    py::class_<Quantizer, std::shared_ptr<Quantizer>>(
            m, "Quantizer",
            "Codes vectors of d numbers in M bits and one or three bytes of scales.")
            .def(py::init([](int64_t d, int64_t M, const std::string& metric,
                             std::optional<int> depth, std::optional<int64_t> bases,
                             const std::optional<std::string>& atoms) {
                     return std::make_shared<Quantizer>(
                             to_size(d, "d"), to_size(M, "M"), to_metric(metric), depth,
                             to_size(bases, "bases"), to_atoms(atoms));
                 }),
                 py::arg("d"), py::arg("M"), py::arg("metric") = "l2",
                 py::arg("depth") = py::none(), py::arg("bases") = 1, py::arg("atoms") = py::none())
            .def_property_readonly("d", &Quantizer::d)
            .def_property_readonly("M", &Quantizer::M)
            .def_property_readonly("code_size", &Quantizer::code_size)
            .def_property_readonly("is_trained", &Quantizer::is_trained)
            .def("train", &train_codec, py::arg("x"), py::arg("seed") = py::none(),
                 py::arg("progress") = py::none(), "Learns bases from x, n x d.")
            .def("encode", &encode, py::arg("x"),
                 "(codes, lists) of x, n x d: n x code_size bytes, and which basis each has.")
            .def("decode", &decode, py::arg("codes"), py::arg("lists") = py::none(),
                 "The vectors, n x d, of what encode() gave.");
}

void bind_matrix_codec(py::module_& m) {
    py::class_<MatrixCodec, std::shared_ptr<MatrixCodec>>(
            m, "MatrixCodec",
            "A matrix in products of binary matrices; `codec @ x` multiplies without decoding.")
            .def_static(
                    "compress", &compress, py::arg("X"), py::arg("planes") = 2, py::kw_only(),
                    py::arg("rank") = py::none(), py::arg("block_rows") = py::none(),
                    py::arg("block_cols") = py::none(), py::arg("solver") = "flips",
                    py::arg("joint") = false, py::arg("effort") = 1.0, py::arg("seed") = 1234,
                    py::arg("progress") = py::none(),
                    "Codes a matrix in planes of bits. ValueError for what is no matrix of finite "
                    "numbers.")
            .def_static(
                    "load",
                    [](const std::filesystem::path& path) { return MatrixCodec::load(path); },
                    py::arg("path"))
            .def(
                    "save",
                    [](const MatrixCodec& codec, const std::filesystem::path& path) {
                        codec.save(path);
                    },
                    py::arg("path"))
            .def(
                    "keep_planes",
                    [](MatrixCodec& codec, int64_t planes) {
                        codec.keep_planes(to_size(planes, "planes"));
                    },
                    py::arg("planes"), "Drops the later planes.")
            .def("reconstruct",
                 [](const MatrixCodec& codec) {
                     const std::vector<float> X = codec.reconstruct();
                     py::array_t<float> result({codec.rows(), codec.cols()});
                     std::copy(X.begin(), X.end(), result.mutable_data());
                     return result;
                 })
            .def("__matmul__", [](const MatrixCodec& codec,
                                  const py::object& y) { return multiply(codec, y, false); })
            .def(
                    "multiply_transposed",
                    [](const MatrixCodec& codec, const py::object& y) {
                        return multiply(codec, y, true);
                    },
                    py::arg("y"), "X^T y for a vector or the columns of a matrix.")
            .def_property_readonly(
                    "shape",
                    [](const MatrixCodec& codec) {
                        return py::make_tuple(codec.rows(), codec.cols());
                    })
            .def_property_readonly("planes", &MatrixCodec::planes)
            .def_property_readonly("bits_per_entry", &MatrixCodec::bits_per_entry)
            .def_property_readonly("mse_per_plane", &MatrixCodec::mse_per_plane)
            .def_property_readonly("nbytes", &MatrixCodec::memory_bytes);
}

} // namespace

void bind_codecs(py::module_& m) {
    bind_quantizer(m);
    bind_matrix_codec(m);
}

} // namespace bqq::python

#include "io/formats/row_reader.h"

#include <hdf5.h>

#include <utility>

namespace bqq {

namespace {

constexpr size_t kMostOfAByte =
        1100; // numbers' bytes for one of the file: more than deflate's 1032

/// An identifier of libhdf5, closed at the end of its scope.
class Handle {
public:
    Handle() = default;
    Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
    Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }
    ~Handle() {
        if (id_ >= 0) close_(id_);
    }
    operator hid_t() const { return id_; }

private:
    hid_t id_ = -1;
    herr_t (*close_)(hid_t) = nullptr;
};

herr_t note_dataset(hid_t file, const char* name, const H5L_info_t* /*info*/, void* names) {
    const Handle object(H5Oopen(file, name, H5P_DEFAULT), H5Oclose);
    if (H5Iget_type(object) == H5I_DATASET)
        static_cast<std::vector<std::string>*>(names)->emplace_back(name);
    return 0;
}

class Hdf5Rows : public RowReader {
public:
    Hdf5Rows(InputFile file, const std::string& member, const std::string& hint)
            : input_(std::move(file)) {
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); // errors are ours to print
        file_ = Handle(
                H5Fopen(input_.path_to_open().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
        if (file_ < 0) input_.fail("is not an HDF5 file, or is truncated");
        std::vector<std::string> names;
        H5Lvisit(file_, H5_INDEX_NAME, H5_ITER_INC, note_dataset, &names);
        name_ = choose_member(input_, member, hint, names);
        dataset_ = Handle(H5Dopen2(file_, name_.c_str(), H5P_DEFAULT), H5Dclose);
        if (dataset_ < 0) fail("cannot be opened");
        set_shape();
        set_type();
    }

    void read(size_t begin, size_t count, float* values) override {
        fill(begin, count, H5T_NATIVE_FLOAT, values);
    }

    void read(size_t begin, size_t count, int64_t* values) override {
        if (!integers_) fail("labels have to be integers, not " + stored);
        fill(begin, count, H5T_NATIVE_INT64, values);
    }

private:
    [[noreturn]] void fail(const std::string& message) const {
        input_.fail("dataset " + name_ + ": " + message);
    }

    /// A dataset of one dimension is one row.
    void set_shape() {
        const Handle space(H5Dget_space(dataset_), H5Sclose);
        rank_ = H5Sget_simple_extent_ndims(space);
        if (rank_ != 1 && rank_ != 2)
            fail("has " + std::to_string(rank_) + " dimensions, not 1 or 2");
        hsize_t sides[2] = {1, 1};
        H5Sget_simple_extent_dims(space, sides + (2 - rank_), nullptr);
        n = sides[0];
        d = sides[1];
    }

    void set_type() {
        const Handle type(H5Dget_type(dataset_), H5Tclose);
        const H5T_class_t kind = H5Tget_class(type);
        integers_ = kind == H5T_INTEGER;
        if (!integers_ && kind != H5T_FLOAT) fail("does not hold numbers");
        const size_t size = H5Tget_size(type);
        stored = std::string(
                         !integers_                          ? "float"
                         : H5Tget_sign(type) == H5T_SGN_NONE ? "uint"
                                                             : "int") +
                 std::to_string(8 * size);
        const std::string shape = "shape (" + std::to_string(n) + ", " + std::to_string(d) + ")";
        if (n == 0 || d == 0) fail("holds no vectors: " + shape);
        const size_t most = input_.size() * kMostOfAByte / size;
        if (d > most || n > most / d || H5Dget_storage_size(dataset_) == 0)
            fail("is truncated: " + shape + " needs more than the file holds");
    }

    void fill(size_t begin, size_t count, hid_t type, void* values) {
        const hsize_t start[2] = {begin, 0};
        const hsize_t counts[2] = {count, d};
        const Handle in_file(H5Dget_space(dataset_), H5Sclose);
        if (rank_ == 2)
            H5Sselect_hyperslab(in_file, H5S_SELECT_SET, start, nullptr, counts, nullptr);
        const Handle in_memory(H5Screate_simple(2, counts, nullptr), H5Sclose);
        if (H5Dread(dataset_, type, in_memory, in_file, H5P_DEFAULT, values) < 0)
            fail("cannot be read from row " + std::to_string(begin) +
                 " on: it is corrupt or truncated");
    }

    InputFile input_;
    std::string name_;
    Handle file_;
    Handle dataset_;
    int rank_ = 0;
    bool integers_ = false;
};

} // namespace

RowReaderPointer open_hdf5(InputFile file, const std::string& member, const FileHints& hints) {
    return std::make_unique<Hdf5Rows>(std::move(file), member, hints.member);
}

} // namespace bqq

#include "io/formats/binary_rows.h"
#include "io/npy_header.h"

#include <algorithm>
#include <utility>

namespace bqq {

namespace {

const ElementType& element_of(
        const InputFile& file, const std::string& descr, const std::string& dtype) {
    const std::string code = descr.substr(std::min(descr.find_first_not_of("<>|="), descr.size()));
    const bool sixteen_bits = code == "u2" || code == "V2"; // ml_dtypes writes bfloat16 as V2
    const bool as_asked = sixteen_bits && !dtype.empty();
    const ElementType* type = find_element(as_asked ? dtype : code);
    if (type == nullptr || (as_asked && type->size != 2))
        file.fail(
                "dtype " + descr + (as_asked ? " as " + dtype : "") + " is not supported, only " +
                element_names() + (code == "V2" ? "; --dtype bfloat16 may say what it is" : ""));
    return *type;
}

} // namespace

RowReaderPointer open_npy(InputFile file, const std::string& /*member*/, const FileHints& hints) {
    const NpyHeader header = read_npy_header(file);
    const ElementType& type = element_of(file, header.descr, hints.dtype);
    Layout layout{&type, header.n, header.d, header.data_offset};
    layout.swapped = header.descr[0] == '>';
    layout.by_columns = header.fortran_order && header.n > 1;
    return binary_rows(std::move(file), layout);
}

} // namespace bqq

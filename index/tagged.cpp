#include "index/tagged.h"

#include "index/faiss_format.h"
#include "index/index_bodies.h"
#include "index/wrappers.h"

#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>

#include <string>

namespace bqq {

void write_tagged(const faiss::Index* index, Writer& writer) {
    const Nesting nesting(writer.depth);
    const ByteSink sink = writer.sink();
    if (!contains_bqq(index)) {
        write_value(sink, IndexTag::faiss);
        write_faiss_index(*index, writer);
    } else if (const auto* flat = dynamic_cast<const IndexBQQ*>(index)) {
        write_value(sink, IndexTag::flat_codes);
        write_flat(*flat, writer);
    } else if (const auto* ivf = dynamic_cast<const IndexIVFBQQ*>(index)) {
        write_value(sink, IndexTag::ivf);
        write_ivf(*ivf, writer);
    } else {
        const Wrapper& wrapper = *find_wrapper(*index);
        write_value(sink, wrapper.tag);
        wrapper.write(*index, writer);
        for (const faiss::Index* part : wrapper.parts(*index)) write_tagged(part, writer);
    }
}

std::unique_ptr<faiss::Index> read_tagged(Reader& reader) {
    const Nesting nesting(reader.depth);
    const auto tag = read_value<IndexTag>(reader.source());
    switch (tag) {
        case IndexTag::faiss:
            return read_faiss_index(reader);
        case IndexTag::flat_codes:
            return read_flat(reader);
        case IndexTag::ivf:
            return read_ivf(reader);
        case IndexTag::flat_bfloat16:
            return read_flat_bfloat16(reader);
        default:
            break;
    }
    const Wrapper* wrapper = find_wrapper(tag);
    if (wrapper == nullptr)
        throw FileError("unknown kind of index " + std::to_string(static_cast<int>(tag)));
    return wrapper->read(reader, [&] { return read_tagged(reader); });
}

} // namespace bqq

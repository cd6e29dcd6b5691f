#pragma once

#include <faiss/Index.h>

namespace bqq {

/** Whether the parts of an index fit each other, so that no call reads outside of their memory:
 * positions that one part takes from another, links of graphs, dimensions and sizes. FAISS does not
 * look when it reads an index or searches one.
 * @throws FileError  naming what does not fit
 */
void check_consistent(const faiss::Index& index);

} // namespace bqq

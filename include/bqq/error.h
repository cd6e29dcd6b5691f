#pragma once

#include <bqq/export.h>
#include <stdexcept>

namespace bqq {

/** What the codec throws. The index classes throw faiss::FaissException instead, as FAISS's do.
 * A failed allocation is std::bad_alloc in both.
 */
class BQQ_API Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// An argument that cannot be; the message names the value and what would be right.
class BQQ_API InvalidArgument : public Error {
public:
    using Error::Error;
};

/// A file that is missing, truncated, corrupt or foreign, or cannot be written; the message names
/// it.
class BQQ_API FileError : public Error {
public:
    using Error::Error;
};

} // namespace bqq

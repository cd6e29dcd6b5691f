#pragma once

namespace bqq::command {

/// From now on SIGINT and SIGTERM remove what is temporary before they end the process.
void remove_temporary_paths_on_signals();

} // namespace bqq::command

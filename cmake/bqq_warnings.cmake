# bqq_warnings: the warnings that our own code is compiled with.
# -Wno-restrict: GCC 12 raises it falsely for std::string + std::string (GCC bug 105651).
add_library(bqq_warnings INTERFACE)
target_compile_options(bqq_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wno-restrict $<$<BOOL:${BQQ_WERROR}>:-Werror>)

# bqq_compile_options: what our own code is compiled with.
# -ffp-contract=off: GCC would round a product and a sum together where the instruction set can, and answers would
#                    differ between ARM and x86. Kernels say hn::MulAdd where they mean that.
# -Wno-restrict: GCC 12 raises it falsely for std::string + std::string (GCC bug 105651).
# -Wno-maybe-uninitialized: so does it for arrays that a vector of ARM's is stored in.
add_library(bqq_compile_options INTERFACE)
set(bqq_false_alarms $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    list(APPEND bqq_false_alarms -Wno-maybe-uninitialized)
endif()
target_compile_options(bqq_compile_options INTERFACE -ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow
                                                     ${bqq_false_alarms} $<$<BOOL:${BQQ_WERROR}>:-Werror>)

# Instruction sets that Highway compiles kernels for. It leaves out AVX3_DL, the one with VPOPCNTQ, unless asked. Vectors
# whose width the compiler does not know cannot be held in arrays, as kernels do: ARM is NEON's.
set(bqq_disabled_targets HWY_SVE HWY_SVE2 HWY_SVE_256 HWY_SVE2_128 HWY_RVV ${BQQ_DISABLED_TARGETS})
list(JOIN bqq_disabled_targets | bqq_disabled_targets)
target_compile_definitions(bqq_compile_options INTERFACE HWY_WANT_AVX3_DL
                                                         "HWY_DISABLED_TARGETS=(${bqq_disabled_targets})")

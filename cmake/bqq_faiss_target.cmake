# bqq_choose_faiss_target() sets BQQ_FAISS_TARGET_USED from BQQ_FAISS_TARGET.
#
# FAISS is compiled once for each instruction set (targets faiss, faiss_avx2, faiss_avx512,
# faiss_avx512_spr), and its generic build is several times slower. "auto" takes the best target
# that is installed and that the CPU of this machine can run. Name one (-DBQQ_FAISS_TARGET=faiss)
# to build for another machine.

set(bqq_cpu_flags_faiss_avx2 avx2 fma f16c popcnt bmi2)
set(bqq_cpu_flags_faiss_avx512 ${bqq_cpu_flags_faiss_avx2} avx512f avx512cd avx512vl avx512dq avx512bw)
set(bqq_cpu_flags_faiss_avx512_spr ${bqq_cpu_flags_faiss_avx512} avx512_vnni avx512_vpopcntdq avx512_fp16 avx512_bf16)

function(bqq_choose_faiss_target)
    set(chosen ${BQQ_FAISS_TARGET})
    if(chosen STREQUAL "auto")
        set(cpu_flags "")
        if(NOT CMAKE_CROSSCOMPILING AND EXISTS /proc/cpuinfo)
            file(STRINGS /proc/cpuinfo cpu_flags REGEX "^flags" LIMIT_COUNT 1)
            string(REGEX REPLACE "[ \t]+" ";" cpu_flags "${cpu_flags}")
        endif()
        set(chosen faiss)
        foreach(candidate faiss_avx2 faiss_avx512 faiss_avx512_spr) # the last one that fits is the best
            set(missing ${bqq_cpu_flags_${candidate}})
            list(REMOVE_ITEM missing ${cpu_flags})
            if(TARGET ${candidate} AND NOT missing)
                set(chosen ${candidate})
            endif()
        endforeach()
    endif()
    if(NOT TARGET ${chosen})
        message(FATAL_ERROR "BQQ_FAISS_TARGET is ${chosen}, but FAISS in ${faiss_DIR} has no such target; "
                            "leave it out for the best target there is")
    endif()
    bqq_complete_faiss_target(${chosen})
    message(STATUS "FAISS: target ${chosen} of ${faiss_DIR}")
    set(BQQ_FAISS_TARGET_USED ${chosen} PARENT_SCOPE)
endfunction()

# FAISS 1.15 installs faiss_avx2 and faiss_avx512 without an include folder, so that another FAISS's
# headers in the system's folder would be taken with its library. Give them the one of faiss.
function(bqq_complete_faiss_target name)
    get_target_property(own ${name} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT own AND TARGET faiss)
        get_target_property(generic faiss INTERFACE_INCLUDE_DIRECTORIES)
        set_target_properties(${name} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${generic}")
    endif()
endfunction()

# libbqq.so: codec and indexes. Of ours it shows what BQQ_API marks and nothing else. A FAISS that comes as a static
# library, as Debian's, is in it whole and visible: a program must not have a second one.
add_library(bqq_shared SHARED $<TARGET_OBJECTS:bqq> $<TARGET_OBJECTS:bqq_index>)
add_library(bqq::shared ALIAS bqq_shared)
set_target_properties(
    bqq_shared
    PROPERTIES OUTPUT_NAME bqq
               EXPORT_NAME shared
               VERSION ${PROJECT_VERSION}
               SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
               LINKER_LANGUAGE CXX)
target_compile_features(bqq_shared PUBLIC cxx_std_20)
target_include_directories(bqq_shared PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(bqq_shared PRIVATE hwy::hwy OpenMP::OpenMP_CXX xxHash::xxhash)
get_target_property(faiss_type ${BQQ_FAISS_TARGET_USED} TYPE)
if(faiss_type STREQUAL "STATIC_LIBRARY")
    target_link_libraries(bqq_shared PRIVATE -Wl,--whole-archive $<TARGET_FILE:${BQQ_FAISS_TARGET_USED}>
                                             -Wl,--no-whole-archive ${BQQ_FAISS_TARGET_USED})
    get_target_property(faiss_includes ${BQQ_FAISS_TARGET_USED} INTERFACE_INCLUDE_DIRECTORIES)
    if(faiss_includes)
        target_include_directories(bqq_shared SYSTEM PUBLIC ${faiss_includes})
    endif()
else()
    target_link_libraries(bqq_shared PUBLIC ${BQQ_FAISS_TARGET_USED})
endif()
target_link_options(bqq_shared PRIVATE -Wl,--no-undefined)

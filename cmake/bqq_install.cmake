# `cmake --install` and find_package(bqq), which gives bqq::bqq and, where it was built, bqq::index.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bqq)

install(TARGETS bqq EXPORT bqq_targets)
install(EXPORT bqq_targets NAMESPACE bqq:: DESTINATION ${package_dir})
install(DIRECTORY include/bqq DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h"
        PATTERN "index" EXCLUDE)
if(BQQ_BUILD_INDEX)
    install(TARGETS bqq_index EXPORT bqq_index_targets)
    install(EXPORT bqq_index_targets NAMESPACE bqq:: DESTINATION ${package_dir})
    install(DIRECTORY include/bqq/index DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bqq FILES_MATCHING PATTERN "*.h")
    install(FILES cmake/bqq_faiss_target.cmake DESTINATION ${package_dir})
    if(BQQ_BUILD_SHARED)
        install(TARGETS bqq_shared EXPORT bqq_shared_targets LIBRARY COMPONENT library
                                                             NAMELINK_COMPONENT development)
        install(EXPORT bqq_shared_targets NAMESPACE bqq:: DESTINATION ${package_dir})
        configure_file(cmake/bqq.pc.in ${PROJECT_BINARY_DIR}/bqq.pc @ONLY)
        install(FILES ${PROJECT_BINARY_DIR}/bqq.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    endif()
    if(BQQ_BUILD_COMMAND)
        install(TARGETS bqq_command RUNTIME COMPONENT command)
    endif()
endif()

configure_package_config_file(cmake/bqq-config.cmake.in ${PROJECT_BINARY_DIR}/bqq-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/bqq-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/bqq-config.cmake ${PROJECT_BINARY_DIR}/bqq-config-version.cmake
              cmake/FindxxHash.cmake DESTINATION ${package_dir})

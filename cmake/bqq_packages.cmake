# Debian packages, by CPack: packaging/debian.sh builds and checks them.
find_program(HELP2MAN help2man)
find_program(GZIP gzip)
if(BQQ_BUILD_COMMAND AND HELP2MAN AND GZIP)
    set(manual ${PROJECT_BINARY_DIR}/bqq.1)
    add_custom_command(
        OUTPUT ${manual}.gz
        COMMAND ${HELP2MAN} --no-info --section=1 --name=${PROJECT_DESCRIPTION} --help-option=--help-all
                --output=${manual} $<TARGET_FILE:bqq_command>
        COMMAND ${GZIP} -9nf ${manual}
        DEPENDS bqq_command
        VERBATIM)
    add_custom_target(bqq_manual ALL DEPENDS ${manual}.gz)
    install(FILES ${manual}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT command)
endif()

if(BQQ_BUILD_COMMAND)
    set(completion ${PROJECT_SOURCE_DIR}/packaging/completion)
    install(FILES ${completion}/bqq.bash DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions RENAME bqq
            COMPONENT command)
    install(FILES ${completion}/_bqq DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/zsh/vendor-completions COMPONENT command)
    install(FILES ${completion}/bqq.fish DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/fish/vendor_completions.d
            COMPONENT command)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(BQQ_MAINTAINER
    "the bqq authors <bqq@localhost>"
    CACHE STRING "Who publishes the packages")
set(CPACK_PACKAGE_CONTACT ${BQQ_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "nearest-neighbour search over embeddings in few bytes")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL "")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# bqq_package(COMPONENT NAME SECTION CONTENT DEPENDS): the package NAME of what the component installs, with what Debian
# wants in each.
function(bqq_package component name section content depends)
    string(TOUPPER ${component} upper)
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name} PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section} PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${depends}" PARENT_SCOPE)
    string(JOIN "\n" description
        "Binary quadratic quantization (BQQ) stores a vector as signs that select a"
        "sum of learned atoms, and one to three bytes of scales. Its indexes are"
        "FAISS indexes: a program changes one factory string."
        ""
        "This package has the ${content}.")
    set(CPACK_DEBIAN_${upper}_DESCRIPTION "${description}" PARENT_SCOPE)
    list(APPEND CPACK_COMPONENTS_ALL ${component})
    set(CPACK_COMPONENTS_ALL ${CPACK_COMPONENTS_ALL} PARENT_SCOPE)
    set(doc ${CMAKE_INSTALL_DATAROOTDIR}/doc/${name})
    install(FILES ${PROJECT_SOURCE_DIR}/packaging/copyright DESTINATION ${doc} COMPONENT ${component} EXCLUDE_FROM_ALL)
    if(GZIP)
        set(changelog ${PROJECT_BINARY_DIR}/packaging/changelog.gz)
        file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/packaging)
        execute_process(COMMAND ${GZIP} -9nc ${PROJECT_SOURCE_DIR}/packaging/changelog OUTPUT_FILE ${changelog})
        install(FILES ${changelog} DESTINATION ${doc} COMPONENT ${component} EXCLUDE_FROM_ALL)
    endif()
    install(FILES ${PROJECT_SOURCE_DIR}/packaging/lintian-overrides COMPONENT ${component} EXCLUDE_FROM_ALL
            DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/lintian/overrides RENAME ${name})
endfunction()

if(BQQ_BUILD_SHARED)
    get_target_property(soversion bqq_shared SOVERSION)
    bqq_package(library libbqq${soversion} libs "shared library" "")
    file(WRITE ${PROJECT_BINARY_DIR}/packaging/shlibs
         "libbqq ${soversion} libbqq${soversion} (>= ${PROJECT_VERSION})\n")
    set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/triggers
                                                   ${PROJECT_BINARY_DIR}/packaging/shlibs)
    bqq_package(
        development libbqq-dev libdevel "headers, the static libraries, and what CMake needs"
        "libbqq${soversion} (= ${PROJECT_VERSION}), libfaiss-dev, libhwy-dev, libxxhash-dev")
endif()
if(BQQ_BUILD_COMMAND)
    bqq_package(command bqq science "command bqq" "")
endif()
if(BQQ_BUILD_PYTHON)
    find_package(Python 3.9 COMPONENTS Interpreter REQUIRED)
    math(EXPR next_minor "${Python_VERSION_MINOR} + 1")
    bqq_package(
        python_package python3-bqq python "Python module"
        "python3 (>= 3.${Python_VERSION_MINOR}~), python3 (<< 3.${next_minor}), python3-numpy")
endif()
include(CPack)

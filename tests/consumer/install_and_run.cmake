# Run by the test install_consumer: installs the build below work_dir and builds and runs the
# program beside this file with nothing but find_package(bqq).
# Needs build_dir, config, work_dir, generator, cxx, cxx_flags, prefix_path and faiss_dir.

set(prefix ${work_dir}/prefix)
file(REMOVE_RECURSE ${work_dir})
list(PREPEND prefix_path ${prefix})
string(REPLACE ";" "\\;" prefix_path "${prefix_path}")

execute_process(COMMAND ${CMAKE_COMMAND} --install ${build_dir} --config ${config} --prefix ${prefix}
                OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(
    COMMAND
        ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${work_dir}/build -G ${generator}
        -D CMAKE_BUILD_TYPE=${config} -D CMAKE_CXX_COMPILER=${cxx} "-D CMAKE_CXX_FLAGS=${cxx_flags}"
        "-D CMAKE_PREFIX_PATH=${prefix_path}" -D faiss_DIR=${faiss_dir}
    COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${work_dir}/build --config ${config} COMMAND_ERROR_IS_FATAL ANY)
find_program(consumer NAMES consumer PATHS ${work_dir}/build ${work_dir}/build/${config} NO_DEFAULT_PATH REQUIRED)
execute_process(COMMAND ${consumer} COMMAND_ERROR_IS_FATAL ANY)

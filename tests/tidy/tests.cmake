add_test(NAME tidy.house_style COMMAND ${WEIR_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/tidy.py ${CMAKE_SOURCE_DIR}
         ${CMAKE_BINARY_DIR}/compile_commands.json)
add_test(NAME tidy.rules_bite COMMAND ${WEIR_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/tidy.py --self-test)
add_test(NAME tidy.scripts_parse COMMAND bash -c "bash -n tools/demo && bash -n tools/test && bash -n tools/install-deps && \
bash -n .ci/run && bash -n .ci/matrix && bash -n tests/interop/build_ockam.sh"
         WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(tidy.house_style tidy.rules_bite tidy.scripts_parse PROPERTIES LABELS tidy)

# Each header compiles alone: one generated source per header, in an object library of its own.
set(header_check_sources)
foreach(folder base crypto dataplane control tools/weir tools/load)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/${folder}/*.h)
  foreach(header ${headers})
    set(source ${CMAKE_BINARY_DIR}/header_check/${header}.cc)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n#include \"${header}\"  // and twice\n")
    list(APPEND header_check_sources ${source})
  endforeach()
endforeach()
if(header_check_sources)
  add_library(header_check OBJECT EXCLUDE_FROM_ALL ${header_check_sources})
  target_link_libraries(header_check PRIVATE weir_control CLI11::CLI11)
  target_compile_options(header_check PRIVATE -O0 -g0)
  if(NOT WEIR_SANITIZE)
    add_test(NAME tidy.headers_compile_alone
             COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target header_check)
    set_tests_properties(tidy.headers_compile_alone PROPERTIES LABELS tidy TIMEOUT 900 RUN_SERIAL TRUE)
  endif()
endif()

# weir-load: everything but main in a library, so that its pure parts have unit tests.
file(GLOB weir_load_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cc)
list(FILTER weir_load_sources EXCLUDE REGEX "/main\\.cc$")
add_library(weir_load_parts STATIC ${weir_load_sources})
target_include_directories(weir_load_parts PUBLIC ${CMAKE_SOURCE_DIR})
target_link_libraries(weir_load_parts PUBLIC weir_tool_common CLI11::CLI11)
add_executable(weir-load ${CMAKE_CURRENT_LIST_DIR}/main.cc)
target_link_libraries(weir-load PRIVATE weir_load_parts)
install(TARGETS weir-load RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

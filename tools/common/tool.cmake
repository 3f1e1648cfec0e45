file(GLOB weir_tool_common_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cc)
add_library(weir_tool_common STATIC ${weir_tool_common_sources})
target_include_directories(weir_tool_common PUBLIC ${CMAKE_SOURCE_DIR})
target_link_libraries(weir_tool_common PUBLIC weir_control)

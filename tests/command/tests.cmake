# The command: its pure parts as a unit test, the built program as a user and a script see it.
file(GLOB command_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/weir/*.cc)
list(FILTER command_sources EXCLUDE REGEX "/(main|engine)\\.cc$")
file(GLOB command_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*_test.cc)
if(command_sources AND command_tests)
  add_executable(test_command ${command_sources} ${command_tests} ${CMAKE_CURRENT_LIST_DIR}/no_engine.cc)
  target_link_libraries(test_command PRIVATE weir_control CLI11::CLI11 GTest::gtest GTest::gtest_main)
  gtest_discover_tests(test_command TEST_PREFIX command. DISCOVERY_TIMEOUT 60)
endif()

foreach(script program nodes policies vaults)
  add_test(NAME command.${script}
           COMMAND ${WEIR_PYTHON_TEST} ${CMAKE_CURRENT_LIST_DIR}/${script}.py $<TARGET_FILE:weir>)
  set_tests_properties(command.${script} PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
endforeach()

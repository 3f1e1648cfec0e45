# The store's tables: each test on SQLite by itself, and all of them on one PostgreSQL server.
file(GLOB weir_store_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cc)
add_executable(test_store ${weir_store_sources})
target_include_directories(test_store PRIVATE ${CMAKE_CURRENT_LIST_DIR} unit/control)
target_link_libraries(test_store PRIVATE weir_control GTest::gtest GTest::gtest_main)
target_compile_definitions(test_store PRIVATE WEIR_TEST_SCALE=${WEIR_TEST_SCALE})
gtest_discover_tests(test_store TEST_PREFIX store. TEST_FILTER -*Postgres* DISCOVERY_TIMEOUT 60)
add_test(NAME store.postgres
         COMMAND ${WEIR_PYTHON_TEST} ${CMAKE_CURRENT_LIST_DIR}/postgres_server.py $<TARGET_FILE:test_store>
                 --gtest_filter=*Postgres*)
math(EXPR timeout_s "120 * ${WEIR_TEST_SCALE}")
set_tests_properties(store.postgres PROPERTIES TIMEOUT ${timeout_s} SKIP_RETURN_CODE 77)

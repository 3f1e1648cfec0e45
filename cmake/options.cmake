option(WEIR_TESTS "Build the tests" ON)
option(WEIR_BENCH "Build the benchmarks" ON)
option(WEIR_FUZZ "Build fuzz targets with libFuzzer (Clang only)" OFF)
set(WEIR_SANITIZE "" CACHE STRING "Comma list for -fsanitize=, for example address,undefined")

add_library(weir_options INTERFACE)
target_compile_options(weir_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align
  -Woverloaded-virtual -Wnull-dereference -Wimplicit-fallthrough
  # GCC 12 sees what is not there: the empty side of std::expected, and at -O3 (a plain Release build) impossible
  # sizes in joined strings and compared byte vectors. Clang checks all of it properly.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-null-dereference;-Wno-maybe-uninitialized;-Wno-restrict;-Wno-stringop-overread>)
option(WEIR_WERROR "Treat warnings as errors" ON)
if(WEIR_WERROR)
  target_compile_options(weir_options INTERFACE -Werror)
endif()
if(WEIR_SANITIZE)
  target_compile_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(weir_options INTERFACE -fsanitize=${WEIR_SANITIZE})
endif()
if(WEIR_FUZZ)
  target_compile_options(weir_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
find_program(WEIR_CCACHE ccache)
if(WEIR_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WEIR_CCACHE})
endif()

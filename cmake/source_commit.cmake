# WEIR_SOURCE_COMMIT: the commit of this tree, for `weir --version`; empty where there is none (a tarball, or no git).
# -DWEIR_SOURCE_COMMIT=... says it for a tree that cannot (a package's build).
if(NOT WEIR_SOURCE_COMMIT)
  find_package(Git QUIET)
endif()
if(GIT_FOUND)
  # A tree unpacked inside another repository is not that one's commit.
  execute_process(COMMAND ${GIT_EXECUTABLE} rev-parse --show-toplevel HEAD --git-path logs/HEAD
                  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                  OUTPUT_VARIABLE found RESULT_VARIABLE failed ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REPLACE "\n" ";" found "${found}")
  list(LENGTH found lines)
  if(NOT failed AND lines EQUAL 3)
    list(GET found 0 top)
    file(REAL_PATH "${CMAKE_SOURCE_DIR}" here)
    file(REAL_PATH "${top}" top)
    if(top STREQUAL here)
      list(GET found 1 WEIR_SOURCE_COMMIT)
      # Git appends to it at each commit and checkout: only then is this asked again.
      list(GET found 2 log)
      cmake_path(ABSOLUTE_PATH log BASE_DIRECTORY ${CMAKE_SOURCE_DIR})
      if(EXISTS ${log})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${log})
      endif()
    endif()
  endif()
endif()

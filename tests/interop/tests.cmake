# Tests beside the real ockam 0.150.0. Where it is not there each reports 'skipped: why' (tests/interop/build_ockam.sh builds it).

function(weir_interop_test name timeout_s)
  math(EXPR timeout_s "${timeout_s} * ${WEIR_TEST_SCALE}")
  add_test(NAME interop.${name} COMMAND ${WEIR_PYTHON_TEST} ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/interop)
  set_tests_properties(interop.${name} PROPERTIES LABELS interop SKIP_RETURN_CODE 77 TIMEOUT ${timeout_s}
                       ENVIRONMENT "WEIR_BIN=$<TARGET_FILE:weir>")
endfunction()

if(TARGET weir AND NOT WEIR_FUZZ)
  # Longest first: ctest starts them in this order, and each of the first two mostly waits for real nodes to notice a lost relay.
  weir_interop_test(matrix.secure 300 matrix.py secure)
  weir_interop_test(matrix.opaque 300 matrix.py opaque)
  weir_interop_test(matrix.none 120 matrix.py none)
  foreach(scenario message_send secure_channel relay portal_over_plain_tcp portal_pinned portal_skips_handshake
          refused_target ends_close identities_travel)
    weir_interop_test(${scenario} 120 commands.py ${scenario})
  endforeach()
  foreach(mix wwwww wwwoo owwow owwwo woowo oowww wowoo ooowo)
    weir_interop_test(project.${mix} 150 project.py ${mix})
  endforeach()
  foreach(scenario weir_peer ockam_peer rotated_history_travels)
    weir_interop_test(rotation.${scenario} 120 rotation.py ${scenario})
  endforeach()
  weir_interop_test(same_commands 120 parity.py)
  set_tests_properties(interop.matrix.secure interop.matrix.opaque PROPERTIES COST 1000)
endif()

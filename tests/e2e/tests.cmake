# Whole nodes of weir with real clients and servers around them.

function(weir_e2e_test name timeout_s environment)
  math(EXPR timeout_s "${timeout_s} * ${WEIR_TEST_SCALE}")
  add_test(NAME e2e.${name} COMMAND ${WEIR_PYTHON_TEST} ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/e2e)
  set_tests_properties(e2e.${name} PROPERTIES LABELS e2e TIMEOUT ${timeout_s} SKIP_RETURN_CODE 77
                       ENVIRONMENT "WEIR_BIN=$<TARGET_FILE:weir>;${environment}")
endfunction()

if(TARGET weir AND NOT WEIR_FUZZ)
  foreach(io epoll uring)
    weir_e2e_test(portal.${io}.one_shard 150 "WEIR_IO=${io}" portal.py)
    weir_e2e_test(portal.${io}.two_shards 150 "WEIR_IO=${io}" portal.py --cores 0-1)
  endforeach()
  foreach(scenario two_hops relay_restart killed_nodes_start_again stopped_nodes_start_again two_homes two_users
          two_commands_at_once slow_reader_slows_itself_only many_relay_restarts)
    weir_e2e_test(${scenario} 240 "" lifecycle.py ${scenario})
  endforeach()
  weir_e2e_test(bad_input.frames 120 "" bad_input.py unknown_version frame_lengths malformed_bodies bit_flips long_routes nobody_there)
  weir_e2e_test(bad_input.services 120 "" bad_input.py remote_crash_inputs nodemanager_is_closed handshakes)
  weir_e2e_test(bad_input.overload 180 "" bad_input.py ten_thousand_silent_connections one_byte_a_second large_frames_that_stop flood)
  # The load generator, every mode for about a second.
  foreach(scenario message members relay sweep portal handshake idle_and_churn adversaries storm
          ctrl_c_gives_the_result_so_far lateness_is_said refusals real_ockam)
    weir_e2e_test(load.${scenario} 240 "WEIR_LOAD_BIN=$<TARGET_FILE:weir-load>" load.py ${scenario})
    # It takes both cores: tests beside it that wait for recoveries would time out.
    set_tests_properties(e2e.load.${scenario} PROPERTIES RUN_SERIAL TRUE)
  endforeach()
  # The profiler, on a node under load.
  foreach(scenario one_shard two_shards ctrl_c_gives_what_there_is a_killed_profiler_lets_go one_may_take_over
          a_node_that_dies_leaves_a_recording refusals drop_names_are_those_of_the_node probes)
    weir_e2e_test(latency.${scenario} 120 "WEIR_LOAD_BIN=$<TARGET_FILE:weir-load>;WEIR_LATENCY_BIN=$<TARGET_FILE:weir-latency>"
                  latency.py ${scenario})
  endforeach()
  set_tests_properties(e2e.latency.one_shard e2e.latency.two_shards e2e.latency.probes PROPERTIES RUN_SERIAL TRUE)
  weir_e2e_test(project_nat 120 "" project_nat.py)
  foreach(scenario tickets legacy_identity account_authority killed_under_enrolment roles credentials_in_use node_with_a_ticket)
    weir_e2e_test(authority.${scenario} 240 "" authority.py ${scenario})
  endforeach()
  foreach(scenario commands project refusals server_restarts many_at_once killed_under_enrolment)
    weir_e2e_test(postgres.${scenario} 240 "" postgres.py ${scenario})
  endforeach()
  foreach(scenario joins_and_uses_his_attributes denied_expired_and_slow provider_down tokens_of_others wrong_issuer own_certificates
          restarted_and_guarded no_provider okta_weir okta_real_member okta_real_authority)
    weir_e2e_test(oidc.${scenario} 180 "" oidc.py ${scenario})
  endforeach()
  weir_e2e_test(bad_input.wrong_arguments 60 "" bad_input.py wrong_arguments)
endif()

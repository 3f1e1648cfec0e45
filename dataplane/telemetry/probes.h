// USDT probes at the places where stage_clock.h takes its times: a `nop` each until a tracer
// (bpftrace, perf, SystemTap) attaches; tools/latency/*.bt use them. Where the build finds no
// <sys/sdt.h> (Debian: systemtap-sdt-dev) they are nothing at all.
//
//   weir:frame_received  shard, connection, bytes          a whole frame, about to be handled
//   weir:frame_opened    shard, flow, bytes                plaintext of a channel's frame
//   weir:frame_sealed    shard, flow, bytes                ciphertext of one
//   weir:frame_routed    shard, kind, object, bytes        queued for a connection (kind 0) or an
//                                                          application (1) with that index
//   weir:ring_pushed     shard, to, id, bytes              on its way to shard `to`
//   weir:ring_popped     shard, from, id, bytes            taken there; `id` as it was pushed
//   weir:frame_sent      shard, kind, object, bytes        the kernel took bytes of that queue: one
//                                                          vectored send, of any number of frames
//   weir:frame_dropped   shard, reason                     number in the order of drop_reason.def,
//                                                          from 1
//
// Arguments must cost nothing to have at hand: they are evaluated also while nobody looks.
#pragma once

#if __has_include(<sys/sdt.h>)
#define SDT_USE_VARIADIC 1  // for STAP_PROBEV
#include <sys/sdt.h>
#define WEIR_HAVE_PROBES 1
#define WEIR_PROBE(name, ...) STAP_PROBEV(weir, name, __VA_ARGS__)
#else
#define WEIR_HAVE_PROBES 0
#define WEIR_PROBE(name, ...) static_cast<void>(0)
#endif

// The plaintext inside a secure channel's frame (spec/02 6.2, 13.1).
//
//   82 82 00 81 83 ONWARD RETURN PAYLOAD:bstr PADDING:bstr      Payload
//   82 82 01 81 .. PADDING                                      Refresh (credentials presented
//   again) 82 82 02 80 PADDING                                         Close
//
// Same rules as message.h: one pass, payload in place, routes rewritten into scratch where not
// canonical.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "dataplane/wire/message.h"
#include "dataplane/wire/route.h"

namespace weir::wire {

enum class ChannelVariant : std::uint8_t { kPayload = 0, kRefresh = 1, kClose = 2 };

struct ChannelPlaintext {
  ChannelVariant variant = ChannelVariant::kPayload;
  RouteView onward;         // Payload only
  RouteView ret;            // Payload only
  MutableByteSpan payload;  // Payload only; always inside the plaintext
  ByteSpan body;            // Refresh only: the CBOR of the variant's array of fields, as received
};

inline constexpr std::size_t kChannelTrailerBytes = 1;
inline constexpr std::uint8_t kChannelTrailer = 0x40;  // empty padding
inline constexpr std::array<std::uint8_t, 5> kChannelClose = {0x82, 0x82, 0x02, 0x80, 0x40};

ParseResult parse_channel_plaintext(MutableByteSpan plaintext, MutableByteSpan scratch,
                                    ChannelPlaintext& out);

// Bytes in front of a Payload's payload.
std::size_t channel_head_bytes(const HeadRoute& onward, const HeadRoute& ret,
                               std::size_t payload_bytes);
// As put_transport_head: written backwards, ends at `end`, returns its first byte. The caller
// writes kChannelTrailer behind the payload.
std::uint8_t* put_channel_head(std::uint8_t* end, const HeadRoute& onward, const HeadRoute& ret,
                               std::size_t payload_bytes);

// A whole plaintext. Control plane and tests: allocates.
Bytes encode_channel_payload(const RouteView& onward, const RouteView& ret, ByteSpan payload);
// `fields` is the CBOR of the variant's array of fields (81 ..), as ChannelPlaintext::body.
Bytes encode_channel_refresh(ByteSpan fields);

}  // namespace weir::wire

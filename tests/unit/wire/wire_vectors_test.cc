// wire.json: what real nodes put on the wire and what they did with ours.
//
// Not run here, with the reason: udp_messages, udp_datagrams, udp_rendezvous, udp_puncture (the UDP
// transport is a later step; the routed message inside udp_messages is run, the datagrams around it
// are not), tcp_connection_header (one byte, checked as kTcpVersion), local_info_bare (never leaves
// a node).
#include <gtest/gtest.h>

#include "dataplane/wire/bare.h"
#include "dataplane/wire/message.h"
#include "vectors.h"

namespace weir::wire {
namespace {

const Json& vectors() {
  static const Json json = load_vectors("wire.json");
  return json;
}

ParseResult parse(Bytes& body, Bytes& scratch, MessageView& out) {
  scratch.assign(scratch_bytes(body.size()), 0);
  return parse_message(body, scratch, out);
}

void expect_message(const Json& want, Bytes& body) {
  Bytes scratch;
  MessageView view;
  ASSERT_EQ(parse(body, scratch, view), ParseResult::kOk);
  EXPECT_EQ(Route(view.onward), vector_route(want["onward_route"]));
  EXPECT_EQ(Route(view.ret), vector_route(want["return_route"]));
  EXPECT_EQ(to_bytes(view.payload), vector_bytes(want["payload"]));
  EXPECT_EQ(as_text(view.tracing),
            want["tracing_context"].is_null() ? "" : want["tracing_context"].get<std::string>());
}

TEST(WireVectors, AddressesReadAndWriteAsOckamDoes) {
  VectorCount count("wire.addresses");
  for (const Json& v : vectors()["addresses"]) {
    const Address address = vector_address(v["address"]);
    EXPECT_EQ(address.encode(), vector_bytes(v["cbor"]));
    EXPECT_EQ(Json(address.text()), v["display"]);
    AddressView view;
    const Bytes cbor = vector_bytes(v["cbor"]);
    ASSERT_TRUE(view_canonical_address(cbor, view));
    EXPECT_EQ(Address(view), address);
    EXPECT_EQ(Address(canonical_address(cbor)), address);
    Bytes bare;
    BareWriter(bare).address(view);
    EXPECT_EQ(bare, vector_bytes(v["bare"]));
    std::uint8_t type = 0;
    ByteSpan value;
    ASSERT_TRUE(BareReader(bare).address(type, value));
    EXPECT_EQ(Address(type, std::string(as_text(value))), address);
    ++count;
  }
}

TEST(WireVectors, AddressTextsMeanWhatTheyMeanToOckam) {
  VectorCount count("wire.address_texts");
  for (const Json& v : vectors()["address_texts"]) {
    const auto parsed = Address::parse(v["text"].get<std::string>());
    ASSERT_EQ(parsed.has_value(), v["ok"].get<bool>()) << v;
    if (parsed) {
      EXPECT_EQ(*parsed, vector_address(v["address"]));
    } else {
      EXPECT_EQ(Json(parsed.error().detail), v["error"]);
    }
    ++count;
  }
}

TEST(WireVectors, RoutesReadAndWriteAsOckamDoes) {
  VectorCount count("wire.routes");
  for (const Json& v : vectors()["routes"]) {
    const Route route = vector_route(v["route"]);
    Bytes cbor;
    CborWriter writer(cbor);
    route.encode(writer);
    EXPECT_EQ(cbor, vector_bytes(v["cbor"]));
    EXPECT_EQ(Json(route.text()), v["display"]);
    CborReader reader(cbor);
    EXPECT_EQ(Route::decode(reader).value(), route);
    Bytes bare;
    BareWriter(bare).route(route.view());
    EXPECT_EQ(bare, vector_bytes(v["bare"]));
    Route back;
    ASSERT_TRUE(BareReader(bare).route(back));
    EXPECT_EQ(back, route);
    ++count;
  }
}

TEST(WireVectors, RouteTextsMeanWhatTheyMeanToOckam) {
  VectorCount count("wire.route_texts");
  for (const Json& v : vectors()["route_texts"]) {
    const auto parsed = Route::parse(v["text"].get<std::string>());
    ASSERT_EQ(parsed.has_value(), v["ok"].get<bool>()) << v;
    if (parsed) {
      EXPECT_EQ(*parsed, vector_route(v["route"]));
    }
    ++count;
  }
}

TEST(WireVectors, RoutesOfAnyFormAreJudgedAsOckamJudgesThem) {
  VectorCount count("wire.route_decode");
  for (const Json& v : vectors()["route_decode"]) {
    const Bytes cbor = vector_bytes(v["cbor"]);
    CborReader reader(cbor);
    const auto route = Route::decode(reader);
    ASSERT_EQ(route.has_value(), v["ok"].get<bool>()) << v;
    if (route) {
      EXPECT_EQ(*route, vector_route(v["route"]));
    }
    ++count;
  }
}

TEST(WireVectors, CapturedFramesReadAndAreWrittenToTheByte) {
  VectorCount count("wire.tcp_frames");
  for (const Json& v : vectors()["tcp_frames"]) {
    Bytes frame = vector_bytes(v["frame"]);
    ASSERT_EQ(load_be32(frame.data()), frame.size() - kFramePrefixBytes);
    Bytes body(frame.begin() + kFramePrefixBytes, frame.end());
    expect_message(v["message"], body);
    const Route onward = vector_route(v["message"]["onward_route"]);
    const Route ret = vector_route(v["message"]["return_route"]);
    const Bytes payload = vector_bytes(v["message"]["payload"]);
    EXPECT_EQ(encode_message(onward.view(), ret.view(), payload), body);

    const HeadRoute out = HeadRoute::of(onward.view());
    const HeadRoute back = HeadRoute::of(ret.view());
    const std::size_t head = transport_head_bytes(out, back, payload.size());
    Bytes written(head + payload.size() + kTracingTrailer.size());
    std::copy(payload.begin(), payload.end(), written.begin() + static_cast<std::ptrdiff_t>(head));
    std::copy(kTracingTrailer.begin(), kTracingTrailer.end(), written.end() - 3);
    EXPECT_EQ(put_transport_head(written.data() + head, out, back, payload.size()), written.data());
    EXPECT_EQ(written, frame);
    EXPECT_EQ(transport_body_bytes(out, back, payload.size()), body.size());
    ++count;
  }
}

TEST(WireVectors, StreamsAreDeliveredOrClosedAsByARealNode) {
  VectorCount count("wire.tcp_streams");
  for (const Json& v : vectors()["tcp_streams"]) {
    Bytes stream = vector_bytes(v["stream"]);
    int delivered = 0;
    bool closed = vector_bytes(v["version_byte"])[0] != kTcpVersion;
    std::size_t at = 0;
    while (!closed && at < stream.size()) {
      ASSERT_GE(stream.size() - at, kFramePrefixBytes);
      const std::size_t size = load_be32(stream.data() + at);
      at += kFramePrefixBytes;
      if (size > kMaxFrameBytes || size > stream.size() - at) {
        closed = true;
        break;
      }
      Bytes body(stream.begin() + static_cast<std::ptrdiff_t>(at),
                 stream.begin() + static_cast<std::ptrdiff_t>(at + size));
      at += size;
      Bytes scratch;
      MessageView view;
      if (parse(body, scratch, view) != ParseResult::kOk) {
        closed = true;
      } else if (!view.onward.empty() && as_text(view.onward.front().value) == "wire_sink") {
        const Json want = v.value("received", Json());
        if (want.is_array() && delivered < static_cast<int>(want.size())) {
          const Json& message = want[static_cast<std::size_t>(delivered)];
          if (message.contains("payload_length")) {
            EXPECT_EQ(view.payload.size(), message["payload_length"].get<std::size_t>());
          } else {
            EXPECT_EQ(Route(view.onward), vector_route(message["onward_route"]));
            EXPECT_EQ(Route(view.ret), vector_route(message["return_route_after_own_hop"]));
            EXPECT_EQ(to_bytes(view.payload), vector_bytes(message["payload"]));
          }
        }
        ++delivered;
      }
    }
    EXPECT_EQ(closed, v["connection_closed_by_node"].get<bool>()) << v["name"];
    if (v["delivered"].is_number()) {
      EXPECT_EQ(delivered, v["delivered"].get<int>()) << v["name"];
    } else {
      EXPECT_EQ(delivered, 0) << v["name"];
    }
    ++count;
  }
}

TEST(WireVectors, MessagesOfTheSeedReadInBothEncodings) {
  VectorCount count("wire.generated");
  for (const Json& v : vectors()["generated"]) {
    const Json& want = v["message"];
    Bytes cbor = vector_bytes(v["cbor"]);
    expect_message(want, cbor);
    const Bytes frame = vector_bytes(v["tcp_frame"]);
    EXPECT_EQ(Bytes(frame.begin() + 4, frame.end()), cbor);

    BareMessage message;
    message.onward = vector_route(want["onward_route"]);
    message.ret = vector_route(want["return_route"]);
    message.payload = vector_bytes(want["payload"]);
    if (!want["tracing_context"].is_null()) {
      message.tracing = want["tracing_context"].get<std::string>();
    }
    const Bytes bare = vector_bytes(v["transport_message_bare"]);
    EXPECT_EQ(encode_bare_message(message), bare);
    EXPECT_EQ(decode_bare_message(bare).value(), message);
    ++count;
  }
}

TEST(WireVectors, MessagesThatTravelByUdpReadWhenReassembled) {
  VectorCount count("wire.udp_messages (encoded only)");
  for (const Json& v : vectors()["udp_messages"]) {
    Bytes body = vector_bytes(v["encoded"]);
    expect_message(v["message"], body);
    ++count;
  }
}

TEST(WireVectors, BareNumbersAreWrittenAndJudgedAsOckamDoes) {
  VectorCount count("wire.bare_uint, bare_uint_decode");
  for (const Json& v : vectors()["bare_uint"]) {
    const std::uint64_t value = std::stoull(v["value"].get<std::string>());
    std::uint8_t raw[kUvarintBytesMax];
    const std::size_t size = static_cast<std::size_t>(put_uvarint(raw, value) - raw);
    EXPECT_EQ(Bytes(raw, raw + size), vector_bytes(v["encoded"]));
    EXPECT_EQ(size, uvarint_bytes(value));
    ++count;
  }
  for (const Json& v : vectors()["bare_uint_decode"]) {
    const Bytes encoded = vector_bytes(v["encoded"]);
    ByteSpan input = encoded;
    std::uint64_t value = 0;
    ASSERT_EQ(read_uvarint(input, value), v["ok"].get<bool>()) << v;
    if (v["ok"].get<bool>()) {
      EXPECT_EQ(value, std::stoull(v["value"].get<std::string>()));
      EXPECT_EQ(encoded.size() - input.size(), v["used"].get<std::size_t>());
    } else {
      EXPECT_EQ(input.size(), encoded.size());
    }
    ++count;
  }
}

TEST(WireVectors, BareStringsReadAndWriteAsOckamDoes) {
  VectorCount count("wire.message_payloads_bare, string_bare_decode");
  for (const Json& v : vectors()["message_payloads_bare"]) {
    if (v["what"] != "String") {
      continue;  // the others have no encoding around them
    }
    EXPECT_EQ(encode_bare_string(v["value"].get<std::string>()), vector_bytes(v["bare"]));
    ++count;
  }
  for (const Json& v : vectors()["string_bare_decode"]) {
    const auto text = decode_bare_string(vector_bytes(v["bare"]));
    ASSERT_EQ(text.has_value(), v["ok"].get<bool>()) << v;
    if (text) {
      EXPECT_EQ(Json(*text), v["value"]);
    }
    ++count;
  }
}

TEST(WireVectors, OldTransportMessagesAreWrittenAndJudgedAsOckamDoes) {
  VectorCount count("wire.transport_message_bare, transport_message_bare_decode");
  for (const Json& v : vectors()["transport_message_bare"]) {
    BareMessage message;
    message.onward = vector_route(v["onward_route"]);
    message.ret = vector_route(v["return_route"]);
    message.payload = vector_bytes(v["payload"]);
    if (!v["tracing_context"].is_null()) {
      message.tracing = v["tracing_context"].get<std::string>();
    }
    EXPECT_EQ(encode_bare_message(message), vector_bytes(v["bare"]));
    EXPECT_EQ(decode_bare_message(vector_bytes(v["bare"])).value(), message);
    message.version = 1;
    message.tracing.reset();
    EXPECT_EQ(decode_bare_message(vector_bytes(v["bare_version_1"])).value(), message);
    if (v["tracing_context"].is_null()) {
      EXPECT_EQ(encode_bare_message(message), vector_bytes(v["bare_version_1"]));
    }
    ++count;
  }
  for (const Json& v : vectors()["transport_message_bare_decode"]) {
    EXPECT_EQ(decode_bare_message(vector_bytes(v["bare"])).has_value(),
              v["verdict"]["ok"].get<bool>())
        << v["name"];
    ++count;
  }
}

}  // namespace
}  // namespace weir::wire

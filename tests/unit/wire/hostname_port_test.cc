#include "dataplane/wire/hostname_port.h"

#include <gtest/gtest.h>

#include "vectors.h"

namespace weir::wire {
namespace {

TEST(HostnamePort, TextsMeanWhatTheyMeanToOckam) {
  VectorCount count("multiaddr.host_port_texts");
  const Json json = load_vectors("multiaddr.json");
  for (const Json& v : json["host_port_texts"]) {
    const std::string text = v["text"];
    const auto plain = HostnamePort::parse(text);
    const Json& want = v["hostname_port"];
    ASSERT_EQ(plain.has_value(), !want.contains("error")) << v;
    if (plain) {
      EXPECT_EQ(Json(plain->hostname), want["hostname"]);
      EXPECT_EQ(plain->port, want["port"].get<int>());
      EXPECT_EQ(Json(plain->text()), want["canonical"]);
    } else {
      EXPECT_EQ(Json(plain.error().detail), want["error"]["cause"]);
    }
    const auto scheme = SchemeHostnamePort::parse(text);
    const Json& with_scheme = v["scheme_hostname_port"];
    ASSERT_EQ(scheme.has_value(), !with_scheme.contains("error")) << v;
    if (scheme) {
      EXPECT_EQ(Json(scheme->text()), with_scheme["canonical"]);
      EXPECT_EQ(Json(scheme->hostname_port.text()), with_scheme["hostname_port"]);
      EXPECT_EQ(scheme->is_tls(), with_scheme["is_tls"].get<bool>());
      EXPECT_EQ(scheme->is_udp(), with_scheme["is_udp"].get<bool>());
    } else {
      EXPECT_EQ(Json(scheme.error().detail), with_scheme["error"]["cause"]);
    }
    const auto socket = SocketAddress::parse(text);
    ASSERT_EQ(socket.has_value(), v["socket_addr"].is_string()) << v;
    if (socket) {
      EXPECT_EQ(Json(socket->text()), v["socket_addr"]);
    } else {
      EXPECT_EQ(Json(socket.error().what + (" " + text)), v["socket_addr"]["error"]["cause"]);
    }
    ++count;
  }
}

TEST(HostnamePort, Ip6TextsAreReadAndPrinted) {
  const std::pair<const char*, const char*> good[] = {
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"1:0:0:4:0:0:0:8", "1:0:0:4::8"},
      {"1:0:0:4:5:0:0:8", "1::4:5:0:0:8"},
      {"0001:ABCD::", "1:abcd::"},
      {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
      {"::1.2.3.4", "::102:304"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
      {"64:ff9b::1.2.3.4", "64:ff9b::102:304"}};
  for (const auto& [text, canonical] : good) {
    std::uint8_t ip[16];
    ASSERT_TRUE(parse_ip6(text, ip)) << text;
    EXPECT_EQ(ip6_text(ip), canonical);
  }
  for (const char* text : {"",
                           ":",
                           ":::",
                           "1",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1::2::3",
                           "::12345",
                           "::g",
                           "[::1]",
                           "::1%1",
                           "1.2.3.4",
                           "1.2.3.4::",
                           "::1.2.3",
                           "::1.2.3.4.5",
                           "::1.2.3.256",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "::1 ",
                           " ::1",
                           "1:2:3:4:5:6:7:8::",
                           "::01.2.3.4",
                           "1:",
                           ":1"}) {
    std::uint8_t ip[16];
    EXPECT_FALSE(parse_ip6(text, ip)) << text;
  }
}

TEST(HostnamePort, PortsAreReadWithRustsRules) {
  EXPECT_EQ(parse_port("0").value(), 0);
  EXPECT_EQ(parse_port("+80").value(), 80);
  EXPECT_EQ(parse_port("00065535").value(), 65535);
  for (const char* text :
       {"", "+", "-", "-1", "65536", "99999999999999999999", "1 ", " 1", "0x1", "1.0", "++1"}) {
    EXPECT_FALSE(parse_port(text).has_value()) << text;
  }
}

TEST(HostnamePort, NamesOutsideTheRulesAreRefused) {
  EXPECT_TRUE(HostnamePort::parse(std::string(63, 'a') + ".b:1").has_value());
  EXPECT_FALSE(HostnamePort::parse("a:1").value().is_numeric());
  EXPECT_TRUE(HostnamePort::parse("[::1]:1").value().is_numeric());
  for (const std::string& text :
       {std::string(64, 'a') + ":1", std::string(254, 'a') + ":1", std::string("a-:1"),
        std::string(".a:1"), std::string("a.:1"), std::string("\xc3\xa9:1"), std::string("a b:1"),
        std::string("a:1:2"), std::string("[::1:1"), std::string("[fe80::1%1]:1")}) {
    EXPECT_FALSE(HostnamePort::parse(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace weir::wire

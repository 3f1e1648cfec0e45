#include "dataplane/channel/channel_crypto.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/hex.h"

namespace weir {
namespace {

using Json = nlohmann::json;

Json vectors() {
  std::ifstream file(std::string(WEIR_TEST_VECTORS) + "/secure_channel.json");
  return Json::parse(file);
}
Bytes bytes_of(const Json& value) { return *from_hex(value.get<std::string>()); }
Secret<32> key_of(const Json& value) { return Secret<32>::from_span(bytes_of(value)); }

struct End {
  std::unique_ptr<Aead> aead = Aead::create_best();
  KeyCache cache{*aead, 4};
  ChannelCrypto crypto;
};

Bytes seal(End& end, Bytes text) {
  Bytes frame(kChannelOverheadBytes + text.size());
  std::copy(text.begin(), text.end(), frame.begin() + 8);
  const AeadSegment segment{frame.data() + 8, text.size()};
  end.crypto.seal(*end.aead, end.cache, {&segment, 1}, frame.data(),
                  frame.data() + 8 + text.size());
  return frame;
}

TEST(ChannelCrypto, SealsAndOpensEveryFrameOfTheVectors) {
  const Json all = vectors();
  int frames = 0;
  for (const Json& channel : all["channels"]) {
    // Both directions, each in its order, over every rekey.
    std::map<std::string, std::pair<End, End>> ends;
    for (const std::string direction : {"initiator -> responder", "responder -> initiator"}) {
      const bool initiator = direction.starts_with("initiator");
      const Secret<32> key =
          key_of(channel[initiator ? "initiator_encrypts_with" : "responder_encrypts_with"]);
      ends[direction].first.crypto = ChannelCrypto(1, key, {});
      ends[direction].second.crypto = ChannelCrypto(2, {}, key);
    }
    for (const Json& frame : channel["data"]) {
      auto& [sender, receiver] = ends.at(frame["direction"]);
      Bytes wire = bytes_of(frame["bytes"]);
      if (sender.crypto.sent() != frame["nonce"].get<std::uint64_t>()) {
        // A refresh or another message of the vectors lies between: its nonce is passed over.
        while (sender.crypto.sent() < frame["nonce"].get<std::uint64_t>()) seal(sender, {0});
      }
      EXPECT_EQ(to_hex(seal(sender, bytes_of(frame["plaintext"]))), to_hex(wire));
      MutableByteSpan plaintext;
      std::uint64_t nonce = 0;
      ASSERT_EQ(receiver.crypto.open(*receiver.aead, receiver.cache, wire, plaintext, nonce),
                DropReason::kNone);
      EXPECT_EQ(to_hex(plaintext), frame["plaintext"].get<std::string>());
      ++frames;
    }
  }
  std::printf("%d data frames of secure_channel.json\n", frames);
  EXPECT_GT(frames, 100);
}

TEST(ChannelCrypto, JudgesDisorderReplayAndLossAsTheVectorsDo) {
  const Json all = vectors();
  int ran = 0;
  for (const Json& channel : all["channels"]) {
    if (!channel.contains("delivery")) continue;
    if (channel["key_exchange_only"].get<bool>()) {
      std::printf("skipped: '%s' (key-exchange-only channels carry Kafka keys: a later step)\n",
                  channel["name"].get<std::string>().c_str());
      continue;
    }
    End end;
    end.crypto = ChannelCrypto(1, {}, key_of(channel["initiator_encrypts_with"]));
    for (const Json& given : channel["delivery"]["given_to_responder"]) {
      Bytes wire = bytes_of(given["bytes"]);
      const std::uint64_t before = end.crypto.rekeys();
      MutableByteSpan plaintext;
      std::uint64_t nonce = 0;
      const DropReason reason = end.crypto.open(*end.aead, end.cache, wire, plaintext, nonce);
      EXPECT_EQ(reason == DropReason::kNone, given["verdict"]["ok"].get<bool>()) << given["what"];
      if (reason == DropReason::kNone) {
        EXPECT_EQ(to_hex(plaintext), given["plaintext"].get<std::string>()) << given["what"];
      }
      EXPECT_EQ(end.crypto.rekeys() != before, given["rekeyed"].get<bool>()) << given["what"];
      ++ran;
    }
  }
  std::printf("%d deliveries of secure_channel.json\n", ran);
  EXPECT_GT(ran, 10);
}

TEST(ChannelCrypto, AForgedFrameChangesNothing) {
  End sender;
  End receiver;
  SeededRng rng(3);
  const auto key = Secret<32>::random(rng);
  sender.crypto = ChannelCrypto(1, key, {});
  receiver.crypto = ChannelCrypto(1, {}, key);
  for (int i = 0; i < 100; ++i) {
    const Bytes good = seal(sender, {1, 2, 3});
    for (std::size_t bit = 0; bit < good.size() * 8; bit += 7) {
      Bytes bad = good;
      bad[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      MutableByteSpan plaintext;
      std::uint64_t nonce = 0;
      EXPECT_NE(receiver.crypto.open(*receiver.aead, receiver.cache, bad, plaintext, nonce),
                DropReason::kNone);
    }
    Bytes wire = good;
    MutableByteSpan plaintext;
    std::uint64_t nonce = 0;
    ASSERT_EQ(receiver.crypto.open(*receiver.aead, receiver.cache, wire, plaintext, nonce),
              DropReason::kNone);
  }
}

}  // namespace
}  // namespace weir

// The far ends of channels through a shard: they seal and open by themselves, like a peer.
#pragma once

#include "dataplane/wire/channel_message.h"
#include "shard_harness.h"

namespace weir::test {

inline constexpr FlowId kListener = 0xff000001;
inline constexpr FlowId kChannelListener = 0xff000002;

// The far end of a channel: seals and opens by itself.
struct FarEnd {
  std::unique_ptr<Aead> aead = Aead::create_best();
  KeyCache cache{*aead, 4};
  ChannelCrypto crypto;
  std::string own_decryptor;

  Bytes seal(const EncodedRoute& onward, const EncodedRoute& ret, ByteSpan payload) {
    return seal_plaintext(wire::encode_channel_payload({onward.items, onward.count},
                                                       {ret.items, ret.count}, payload));
  }
  Bytes seal_plaintext(const Bytes& text) {
    Bytes frame(kChannelOverheadBytes + text.size());
    std::copy(text.begin(), text.end(), frame.begin() + 8);
    const AeadSegment segment{frame.data() + 8, text.size()};
    crypto.seal(*aead, cache, {&segment, 1}, frame.data(), frame.data() + 8 + text.size());
    return frame;
  }
  wire::ChannelPlaintext open(MutableByteSpan frame) {
    MutableByteSpan plaintext;
    std::uint64_t nonce = 0;
    EXPECT_EQ(crypto.open(*aead, cache, frame, plaintext, nonce), DropReason::kNone);
    wire::ChannelPlaintext out;
    EXPECT_EQ(wire::parse_channel_plaintext(plaintext, {}, out), wire::ParseResult::kOk);
    return out;
  }
};

inline std::string channel_address(int n, const char* what) {
  std::string text = "00" + std::string(what) + std::to_string(n);
  text.resize(32, 'f');
  return text;
}

// Installs a responder's channel between the shard and a peer behind `link`.
inline FarEnd install(TestShard& shard, int n, const LinkUp& link, PrincipalId principal) {
  FarEnd far;
  far.own_decryptor = "far" + std::to_string(n);
  SeededRng rng(static_cast<std::uint64_t>(n));
  const auto to_shard = Secret<32>::random(rng);
  const auto from_shard = Secret<32>::random(rng);
  far.crypto = ChannelCrypto(1, to_shard, from_shard);
  AddWorker handshake;
  handshake.address = channel_address(n, "de");
  handshake.kind = WorkerKind::kHandshake;
  handshake.allowed = {kListener};
  shard.send(handshake);
  InstallChannel install;
  install.channel = static_cast<ControlId>(n);
  install.decryptor = handshake.address;
  install.encryptor = channel_address(n, "ec");
  install.responder = true;
  install.send_key = from_shard;
  install.receive_key = to_shard;
  install.route = route({link.sender, far.own_decryptor});
  install.flow = 0xff000100u + static_cast<FlowId>(n);
  install.spawner = kChannelListener;
  install.principal = principal;
  shard.send(std::move(install));
  shard.step();
  return far;
}

struct RelayedPair {
  TestShard shard;
  SocketAddress address = shard.listen(kListener);
  RawPeer owner{shard, address};
  LinkUp owner_link = shard.take<LinkUp>();
  RawPeer asker{shard, address};
  LinkUp asker_link = shard.take<LinkUp>();
};

}  // namespace weir::test

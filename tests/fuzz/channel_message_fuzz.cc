// The plaintext of a channel's frame: as message_fuzz, for each variant.
#include "base/check.h"
#include "dataplane/wire/channel_message.h"

using namespace weir;
using namespace weir::wire;

namespace {

void check_payload(const ChannelPlaintext& view) {
  Bytes canonical = encode_channel_payload(view.onward, view.ret, view.payload);
  ChannelPlaintext again;
  CHECK(parse_channel_plaintext(canonical, {}, again) == ParseResult::kOk);
  CHECK(again.variant == ChannelVariant::kPayload);
  CHECK(again.onward == view.onward && again.ret == view.ret);
  CHECK(equal(again.payload, view.payload));

  const HeadRoute onward = HeadRoute::of(view.onward);
  const HeadRoute ret = HeadRoute::of(view.ret);
  Bytes head(channel_head_bytes(onward, ret, view.payload.size()));
  CHECK(put_channel_head(head.data() + head.size(), onward, ret, view.payload.size()) ==
        head.data());
  CHECK(equal(head, ByteSpan(canonical).first(head.size())));
  CHECK(canonical.size() == head.size() + view.payload.size() + kChannelTrailerBytes);
}

void check_refresh(const ChannelPlaintext& view) {
  Bytes canonical = encode_channel_refresh(view.body);
  ChannelPlaintext again;
  CHECK(parse_channel_plaintext(canonical, {}, again) == ParseResult::kOk);
  CHECK(again.variant == ChannelVariant::kRefresh && equal(again.body, view.body));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, data + size);
  ChannelPlaintext view;
  const ParseResult without = parse_channel_plaintext(input, {}, view);
  Bytes scratch(scratch_bytes(size));
  const ParseResult with = parse_channel_plaintext(input, scratch, view);
  CHECK(equal(input, {data, size}));
  CHECK((without == ParseResult::kMalformed) == (with == ParseResult::kMalformed));
  CHECK(with != ParseResult::kNeedsScratch);
  if (with == ParseResult::kMalformed) return 0;
  if (view.variant == ChannelVariant::kPayload) check_payload(view);
  if (view.variant == ChannelVariant::kRefresh) check_refresh(view);
  return 0;
}

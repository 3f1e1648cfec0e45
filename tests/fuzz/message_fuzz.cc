// The TCP body: never reads outside the body, means the same with and without scratch, and what it
// means is written canonically and read back in place.
#include "base/check.h"
#include "dataplane/wire/message.h"

using namespace weir;
using namespace weir::wire;

namespace {

void check_inside(ByteSpan part, ByteSpan whole) {
  CHECK(part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_head(const MessageView& view, const Bytes& canonical) {
  const HeadRoute onward = HeadRoute::of(view.onward);
  const HeadRoute ret = HeadRoute::of(view.ret);
  Bytes head(transport_head_bytes(onward, ret, view.payload.size()));
  CHECK(put_transport_head(head.data() + head.size(), onward, ret, view.payload.size()) ==
        head.data());
  CHECK(load_be32(head.data()) == canonical.size());
  CHECK(equal(ByteSpan(head).subspan(kFramePrefixBytes),
              ByteSpan(canonical).first(head.size() - kFramePrefixBytes)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes body(data, data + size);
  MessageView view;
  const ParseResult without = parse_message(body, {}, view);
  Bytes scratch(scratch_bytes(size));
  const ParseResult with = parse_message(body, scratch, view);
  CHECK(equal(body, {data, size}));
  CHECK((without == ParseResult::kMalformed) == (with == ParseResult::kMalformed));
  CHECK(with != ParseResult::kNeedsScratch);
  if (with == ParseResult::kMalformed) return 0;

  check_inside(view.payload, body);
  if (!view.onward.empty() && without == ParseResult::kOk) check_inside(view.onward.items, body);
  CHECK(valid_utf8(view.tracing));
  std::size_t items_bytes = 0;
  for (const AddressView address : view.onward) items_bytes += address.encoded.size();
  for (const AddressView address : view.ret) items_bytes += address.encoded.size();
  CHECK(items_bytes == view.onward.items.size() + view.ret.items.size());

  Bytes canonical = encode_message(view.onward, view.ret, view.payload);
  check_head(view, canonical);
  MessageView again;
  CHECK(parse_message(canonical, {}, again) == ParseResult::kOk);
  CHECK(again.onward == view.onward && again.ret == view.ret);
  CHECK(equal(again.payload, view.payload) && as_text(again.tracing) == "{}");
  return 0;
}

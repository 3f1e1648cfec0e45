// Portal messages: what is understood is written again and understood the same.
#include "base/check.h"
#include "dataplane/wire/portal_message.h"

using namespace weir;
using namespace weir::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, data + size);
  PortalMessage message;
  if (parse_portal_message(input, message) != ParseResult::kOk) return 0;
  Bytes out(kPortalControlBytesMax + message.payload.size());
  std::size_t used = 0;
  switch (message.kind) {
    case PortalKind::kPing:
    case PortalKind::kPong:
      used = message.has_cap ? put_portal_cap(out.data(), message.kind, message.cap)
                             : put_portal_simple(out.data(), message.kind);
      break;
    case PortalKind::kDisconnect:
      used = put_portal_simple(out.data(), message.kind);
      break;
    case PortalKind::kPayload:
      CHECK(message.payload.data() + message.payload.size() <= input.data() + input.size());
      used = put_payload_head(out.data(), message.payload.size());
      std::copy(message.payload.begin(), message.payload.end(), out.data() + used);
      used += message.payload.size();
      break;
    case PortalKind::kCredit:
      used = put_credit(out.data(), message.offset);
      break;
    case PortalKind::kEof:
      used = put_eof(out.data(), message.offset);
      break;
    case PortalKind::kReset:
      used = put_reset(out.data(), message.reason, message.offset);
      CHECK(reset_reason_text(message.reason) != nullptr);
      break;
  }
  CHECK(used > 0 && used <= out.size());
  out.resize(used);
  PortalMessage again;
  CHECK(parse_portal_message(out, again) == ParseResult::kOk);
  CHECK(again.kind == message.kind && equal(again.payload, message.payload));
  CHECK(again.has_cap == message.has_cap && again.cap == message.cap);
  CHECK(again.offset == message.offset && again.reason == message.reason);
  return 0;
}

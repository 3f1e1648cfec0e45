// Every body of the node manager API from any bytes; what decodes must survive a round trip. The
// HTTP heads of the status endpoint go along.
#include <cstdint>

#include "base/check.h"
#include "control/http/http_request.h"
#include "control/node/api/models.h"
#include "control/node/api/models_json.h"

namespace {

using namespace weir;
using namespace weir::api;

template <class T>
void body(ByteSpan input) {
  const Result<T> first = T::decode(input);
  if (!first) return;
  const Bytes encoded = first->encode();
  const Result<T> second = T::decode(encoded);
  CHECK(second);
  CHECK(second->encode() == encoded);
}

template <class T>
void shown(ByteSpan input) {
  body<T>(input);
  const Result<T> value = T::decode(input);
  if (value) CHECK(!compact_text(json_of(*value)).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan input(data, size);
  shown<NodeResources>(input);
  shown<TransportStatus>(input);
  shown<InletStatus>(input);
  shown<OutletStatus>(input);
  shown<RelayInfo>(input);
  shown<SecureChannelStatus>(input);
  shown<CountersReport>(input);
  shown<ForwarderStatus>(input);
  body<NodeStatus>(input);
  body<TransportStatusList>(input);
  body<TransportAddress>(input);
  body<CreateSecureChannel>(input);
  body<SecureChannelCreated>(input);
  body<SecureChannelList>(input);
  body<SecureChannelListenerList>(input);
  body<ChannelAddress>(input);
  body<SecureChannelDeleted>(input);
  body<CreateSecureChannelListener>(input);
  body<AddConsumer>(input);
  body<ServiceStatusList>(input);
  body<WorkerList>(input);
  body<SendMessage>(input);
  body<CreateRelay>(input);
  body<RelayInfoList>(input);
  body<CreateInlet>(input);
  body<InletStatusList>(input);
  body<CreateOutlet>(input);
  body<OutletStatusList>(input);
  body<ForwarderList>(input);
  body<SetPolicy>(input);
  body<PolicyInfo>(input);
  body<PolicyFilter>(input);
  body<PoliciesList>(input);
  const std::string_view text = as_text(input);
  if (const std::size_t head = http_head_bytes(text)) (void)parse_http_head(text.substr(0, head));
  return 0;
}

#include "control/node/api/models.h"

#include "control/node/api/internal/model_codec.h"

namespace weir::api {

// Bodies that are one map.
#define WEIR_API_BODY(T)                                           \
  Bytes T::encode() const { return internal::encode_body(*this); } \
  Result<T> T::decode(ByteSpan body) { return internal::decode_body<T>(body); }

WEIR_API_BODY(TransportStatus)
WEIR_API_BODY(TransportAddress)
WEIR_API_BODY(CreateSecureChannel)
WEIR_API_BODY(SecureChannelCreated)
WEIR_API_BODY(ChannelAddress)
WEIR_API_BODY(SecureChannelDeleted)
WEIR_API_BODY(SecureChannelStatus)
WEIR_API_BODY(CreateSecureChannelListener)
WEIR_API_BODY(SecureChannelListener)
WEIR_API_BODY(AddConsumer)
WEIR_API_BODY(ServiceStatus)
WEIR_API_BODY(StartService)
WEIR_API_BODY(WorkerStatus)
WEIR_API_BODY(WorkerList)
WEIR_API_BODY(CreateRelay)
WEIR_API_BODY(RelayInfo)
WEIR_API_BODY(CreateInlet)
WEIR_API_BODY(InletStatus)
WEIR_API_BODY(CreateOutlet)
WEIR_API_BODY(OutletStatus)
WEIR_API_BODY(NodeStatus)
WEIR_API_BODY(NodeResources)
WEIR_API_BODY(CreateForwarder)
WEIR_API_BODY(ForwarderStatus)
WEIR_API_BODY(CountersReport)
WEIR_API_BODY(StartLatency)
WEIR_API_BODY(LatencyStarted)
WEIR_API_BODY(LatencySessionId)
WEIR_API_BODY(LatencyReport)
#undef WEIR_API_BODY

// Bodies that are a list.
#define WEIR_API_LIST(T, wrapped)                                           \
  Bytes T::encode() const { return internal::encode_list(*this, wrapped); } \
  Result<T> T::decode(ByteSpan body) { return internal::decode_list<T>(body, wrapped); }

WEIR_API_LIST(TransportStatusList, false)
WEIR_API_LIST(OutletStatusList, false)
WEIR_API_LIST(ForwarderList, false)
WEIR_API_LIST(SecureChannelList, true)
WEIR_API_LIST(SecureChannelListenerList, true)
WEIR_API_LIST(ServiceStatusList, true)
WEIR_API_LIST(RelayInfoList, true)
WEIR_API_LIST(InletStatusList, true)
#undef WEIR_API_LIST

Bytes SendMessage::encode() const {
  Bytes out;
  wire::CborWriter(out).text(to).raw(message);
  return out;
}

Result<SendMessage> SendMessage::decode(ByteSpan body) {
  internal::BodyReader reader{wire::CborReader(body)};
  SendMessage out;
  if (!internal::get(reader, out.to)) {
    return std::unexpected(internal::body_error(reader, body));
  }
  out.message = to_bytes(reader.cbor.rest());
  return out;
}

}  // namespace weir::api

// API envelopes and error bodies: what decodes is encoded and decodes to the same.
#include "base/check.h"
#include "dataplane/wire/envelope.h"

using namespace weir;
using namespace weir::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan input(data, size);
  if (auto request = decode_request(input)) {
    if (!request->has_body) request->body.clear();
    const auto again = decode_request(encode_request(*request));
    CHECK(again && *again == *request);
  }
  if (auto response = decode_response(input)) {
    const ErrorBody error = response_error(*response);
    CHECK(error.text().size() <= 64 * (size + 1));
    if (!response->has_body) response->body.clear();
    const auto again = decode_response(encode_response(*response));
    CHECK(again && *again == *response);
  }
  if (const auto error = decode_error_body(input)) {
    const auto again = decode_error_body(encode_error_body(*error));
    CHECK(again && *again == *error);
  }
  return 0;
}

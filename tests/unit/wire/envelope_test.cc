// api.json: requests and responses. The bodies are the endpoints' business and are compared as
// bytes.
#include "dataplane/wire/envelope.h"

#include <gtest/gtest.h>

#include "dataplane/wire/bare.h"
#include "dataplane/wire/cbor.h"
#include "vectors.h"

namespace weir::wire {
namespace {

const Json& vectors() {
  static const Json json = load_vectors("api.json");
  return json;
}

std::string method_of(const std::optional<Method>& method) {
  return method ? method_text(*method) : "";
}

void expect_request(const Json& v) {
  const Bytes bytes = vector_bytes(v["bytes"]);
  const auto request = decode_request(bytes);
  ASSERT_TRUE(request.has_value()) << v;
  EXPECT_EQ(request->id, v["id"].get<std::uint32_t>());
  EXPECT_EQ(Json(request->path), v["path"]);
  EXPECT_EQ(method_of(request->method),
            v["method"].is_null() ? "" : v["method"].get<std::string>());
  EXPECT_EQ(request->has_body, v["has_body"].get<bool>());
  EXPECT_EQ(request->body, vector_bytes(v["body"]));
  EXPECT_EQ(encode_request(*request), bytes);
}

void expect_response(const Json& v) {
  const Bytes bytes = vector_bytes(v["bytes"]);
  const auto response = decode_response(bytes);
  ASSERT_TRUE(response.has_value()) << v;
  EXPECT_EQ(response->id, v["id"].get<std::uint32_t>());
  EXPECT_EQ(response->re, v["re"].get<std::uint32_t>());
  ASSERT_TRUE(response->status.has_value());
  EXPECT_EQ(static_cast<int>(*response->status), v["status"].get<int>());
  EXPECT_EQ(response->has_body, v["has_body"].get<bool>());
  EXPECT_EQ(response->body, vector_bytes(v["body"]));
  EXPECT_EQ(encode_response(*response), bytes);
  if (!v.contains("error")) {
    return;
  }
  const auto error = decode_error_body(response->body);
  ASSERT_TRUE(error.has_value());
  const auto text = [&](const char* key) {
    return v["error"][key].is_null() ? std::nullopt
                                     : std::optional(v["error"][key].get<std::string>());
  };
  EXPECT_EQ(error->path, text("path"));
  EXPECT_EQ(error->message, text("message"));
  EXPECT_EQ(method_of(error->method), text("method").value_or(""));
  EXPECT_EQ(encode_error_body(*error), response->body);
  EXPECT_EQ(response_error(*response), *error);
}

TEST(Envelope, RequestsReadAndAreWrittenToTheByte) {
  VectorCount count("api.requests");
  for (const Json& v : vectors()["requests"]) {
    expect_request(v);
    ++count;
  }
}

TEST(Envelope, ResponsesReadAndAreWrittenToTheByte) {
  VectorCount count("api.responses");
  for (const Json& v : vectors()["responses"]) {
    expect_response(v);
    ++count;
  }
}

TEST(Envelope, RequestsOfAnyFormAreJudgedAsOckamJudgesThem) {
  VectorCount count("api.request_decode");
  for (const Json& v : vectors()["request_decode"]) {
    EXPECT_EQ(decode_request(vector_bytes(v["bytes"])).has_value(), v["verdict"]["ok"].get<bool>())
        << v;
    ++count;
  }
}

TEST(Envelope, EnvelopesOfRealExchangesReadAndAreWrittenToTheByte) {
  VectorCount count("api.node_manager_exchanges, authority_exchanges, requests_only (envelopes)");
  for (const char* part : {"node_manager_exchanges", "authority_exchanges", "requests_only"}) {
    for (const Json& v : vectors()[part]) {
      expect_request(v["request"]);
      ++count;
      if (!v.contains("response") || !v["response"].is_object() ||
          !v["response"].contains("bytes")) {
        continue;
      }
      ++count;
      if (v["response"].contains("header_error")) {
        EXPECT_FALSE(decode_response(vector_bytes(v["response"]["bytes"])).has_value());
        continue;
      }
      expect_response(v["response"]);
    }
  }
}

Bytes bare(const std::string& inner_hex) {
  Bytes out;
  BareWriter(out).bytes(hex(inner_hex));
  return out;
}

TEST(Envelope, HeadersOfOddFormsAreAccepted) {
  for (const char* inner : {"a404f403000261610105",
                            "a5010501060261610300"
                            "04f4",
                            "a4011a00000005026161030004f4",
                            "a40105026161"
                            "03f604f4",
                            "bf0105026161030004f4ff", "a50105026161030004f41863f6",
                            "a40105026161"
                            "0309"
                            "f6"
                            "04f4"
                            "04f4"}) {
    const auto request = decode_request(bare(inner));
    EXPECT_TRUE(request.has_value()) << inner;
    if (request) {
      EXPECT_EQ(request->path, "a");
    }
  }
}

TEST(Envelope, MalformedHeadersAreRefused) {
  for (const char* inner : {"",
                            "80",
                            "a0",
                            "f6",
                            "a10105",
                            "a2010504f4",
                            "a30105026161"
                            "0300",
                            "a4010502616103"
                            "0904f4",
                            "a4010502616103"
                            "2004f4",
                            "a401050261610300"
                            "04f6",
                            "a40105026161030004",
                            "a4616105026161030004f4",
                            "a42005026161030004f4",
                            "a40105024161"
                            "030004f4",
                            "a401050261ff030004f4",
                            "a401f6026161030004f4",
                            "a4010502f6030004f4",
                            "a4011b0000000100000000026161030004f4",
                            "bf0105026161030004f4",
                            "a41b0000000100000001"
                            "05026161030004f4",
                            "c1a40105026161030004f4"}) {
    EXPECT_FALSE(decode_request(bare(inner)).has_value()) << inner;
  }
  for (const char* raw : {"", "01", "80", "ffffffffffffffffff01a0", "ffffffffffffffffffff"}) {
    EXPECT_FALSE(decode_request(hex(raw)).has_value()) << raw;
    EXPECT_FALSE(decode_response(hex(raw)).has_value()) << raw;
  }
  for (const char* inner : {"a3010502060318c8",
                            "a20105"
                            "04f4",
                            "a4010502060318c904f4",
                            "a401050206"
                            "03626f6b04f4"}) {
    EXPECT_FALSE(decode_response(bare(inner)).has_value()) << inner;
  }
}

TEST(Envelope, ErrorsAreUnderstoodInEveryFormThatServicesSend) {
  Response response;
  response.status = ApiStatus::kNotFound;
  response.body = hex("63626164");
  EXPECT_EQ(response_error(response).text(), "message: bad");
  response.body = hex("43626164");
  EXPECT_EQ(response_error(response).text(), "message: bad");
  response.body = hex("a301622f6102000363626164");
  EXPECT_EQ(response_error(response).text(), "message: bad, path: /a, method: GET");
  for (const char* body : {"", "ff", "41ff", "01", "a1", "a10105"}) {
    response.body = hex(body);
    EXPECT_EQ(response_error(response), ErrorBody{}) << body;
  }
  EXPECT_EQ(status_text(ApiStatus::kNotFound), "404 NotFound");
}

TEST(Envelope, CausesNestUpToALimit) {
  ErrorBody error;
  error.message = "m";
  for (int i = 0; i < kErrorCauseDepthMax; ++i) {
    ErrorBody outer;
    outer.cause.push_back(error);
    error = outer;
  }
  EXPECT_EQ(decode_error_body(encode_error_body(error)).value(), error);
  EXPECT_EQ(error.text(), "message: m");
  ErrorBody outer;
  outer.cause.push_back(error);
  EXPECT_FALSE(decode_error_body(encode_error_body(outer)).has_value());
  Bytes deep;
  for (int i = 0; i < 1'000'000; ++i) {
    deep.insert(deep.end(), {0xa1, 0x04});
  }
  EXPECT_FALSE(decode_error_body(deep).has_value());
}

}  // namespace
}  // namespace weir::wire

// AWS KMS: the signature of requests, and settings that are missing. Keys: tests/command/vaults.py.
#include <gtest/gtest.h>

#include <map>

#include "base/clock.h"
#include "control/vault/internal/aws_signature.h"
#include "control/vault/kms_keys.h"

namespace weir {
namespace {

constexpr std::uint64_t kTime = 1'795'291'200;  // 2026-11-21 20:00:00 UTC

AwsCredentials example_credentials() {
  AwsCredentials credentials;
  credentials.access_key_id = "AKIDEXAMPLE";
  credentials.secret_access_key =
      SecretBytes::copy_of(as_bytes("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
  return credentials;
}

AwsRequest example_request() {
  AwsRequest request;
  request.region = "eu-central-1";
  request.service = "kms";
  request.host = "kms.eu-central-1.amazonaws.com";
  request.headers = {{"content-type", "application/x-amz-json-1.1"},
                     {"x-amz-target", "TrentService.ListKeys"}};
  request.body = "{\"Limit\":1}";
  return request;
}

// The expected values are botocore's.
TEST(AwsSignature, IsAmazons) {
  AwsCredentials credentials = example_credentials();
  auto headers = aws_signed_headers(example_request(), credentials, kTime);
  EXPECT_EQ(headers.back().second,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-central-1/kms/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
            "31ae162e9e5f70bfe26e93223421750b7af9488653207d15b754cabe6d9a9ffc");
  credentials.session_token = "TOKEN";
  headers = aws_signed_headers(example_request(), credentials, kTime);
  EXPECT_EQ(headers.back().second,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-central-1/kms/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
            "Signature=c06a79950036548f4785ec49ebad6bca345f1e7da31087e5f591de21dc521923");
}

TEST(Kms, SettingsThatAreMissingAreNamed) {
  SystemClock clock;
  std::map<std::string, std::string> set;
  const AwsSettings settings = [&](const char* name) -> std::optional<std::string> {
    const auto found = set.find(name);
    return found == set.end() ? std::nullopt : std::optional(found->second);
  };
  auto keys = open_kms_keys(settings, clock);
  ASSERT_FALSE(keys);
  EXPECT_NE(keys.error().text().find("AWS_REGION"), std::string::npos);
  set["AWS_DEFAULT_REGION"] = "eu-central-1";
  keys = open_kms_keys(settings, clock);
  ASSERT_FALSE(keys);
  EXPECT_NE(keys.error().text().find("AWS_SECRET_ACCESS_KEY"), std::string::npos);
  set["AWS_ACCESS_KEY_ID"] = "a";
  set["AWS_SECRET_ACCESS_KEY"] = "s";
  set["WEIR_AWS_ENDPOINT"] = "http://127.0.0.1:1";
  keys = open_kms_keys(settings, clock);
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().code, Errc::kIo);
  EXPECT_NE(keys.error().text().find("cannot be reached"), std::string::npos);
}

}  // namespace
}  // namespace weir

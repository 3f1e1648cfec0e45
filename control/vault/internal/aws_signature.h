// AWS Signature Version 4 for requests with a body (docs.aws.amazon.com, "Create a signed AWS API
// request"). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/secret_bytes.h"

namespace weir {

struct AwsCredentials {
  std::string access_key_id;
  SecretBytes secret_access_key;
  std::string session_token;  // may be empty
};

struct AwsRequest {
  std::string region;   // "eu-central-1"
  std::string service;  // "kms"
  std::string host;     // as in the Host header
  // Lower-case names, sorted, without host, x-amz-date and x-amz-security-token.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// All headers to send but Host, with Authorization. POST to "/".
std::vector<std::pair<std::string, std::string>> aws_signed_headers(
    const AwsRequest& request, const AwsCredentials& credentials, std::uint64_t unix_seconds);

}  // namespace weir

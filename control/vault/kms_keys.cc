#include "control/vault/kms_keys.h"

#include <nlohmann/json.hpp>

#include "control/http/http_client.h"
#include "control/vault/internal/aws_signature.h"
#include "crypto/base64.h"

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr int kDeletionDays = 7;  // the shortest that KMS takes

class KmsKeys final : public RemoteKeys {
 public:
  KmsKeys(std::string endpoint, std::string region, AwsCredentials credentials, Clock& clock)
      : endpoint_(std::move(endpoint)),
        region_(std::move(region)),
        credentials_(std::move(credentials)),
        clock_(clock) {}

  Status check() {
    auto listed = call("ListKeys", Json{{"Limit", 1}});
    if (!listed) return pass(listed);
    return {};
  }

  Result<NewKey> create_signing_key(KeyKind kind, Rng&) override {
    if (kind != KeyKind::kP256) {
      return fail(Errc::kUnsupported, "AWS KMS makes only P-256 keys", "use --key-type p256");
    }
    auto made = call("CreateKey", Json{{"Description", "weir identity key"},
                                       {"KeySpec", "ECC_NIST_P256"},
                                       {"KeyUsage", "SIGN_VERIFY"}});
    if (!made) return pass(made);
    const Json metadata = made->value("KeyMetadata", Json::object());
    auto id = text_of(metadata, "KeyId");
    if (!id) return pass(id);
    auto key = public_key(*id);
    if (!key) return pass(key);
    NewKey out{std::move(*key), to_bytes(as_bytes(*id))};
    if (auto tried = try_new_key(out); !tried) {
      (void)remove_signing_key(out.id);
      return pass(tried);
    }
    return out;
  }

  // KMS computes the SHA-256 itself (RAW).
  Result<Signature> sign(KeyKind, ByteSpan id, ByteSpan message) override {
    auto answer = call("Sign", Json{{"KeyId", as_text(id)},
                                    {"Message", base64_encode(message)},
                                    {"MessageType", "RAW"},
                                    {"SigningAlgorithm", "ECDSA_SHA_256"}});
    if (!answer) return pass(answer);
    auto der = bytes_of(*answer, "Signature");
    if (!der) return pass(der);
    return p256_signature_from_der(*der);
  }

  Result<bool> remove_signing_key(ByteSpan id) override {
    auto answer = call("ScheduleKeyDeletion",
                       Json{{"KeyId", as_text(id)}, {"PendingWindowInDays", kDeletionDays}});
    if (answer) return true;
    if (answer.error().code == Errc::kNotFound) return false;
    return pass(answer);
  }

 private:
  static Result<std::string> text_of(const Json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string()) {
      return fail(Errc::kInvalid, "AWS KMS gave a malformed answer", name);
    }
    return found->get<std::string>();
  }

  static Result<Bytes> bytes_of(const Json& object, const char* name) {
    auto text = text_of(object, name);
    if (!text) return pass(text);
    auto bytes = base64_decode(*text);
    if (!bytes) return fail(Errc::kInvalid, "AWS KMS gave a malformed answer", name);
    return std::move(*bytes);
  }

  Result<VerifyingKey> public_key(const std::string& id) {
    auto answer = call("GetPublicKey", Json{{"KeyId", id}});
    if (!answer) return pass(answer);
    auto der = bytes_of(*answer, "PublicKey");
    if (!der) return pass(der);
    return p256_key_from_spki(*der);
  }

  std::string host() const {
    const auto begin = endpoint_.find("://");
    return endpoint_.substr(begin == std::string::npos ? 0 : begin + 3);
  }

  Result<Json> call(const std::string& operation, const Json& arguments) {
    AwsRequest request;
    request.region = region_;
    request.service = "kms";
    request.host = host();
    request.headers = {{"content-type", "application/x-amz-json-1.1"},
                       {"x-amz-target", "TrentService." + operation}};
    request.body = arguments.dump();
    HttpCall http;
    http.url = endpoint_ + "/";
    http.headers = aws_signed_headers(request, credentials_, clock_.unix_seconds());
    http.body = request.body;
    auto reply = http_post(http);
    if (!reply) {
      return fail(reply.error().code, "AWS KMS cannot be reached", reply.error().text());
    }
    Json json = Json::parse(reply->body, nullptr, false);
    if (json.is_discarded() || !json.is_object()) json = Json::object();
    if (reply->status == 200) return json;
    return refusal(operation, reply->status, json);
  }

  static std::unexpected<Error> refusal(const std::string& operation, int status,
                                        const Json& json) {
    const auto said = [&json](const char* name) {
      const auto found = json.find(name);
      return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    std::string type = said("__type");
    type.erase(0, type.find('#') + 1);
    std::string detail = operation + ", status " + std::to_string(status) + " " + type;
    const std::string why = said("message") + said("Message");
    if (!why.empty()) detail += ": " + why;
    if (type == "NotFoundException" || type == "KMSInvalidStateException") {
      return fail(Errc::kNotFound, "AWS KMS does not have this key", std::move(detail));
    }
    if (status >= 500 || type == "ThrottlingException") {
      return fail(Errc::kIo, "AWS KMS failed", std::move(detail));
    }
    return fail(Errc::kRefused, "AWS KMS refuses", std::move(detail));
  }

  std::string endpoint_;
  std::string region_;
  AwsCredentials credentials_;
  Clock& clock_;
};

std::optional<std::string> first_set(const AwsSettings& settings,
                                     std::initializer_list<const char*> names) {
  for (const char* name : names) {
    auto value = settings(name);
    if (value && !value->empty()) return value;
  }
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<RemoteKeys>> open_kms_keys(const AwsSettings& settings, Clock& clock) {
  const auto region = first_set(settings, {"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (!region) return fail(Errc::kRefused, "AWS KMS needs a region", "set AWS_REGION");
  const auto key_id = first_set(settings, {"AWS_ACCESS_KEY_ID"});
  auto secret = first_set(settings, {"AWS_SECRET_ACCESS_KEY"});
  if (!key_id || !secret) {
    return fail(Errc::kRefused, "AWS KMS needs credentials",
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  AwsCredentials credentials;
  credentials.access_key_id = *key_id;
  credentials.secret_access_key = SecretBytes::copy_of(as_bytes(*secret));
  wipe({reinterpret_cast<std::uint8_t*>(secret->data()), secret->size()});
  credentials.session_token = first_set(settings, {"AWS_SESSION_TOKEN"}).value_or("");
  std::string endpoint = first_set(settings, {"WEIR_AWS_ENDPOINT"})
                             .value_or("https://kms." + *region + ".amazonaws.com");
  while (!endpoint.empty() && endpoint.back() == '/') endpoint.pop_back();
  auto keys =
      std::make_unique<KmsKeys>(std::move(endpoint), *region, std::move(credentials), clock);
  if (auto checked = keys->check(); !checked) return pass(checked);
  return keys;
}

}  // namespace weir

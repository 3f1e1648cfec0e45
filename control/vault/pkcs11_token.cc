#include "control/vault/pkcs11_token.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "control/vault/internal/pkcs11_module.h"
#include "crypto/hash.h"

namespace weir {
namespace {

constexpr CK_ULONG kMacKeyBytes = 32;
constexpr std::size_t kKeyIdBytes = 16;
constexpr char kKeyLabel[] = "weir identity key";
constexpr std::size_t kPointBytesMax = 256;

// DER of the curve's name. Older tokens know the first form of Ed25519, newer ones the second.
const Bytes kEd25519Name = {0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'};
const Bytes kEd25519Oid = {0x06, 0x03, 0x2b, 0x65, 0x70};
const Bytes kP256Oid = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

// Cryptoki's templates are not const, but only read.
template <typename T>
CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, const T& value) {
  return {type, const_cast<T*>(&value), sizeof value};
}
CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, ByteSpan value) {
  return {type, const_cast<std::uint8_t*>(value.data()), value.size()};
}

bool is_lost(CK_RV code) {
  for (const CK_RV lost : {CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_USER_NOT_LOGGED_IN,
                           CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_ERROR}) {
    if (code == lost) return true;
  }
  return false;
}

// CKA_EC_POINT is the point in an OCTET STRING; some tokens leave that away.
Result<VerifyingKey> key_of_point(KeyKind kind, ByteSpan point) {
  const std::size_t size = public_key_bytes(kind);
  if (point.size() == size + 2 && point[0] == 0x04 && point[1] == size) point = point.subspan(2);
  if (point.size() != size) return fail(Errc::kInvalid, "the token's public key is malformed");
  return VerifyingKey{kind, to_bytes(point)};
}

class Session final : public Pkcs11Token {
 public:
  Session(std::shared_ptr<Pkcs11Module> module, CK_SLOT_ID slot, SecretBytes pin)
      : module_(std::move(module)), slot_(slot), pin_(std::move(pin)) {}
  ~Session() override { close(); }

  Status start() {
    CK_RV code = calls().C_OpenSession(slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                                       &session_);
    if (code != CKR_OK) return pkcs11_error(code, "opening a session");
    is_open_ = true;
    code = calls().C_Login(session_, CKU_USER, pin_.span().data(), pin_.size());
    if (code == CKR_OK || code == CKR_USER_ALREADY_LOGGED_IN) return {};
    close();
    return pkcs11_error(code, "logging in");
  }

  Result<NewKey> create_signing_key(KeyKind kind, Rng& rng) override {
    std::vector<Bytes> names = {kP256Oid};
    if (kind == KeyKind::kEd25519) names = {kEd25519Name, kEd25519Oid};
    NewKey made{{}, Bytes(kKeyIdBytes)};
    rng.fill(made.id);
    CK_OBJECT_HANDLE public_half = 0;
    CK_RV code = CKR_OK;
    for (const Bytes& name : names) {
      code = run([&] { return generate_pair(kind, name, made.id, public_half); });
      if (code == CKR_OK) break;
    }
    if (code != CKR_OK) return pkcs11_error(code, "making a key pair");
    auto key = public_key_of(kind, public_half);
    Status usable;
    if (key) {
      made.key = std::move(*key);
      usable = try_new_key(made);  // what a token calls EdDSA is not always Ed25519
    } else {
      usable = pass(key);
    }
    if (usable) return made;
    (void)remove_signing_key(made.id);
    return pass(usable);
  }

  Result<Signature> sign(KeyKind kind, ByteSpan id, ByteSpan message) override {
    const bool is_p256 = kind == KeyKind::kP256;
    CK_MECHANISM mechanism{is_p256 ? CKM_ECDSA : CKM_EDDSA, nullptr, 0};
    const Hash256 digest = sha256(message);
    const ByteSpan input = is_p256 ? ByteSpan(digest) : message;
    Signature signature{};
    CK_ULONG size = signature.size();
    const CK_RV code = run([&] {
      CK_OBJECT_HANDLE key = 0;
      CK_RV found = find(CKO_PRIVATE_KEY, id, key);
      if (found == CKR_OK) found = calls().C_SignInit(session_, &mechanism, key);
      if (found != CKR_OK) return found;
      size = signature.size();
      return calls().C_Sign(session_, const_cast<std::uint8_t*>(input.data()), input.size(),
                            signature.data(), &size);
    });
    if (code == CKR_OBJECT_HANDLE_INVALID) return missing();
    if (code != CKR_OK) return pkcs11_error(code, "signing");
    if (size != signature.size()) return fail(Errc::kInvalid, "the token's signature is malformed");
    return signature;
  }

  Result<bool> remove_signing_key(ByteSpan id) override {
    bool existed = false;
    for (const CK_OBJECT_CLASS type : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
      const CK_RV code = run([&] {
        CK_OBJECT_HANDLE key = 0;
        const CK_RV found = find(type, id, key);
        return found == CKR_OK ? calls().C_DestroyObject(session_, key) : found;
      });
      if (code != CKR_OK && code != CKR_OBJECT_HANDLE_INVALID) {
        return pkcs11_error(code, "removing a key");
      }
      existed = existed || (type == CKO_PRIVATE_KEY && code == CKR_OK);
    }
    return existed;
  }

  Status create_mac_key(ByteSpan id, std::string_view label) override {
    CK_MECHANISM mechanism{CKM_GENERIC_SECRET_KEY_GEN, nullptr, 0};
    const CK_BBOOL yes = CK_TRUE;
    const CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE wanted[] = {attribute(CKA_TOKEN, yes),     attribute(CKA_PRIVATE, yes),
                             attribute(CKA_SENSITIVE, yes), attribute(CKA_EXTRACTABLE, no),
                             attribute(CKA_SIGN, yes),      attribute(CKA_VALUE_LEN, kMacKeyBytes),
                             attribute(CKA_ID, id),         attribute(CKA_LABEL, as_bytes(label))};
    const CK_RV code = run([&] {
      CK_OBJECT_HANDLE made = 0;
      return calls().C_GenerateKey(session_, &mechanism, wanted, std::size(wanted), &made);
    });
    if (code != CKR_OK) return pkcs11_error(code, "making a key for HMAC");
    return {};
  }

  Result<Secret<32>> mac(ByteSpan id, ByteSpan message) override {
    CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
    Secret<32> out;
    CK_ULONG size = 0;
    const CK_RV code = run([&] {
      CK_OBJECT_HANDLE key = 0;
      CK_RV found = find(CKO_SECRET_KEY, id, key);
      if (found == CKR_OK) found = calls().C_SignInit(session_, &mechanism, key);
      if (found != CKR_OK) return found;
      size = out.span().size();
      return calls().C_Sign(session_, const_cast<std::uint8_t*>(message.data()), message.size(),
                            out.span().data(), &size);
    });
    if (code == CKR_OBJECT_HANDLE_INVALID) return missing();
    if (code != CKR_OK) return pkcs11_error(code, "computing an HMAC");
    if (size != out.span().size()) return fail(Errc::kInvalid, "the token's HMAC is malformed");
    return out;
  }

 private:
  CK_FUNCTION_LIST& calls() { return module_->calls(); }

  static std::unexpected<Error> missing() {
    return fail(Errc::kNotFound, "the token does not have this key");
  }

  void close() {
    if (std::exchange(is_open_, false)) calls().C_CloseSession(session_);
  }

  // Once more in a new session where the old one is lost.
  template <typename Call>
  CK_RV run(Call call) {
    const CK_RV code = call();
    if (!is_lost(code)) return code;
    close();
    return start() ? call() : code;
  }

  // CKR_OBJECT_HANDLE_INVALID: there is none.
  CK_RV find(CK_OBJECT_CLASS type, ByteSpan id, CK_OBJECT_HANDLE& found) {
    CK_ATTRIBUTE wanted[] = {attribute(CKA_CLASS, type), attribute(CKA_ID, id)};
    CK_RV code = calls().C_FindObjectsInit(session_, wanted, std::size(wanted));
    if (code != CKR_OK) return code;
    CK_ULONG count = 0;
    code = calls().C_FindObjects(session_, &found, 1, &count);
    calls().C_FindObjectsFinal(session_);
    if (code == CKR_OK && count == 0) return CKR_OBJECT_HANDLE_INVALID;
    return code;
  }

  CK_RV generate_pair(KeyKind kind, const Bytes& curve, ByteSpan id, CK_OBJECT_HANDLE& public_key) {
    CK_MECHANISM mechanism{
        kind == KeyKind::kP256 ? CKM_EC_KEY_PAIR_GEN : CKM_EC_EDWARDS_KEY_PAIR_GEN, nullptr, 0};
    const CK_BBOOL yes = CK_TRUE;
    const CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE public_half[] = {attribute(CKA_TOKEN, yes), attribute(CKA_VERIFY, yes),
                                  attribute(CKA_EC_PARAMS, ByteSpan(curve)), attribute(CKA_ID, id),
                                  attribute(CKA_LABEL, as_bytes(kKeyLabel))};
    CK_ATTRIBUTE secret_half[] = {attribute(CKA_TOKEN, yes),
                                  attribute(CKA_PRIVATE, yes),
                                  attribute(CKA_SENSITIVE, yes),
                                  attribute(CKA_EXTRACTABLE, no),
                                  attribute(CKA_SIGN, yes),
                                  attribute(CKA_ID, id),
                                  attribute(CKA_LABEL, as_bytes(kKeyLabel))};
    CK_OBJECT_HANDLE secret_key = 0;
    return calls().C_GenerateKeyPair(session_, &mechanism, public_half, std::size(public_half),
                                     secret_half, std::size(secret_half), &public_key, &secret_key);
  }

  Result<VerifyingKey> public_key_of(KeyKind kind, CK_OBJECT_HANDLE key) {
    Bytes point(kPointBytesMax);
    CK_ATTRIBUTE wanted{CKA_EC_POINT, point.data(), point.size()};
    const CK_RV code = calls().C_GetAttributeValue(session_, key, &wanted, 1);
    if (code != CKR_OK) return pkcs11_error(code, "reading a public key");
    if (wanted.ulValueLen > point.size()) {
      return fail(Errc::kInvalid, "the token's public key is malformed");
    }
    return key_of_point(kind, ByteSpan(point).first(wanted.ulValueLen));
  }

  std::shared_ptr<Pkcs11Module> module_;
  CK_SLOT_ID slot_;
  SecretBytes pin_;
  CK_SESSION_HANDLE session_ = 0;
  bool is_open_ = false;
};

}  // namespace

Result<std::unique_ptr<Pkcs11Token>> Pkcs11Token::open(const TokenPlace& place, SecretBytes pin) {
  auto module = Pkcs11Module::load(place.module);
  if (!module) return pass(module);
  auto slot = (*module)->slot_of(place.label);
  if (!slot) return pass(slot);
  auto session = std::make_unique<Session>(std::move(*module), *slot, std::move(pin));
  if (auto started = session->start(); !started) return pass(started);
  return session;
}

}  // namespace weir

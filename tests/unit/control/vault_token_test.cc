// Vaults whose signing keys are in a PKCS#11 token, against SoftHSM2 where it is installed.
#include <cstdlib>
#include <fstream>

#include "control/identity/identities.h"
#include "control/vault/identity_adapters.h"
#include "control/vault/vault.h"
#include "crypto/kex.h"
#include "softhsm.h"
#include "store_testing.h"

namespace weir {
namespace {

SecretBytes secret_of(std::string_view text) { return SecretBytes::copy_of(as_bytes(text)); }

UnlockVault answer(std::string pin) {
  return [pin](const VaultRecord&, const VaultProtection&) -> Result<SecretBytes> {
    return secret_of(pin);
  };
}

struct TokenVault : testing::Test {
  void SetUp() override {
    if (SoftHsm::missing() != nullptr) GTEST_SKIP() << SoftHsm::missing();
    hsm.emplace(temp.path());
    state = open_state({.home = temp.path()});
    auto made = create_protected_vault(*state, "v", {}, at("weir"), secret_of(SoftHsm::kPin), rng);
    ASSERT_TRUE(made) << made.error().text();
  }
  static VaultProtection at(const std::string& label) {
    VaultProtection protection;
    protection.lock = VaultLock::kToken;
    protection.token.module = SoftHsm::kModule;
    protection.token.label = label;
    return protection;
  }
  Result<std::unique_ptr<Vault>> open(const std::string& pin) {
    return open_vault(*state, "v", rng, answer(pin));
  }

  TempDirectory temp;
  SystemRng rng;
  std::optional<SoftHsm> hsm;
  std::unique_ptr<State> state;
};

TEST_F(TokenVault, BothKindsOfKeysSignAcrossARestart) {
  for (const KeyKind kind : {KeyKind::kEd25519, KeyKind::kP256}) {
    Hash256 handle{};
    {
      auto vault = open(SoftHsm::kPin);
      ASSERT_TRUE(vault) << vault.error().text();
      auto made = (*vault)->create_signing_key(kind);
      ASSERT_TRUE(made) << made.error().text();
      handle = *made;
    }
    auto vault = open(SoftHsm::kPin);
    ASSERT_TRUE(vault);
    const auto key = (*vault)->public_key(handle);
    ASSERT_TRUE(key);
    EXPECT_EQ(key->kind, kind);
    EXPECT_EQ(key_handle(key->bytes), handle);
    const auto signature = (*vault)->sign(handle, as_bytes("message"));
    ASSERT_TRUE(signature) << signature.error().text();
    EXPECT_TRUE(*verify(*key, as_bytes("message"), *signature));
    EXPECT_TRUE(*(*vault)->remove_signing_key(handle));
    EXPECT_FALSE(*(*vault)->remove_signing_key(handle));
    EXPECT_EQ((*vault)->sign(handle, as_bytes("m")).error().code, Errc::kNotFound);
  }
}

TEST_F(TokenVault, X25519SecretsLieInTheFileSealedByTheToken) {
  const auto secret = Secret<32>::random(rng);
  Hash256 handle{};
  {
    auto vault = open(SoftHsm::kPin);
    handle = *(*vault)->import_x25519(secret);
  }
  std::ifstream file(temp.path() + "/vault-v", std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(content.find(as_text(secret.span())), std::string::npos);
  auto vault = open(SoftHsm::kPin);
  EXPECT_EQ(*(*vault)->x25519_secret(handle), secret);
}

TEST_F(TokenVault, KeysAreMadeInTheTokenAndNeverImported) {
  auto vault = open(SoftHsm::kPin);
  const SigningKey key = generate_signing_key(KeyKind::kEd25519, rng);
  EXPECT_EQ((*vault)->import_signing_key(key).error().code, Errc::kUnsupported);
}

TEST_F(TokenVault, AWrongPinTokenOrModuleIsSaid) {
  const auto wrong_pin = open("0000");
  ASSERT_FALSE(wrong_pin);
  EXPECT_EQ(wrong_pin.error().code, Errc::kRefused);
  EXPECT_NE(wrong_pin.error().text().find("PIN"), std::string::npos);
  const auto no_token =
      create_protected_vault(*state, "w", {}, at("other"), secret_of(SoftHsm::kPin), rng);
  ASSERT_FALSE(no_token);
  EXPECT_EQ(no_token.error().code, Errc::kNotFound);
  EXPECT_NE(no_token.error().text().find("there are: weir"), std::string::npos)
      << no_token.error().text();
  VaultProtection nowhere = at("weir");
  nowhere.token.module = temp.path() + "/nothing.so";
  EXPECT_EQ(create_protected_vault(*state, "w", {}, nowhere, secret_of("1"), rng).error().code,
            Errc::kNotFound);
  std::ofstream(nowhere.token.module) << "no library";
  EXPECT_EQ(create_protected_vault(*state, "w", {}, nowhere, secret_of("1"), rng).error().code,
            Errc::kInvalid);
  EXPECT_FALSE(state->vaults().get("w"));
}

TEST_F(TokenVault, ATokenThatWasMadeAnewIsNotTakenForTheOldOne) {
  hsm->make_token_again();
  const auto vault = open(SoftHsm::kPin);
  ASSERT_FALSE(vault);
  EXPECT_EQ(vault.error().code, Errc::kNotFound) << vault.error().text();
}

TEST_F(TokenVault, IdentitiesLiveAndRotateInTheToken) {
  auto vault = open(SoftHsm::kPin);
  ASSERT_TRUE(vault);
  VaultSecretStore secrets(**vault);
  StateIdentityStore store(*state);
  SystemClock clock;
  Identities identities(store, secrets, clock);
  const auto made = identities.create();
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ((*made)->primary_key().kind, KeyKind::kEd25519);
  const Identifier id = (*made)->identifier();
  EXPECT_TRUE(identities.secure_channel_key(id));
  EXPECT_TRUE(identities.credential_key(id));
  const auto rotated = identities.rotate_key(id, KeyKind::kP256);
  ASSERT_TRUE(rotated) << rotated.error().text();
  EXPECT_EQ((*rotated)->changes().size(), 2u);
  EXPECT_TRUE(identities.issue_credential(id, id, {}, 60));
}

}  // namespace
}  // namespace weir

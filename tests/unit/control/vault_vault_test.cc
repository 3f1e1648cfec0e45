#include "control/vault/vault.h"

#include <fstream>
#include <iterator>

#include "base/check.h"
#include "control/vault/identity_adapters.h"
#include "crypto/kex.h"
#include "store_testing.h"

namespace weir {
namespace {

bool file_contains(const std::string& path, ByteSpan needle) {
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  return content.find(as_text(needle)) != std::string::npos;
}

TEST(Vault, BothKindsOfKeysSignAcrossARestart) {
  TempDirectory temp;
  SystemRng rng;
  for (const KeyKind kind : {KeyKind::kEd25519, KeyKind::kP256}) {
    Hash256 handle{};
    VerifyingKey key;
    {
      auto state = open_state({.home = temp.path()});
      ASSERT_TRUE(state->vaults().get_default_or_create());
      auto vault = open_vault(*state, "default", rng);
      ASSERT_TRUE(vault);
      handle = *(*vault)->create_signing_key(kind);
      key = *(*vault)->public_key(handle);
      EXPECT_EQ(key.kind, kind);
      EXPECT_EQ(handle, key_handle(key.bytes));
    }
    auto state = open_state({.home = temp.path()});
    auto vault = open_vault(*state, "default", rng);
    const auto signature = (*vault)->sign(handle, as_bytes("message"));
    ASSERT_TRUE(signature);
    EXPECT_TRUE(*verify(key, as_bytes("message"), *signature));
    EXPECT_TRUE(*(*vault)->remove_signing_key(handle));
    EXPECT_FALSE(*(*vault)->remove_signing_key(handle));
    EXPECT_EQ((*vault)->sign(handle, as_bytes("message")).error().code, Errc::kNotFound);
  }
}

TEST(Vault, X25519SecretsComeBackExactly) {
  SeededRng rng(1);
  auto vault = make_memory_vault(rng);
  const auto handle = vault->create_x25519();
  ASSERT_TRUE(handle);
  const auto secret = vault->x25519_secret(*handle);
  ASSERT_TRUE(secret);
  EXPECT_EQ(*handle, key_handle(x25519_public(*secret)));
  EXPECT_EQ(*vault->import_x25519(*secret), *handle);
  EXPECT_EQ(vault->x25519_secret(Hash256{}).error().code, Errc::kNotFound);
  EXPECT_TRUE(*vault->remove_x25519(*handle));
  EXPECT_EQ(vault->x25519_secret(*handle).error().code, Errc::kNotFound);
}

TEST(Vault, AFileVaultKeepsItsKeysApartAndMovable) {
  TempDirectory temp;
  SystemRng rng;
  auto state = open_state({.home = temp.path()});
  ASSERT_TRUE(state->vaults().create("one"));
  ASSERT_TRUE(state->vaults().create("two"));
  const SigningKey key = generate_signing_key(KeyKind::kEd25519, rng);
  const std::string moved = temp.path() + "/moved";
  Hash256 handle{};
  {
    auto one = open_vault(*state, "one", rng);
    auto two = open_vault(*state, "two", rng);
    handle = *(*two)->import_signing_key(key);
    EXPECT_EQ((*one)->sign(handle, {}).error().code, Errc::kNotFound);
  }
  EXPECT_FALSE(file_contains(temp.path() + "/database.sqlite3", key.secret.span()));
  EXPECT_EQ(state->vaults().move("two", temp.path() + "/database.sqlite3").error().code,
            Errc::kAlreadyExists);
  ASSERT_TRUE(state->vaults().move("two", moved));
  EXPECT_FALSE(std::filesystem::exists(temp.path() + "/vault-two"));
  EXPECT_EQ(mode_of(moved), 0600u);
  {
    auto two = open_vault(*state, "two", rng);
    ASSERT_TRUE(two);
    EXPECT_TRUE((*two)->sign(handle, {}));
  }
  ASSERT_TRUE(state->vaults().remove("two"));
  EXPECT_FALSE(std::filesystem::exists(moved));
}

TEST(Vault, DeletedSecretsDoNotStayInTheFile) {
  TempDirectory temp;
  SystemRng rng;
  auto state = open_state({.home = temp.path()});
  ASSERT_TRUE(state->vaults().create("v"));
  const SigningKey key = generate_signing_key(KeyKind::kEd25519, rng);
  {
    auto vault = open_vault(*state, "v", rng);
    ASSERT_TRUE((*vault)->import_signing_key(key));
  }
  const std::string file = temp.path() + "/database.sqlite3";
  EXPECT_TRUE(file_contains(file, key.secret.span()));
  ASSERT_TRUE(state->vaults().remove("v"));
  EXPECT_FALSE(file_contains(file, key.secret.span()));
}

TEST(Vault, AnUnknownOrKmsVaultIsAnError) {
  SeededRng rng(1);
  auto state = open_state({});
  EXPECT_EQ(open_vault(*state, "none", rng).error().code, Errc::kNotFound);
  ASSERT_TRUE(state->vaults().create("kms", {}, true));
  EXPECT_EQ(open_vault(*state, "kms", rng).error().code, Errc::kUnsupported);
}

TEST(Vault, ADamagedSecretIsAnErrorNotAShortKey) {
  SeededRng rng(1);
  auto state = open_state({});
  ASSERT_TRUE(state->vaults().create("v"));
  auto vault = open_vault(*state, "v", rng);
  const auto handle = (*vault)->create_signing_key(KeyKind::kEd25519);
  ASSERT_TRUE(state->database()->execute("UPDATE signing_secret SET secret = x'0102'"));
  EXPECT_EQ((*vault)->sign(*handle, {}).error().code, Errc::kInvalid);
}

TEST(Vault, IdentitiesFindTheirKeysAndHistoriesThroughTheAdapters) {
  SystemRng rng;
  auto state = open_state({});
  ASSERT_TRUE(state->vaults().create("v"));
  auto vault = open_vault(*state, "v", rng);
  VaultSecretStore secrets(**vault);
  const auto key = secrets.create_signing_key(KeyKind::kP256);
  ASSERT_TRUE(key);
  EXPECT_TRUE(secrets.has_signing_key(*key));
  const auto signature = secrets.sign(*key, as_bytes("m"));
  ASSERT_TRUE(signature);
  EXPECT_EQ(signature->kind, KeyKind::kP256);
  EXPECT_TRUE(*verify(*key, as_bytes("m"), signature->bytes));
  ASSERT_TRUE(secrets.remove_signing_key(*key));
  ASSERT_TRUE(secrets.remove_signing_key(*key));
  EXPECT_FALSE(secrets.has_signing_key(*key));
  const auto exchange = secrets.create_x25519_key();
  ASSERT_TRUE(exchange);
  EXPECT_EQ(x25519_public(*secrets.x25519_secret(*exchange)), *exchange);

  StateIdentityStore store(*state);
  const Identifier id{};
  EXPECT_FALSE(*store.purpose_key(id, Purpose::kCredentials));
  ASSERT_TRUE(store.put_purpose_key(id, Purpose::kCredentials, as_bytes("c")));
  ASSERT_TRUE(store.put_purpose_key(id, Purpose::kSecureChannel, as_bytes("s")));
  EXPECT_EQ(**store.purpose_key(id, Purpose::kCredentials), to_bytes(as_bytes("c")));
  ASSERT_TRUE(store.update_history(
      id, [](const std::optional<Bytes>& stored) -> Result<std::optional<Bytes>> {
        EXPECT_FALSE(stored);
        return std::optional<Bytes>(Bytes{9});
      }));
  EXPECT_EQ(**store.history(id), Bytes{9});
}

}  // namespace
}  // namespace weir

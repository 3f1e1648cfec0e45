// Vaults whose file is encrypted: who may open them, what lies in the file, what a wrong passphrase
// or a changed file does.
#include <fstream>
#include <iterator>

#include "control/store/internal/schema.h"
#include "control/vault/vault.h"
#include "crypto/kex.h"
#include "store_testing.h"

namespace weir {
namespace {

constexpr PasswordCost kCheap{.passes = 1, .memory_kib = 8};

SecretBytes secret_of(std::string_view text) { return SecretBytes::copy_of(as_bytes(text)); }

UnlockVault answer(std::string text) {
  return [text](const VaultRecord&, const VaultProtection&) -> Result<SecretBytes> {
    return secret_of(text);
  };
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

VaultProtection locked_by(VaultLock lock) {
  VaultProtection protection;
  protection.lock = lock;
  return protection;
}

struct EncryptedVault : testing::Test {
  EncryptedVault() : state(open_state({.home = temp.path()})), path(temp.path() + "/secrets") {
    EXPECT_TRUE(create_protected_vault(*state, "v", path, locked_by(VaultLock::kPassphrase),
                                       secret_of("correct horse"), rng, kCheap));
  }
  Result<std::unique_ptr<Vault>> open(const std::string& passphrase) {
    return open_vault(*state, "v", rng, answer(passphrase));
  }
  std::shared_ptr<Database> raw() { return *Database::open({.path = path}, vault_schema()); }

  TempDirectory temp;
  SystemRng rng;
  std::unique_ptr<State> state;
  std::string path;
};

TEST_F(EncryptedVault, ItsSecretsAreUsableWithThePassphraseAndNowhereInTheFile) {
  const SigningKey key = generate_signing_key(KeyKind::kEd25519, rng);
  const auto exchange = Secret<32>::random(rng);
  Hash256 signing{};
  Hash256 agreeing{};
  {
    auto vault = open("correct horse");
    ASSERT_TRUE(vault) << vault.error().text();
    signing = *(*vault)->import_signing_key(key);
    agreeing = *(*vault)->import_x25519(exchange);
  }
  for (const std::string& file : {path, temp.path() + "/database.sqlite3"}) {
    const std::string content = content_of(file);
    EXPECT_EQ(content.find(as_text(key.secret.span())), std::string::npos);
    EXPECT_EQ(content.find(as_text(exchange.span())), std::string::npos);
    EXPECT_EQ(content.find("correct horse"), std::string::npos);
  }
  EXPECT_EQ(mode_of(path), 0600u);
  auto vault = open("correct horse");
  const auto signature = (*vault)->sign(signing, as_bytes("m"));
  ASSERT_TRUE(signature);
  EXPECT_TRUE(*verify(*public_key(key), as_bytes("m"), *signature));
  EXPECT_EQ(*(*vault)->x25519_secret(agreeing), exchange);
  EXPECT_TRUE(*(*vault)->create_signing_key(KeyKind::kP256) != Hash256{});
}

TEST_F(EncryptedVault, AWrongPassphraseIsRefusedAndChangesNothing) {
  const std::string before = content_of(path);
  EXPECT_EQ(open("wrong horse").error().code, Errc::kRefused);
  EXPECT_EQ(open("").error().code, Errc::kRefused);
  EXPECT_EQ(open_vault(*state, "v", rng).error().code, Errc::kRefused);
  EXPECT_EQ(content_of(path), before);
}

TEST_F(EncryptedVault, ItSaysThatItIsEncryptedWithoutBeingOpened) {
  const auto protection = vault_protection(*state, *state->vaults().get("v"));
  ASSERT_TRUE(protection);
  EXPECT_EQ(protection->lock, VaultLock::kPassphrase);
  ASSERT_TRUE(state->vaults().create("plain", temp.path() + "/plain"));
  EXPECT_EQ(vault_protection(*state, *state->vaults().get("plain"))->lock, VaultLock::kNone);
}

TEST_F(EncryptedVault, AnotherPassphraseOpensWhatTheFirstOneSealed) {
  auto running = open("correct horse");
  const Hash256 handle = *(*running)->create_signing_key(KeyKind::kEd25519);
  const auto key = locked_by(VaultLock::kKeyFile);
  const std::string long_key(32, 'k');
  EXPECT_EQ(rekey_vault(*state, "v", answer("wrong"), key, secret_of(long_key), rng).error().code,
            Errc::kRefused);
  EXPECT_EQ(
      rekey_vault(*state, "v", answer("correct horse"), key, secret_of("short"), rng).error().code,
      Errc::kRefused);
  EXPECT_TRUE(open("correct horse"));
  ASSERT_TRUE(rekey_vault(*state, "v", answer("correct horse"), key, secret_of(long_key), rng));
  EXPECT_FALSE(open("correct horse"));
  auto vault = open(long_key);
  ASSERT_TRUE(vault);
  EXPECT_TRUE((*vault)->sign(handle, as_bytes("m")));
  EXPECT_TRUE((*running)->sign(handle, as_bytes("m")));  // a node that runs goes on
}

TEST_F(EncryptedVault, SecretsOfTwoRowsCannotBeExchanged) {
  auto vault = open("correct horse");
  const Hash256 one = *(*vault)->create_signing_key(KeyKind::kEd25519);
  const Hash256 two = *(*vault)->create_signing_key(KeyKind::kEd25519);
  auto file = raw();
  ASSERT_TRUE(
      file->run("UPDATE signing_secret SET secret ="
                " (SELECT secret FROM signing_secret WHERE handle = ?) WHERE handle = ?",
                ByteSpan(one), ByteSpan(two)));
  EXPECT_TRUE((*vault)->sign(one, {}));
  EXPECT_EQ((*vault)->sign(two, {}).error().code, Errc::kInvalid);
  ASSERT_TRUE(file->run("UPDATE signing_secret SET kind = 1 WHERE handle = ?", ByteSpan(one)));
  EXPECT_EQ((*vault)->sign(one, {}).error().code, Errc::kInvalid);
  ASSERT_TRUE(file->execute("UPDATE signing_secret SET secret = zeroblob(32)"));
  EXPECT_EQ((*vault)->sign(one, {}).error().code, Errc::kInvalid);
}

TEST_F(EncryptedVault, ADamagedProtectionIsAnError) {
  for (const char* damage :
       {"UPDATE protection SET memory_kib = 2000000000", "UPDATE protection SET passes = 0",
        "UPDATE protection SET salt = x'00'", "UPDATE protection SET sealed_key = x'00'",
        "UPDATE protection SET lock = 2", "UPDATE protection SET lock = 9"}) {
    ASSERT_TRUE(raw()->execute(damage));
    EXPECT_FALSE(open("correct horse")) << damage;
  }
}

TEST_F(EncryptedVault, ItStaysEncryptedWhereItIsMoved) {
  const std::string moved = temp.path() + "/moved";
  ASSERT_TRUE(state->vaults().move("v", moved));
  EXPECT_FALSE(open("wrong"));
  EXPECT_TRUE(open("correct horse"));
  EXPECT_EQ(mode_of(moved), 0600u);
}

TEST(ProtectedVault, ThatCannotBeMadeLeavesNothing) {
  TempDirectory temp;
  SystemRng rng;
  auto state = open_state({.home = temp.path()});
  const std::string path = temp.path() + "/secrets";
  for (const auto& [lock, secret] : {std::pair{VaultLock::kPassphrase, ""},
                                     std::pair{VaultLock::kKeyFile, "too short for a key"},
                                     std::pair{VaultLock::kToken, "1234"}}) {
    EXPECT_FALSE(
        create_protected_vault(*state, "v", path, locked_by(lock), secret_of(secret), rng, kCheap));
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_FALSE(state->vaults().get("v"));
  }
  EXPECT_FALSE(rekey_vault(*state, "v", answer("x"), {}, secret_of("x"), rng));
  ASSERT_TRUE(state->vaults().create("v", path));
  EXPECT_EQ(rekey_vault(*state, "v", answer("x"), {}, secret_of("x"), rng).error().code,
            Errc::kUnsupported);
}

TEST(ProtectedVault, IsNeverTheMainDatabase) {
  TempDirectory temp;
  SystemRng rng;
  auto state = open_state({.home = temp.path()});
  const auto made = create_protected_vault(*state, "v", {}, locked_by(VaultLock::kPassphrase),
                                           secret_of("p"), rng, kCheap);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->path, temp.path() + "/vault-v");
  EXPECT_TRUE(made->is_default);
}

}  // namespace
}  // namespace weir

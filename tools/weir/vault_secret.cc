#include "tools/weir/vault_secret.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/unique_fd.h"
#include "control/vault/vault.h"
#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

constexpr std::size_t kSecretFileBytesMax = 64 * 1024;
constexpr std::size_t kTypedBytesMax = 1024;

constexpr char kPassphrase[] = "WEIR_VAULT_PASSPHRASE";
constexpr char kPassphraseFile[] = "WEIR_VAULT_PASSPHRASE_FILE";
constexpr char kKeyFile[] = "WEIR_VAULT_KEY_FILE";
constexpr char kPin[] = "WEIR_PKCS11_PIN";
constexpr char kPinFile[] = "WEIR_PKCS11_PIN_FILE";

const char* word_of(VaultLock lock) {
  switch (lock) {
    case VaultLock::kKeyFile:
      return "key file";
    case VaultLock::kToken:
      return "PIN";
    default:
      return "passphrase";
  }
}

std::optional<std::string> variable(const EnvLookup& env, const char* name) {
  auto value = env(name);
  if (value && value->empty()) value.reset();
  return value;
}

// A line's end behind a passphrase or PIN is the editor's, not the user's.
void trim_line_end(SecretBytes& secret) {
  std::size_t size = secret.size();
  if (size > 0 && secret.span()[size - 1] == '\n') --size;
  if (size > 0 && secret.span()[size - 1] == '\r') --size;
  secret.shorten(size);
}

Result<SecretBytes> read_file(VaultLock lock, const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    return fail(Errc::kNotFound, "the file cannot be read",
                fmt::format("{}: {}", path, std::strerror(errno)));
  }
  SecretBytes content(kSecretFileBytesMax + 1);
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(file.get(), content.span().data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return fail(Errc::kIo, "the file cannot be read",
                  fmt::format("{}: {}", path, std::strerror(errno)));
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kSecretFileBytesMax) return fail(Errc::kInvalid, "the file is too large", path);
  content.shorten(size);
  if (lock != VaultLock::kKeyFile) trim_line_end(content);
  if (content.empty()) return fail(Errc::kInvalid, "the file is empty", path);
  return content;
}

// The terminal without echo, for as long as this lives.
class SilentTerminal {
 public:
  SilentTerminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    if (!fd_ || ::tcgetattr(fd_.get(), &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    is_silent_ = ::tcsetattr(fd_.get(), TCSAFLUSH, &silent) == 0;
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  ~SilentTerminal() {
    if (is_silent_) ::tcsetattr(fd_.get(), TCSAFLUSH, &before_);
  }

  // Empty: there is no terminal, or nothing was typed.
  SecretBytes read_line(const std::string& question) {
    if (!is_silent_) return {};
    SecretBytes typed(kTypedBytesMax);
    write_stderr(question);
    ssize_t got = 0;
    do {
      got = ::read(fd_.get(), typed.span().data(), typed.size());
    } while (got < 0 && errno == EINTR);
    write_stderr("\n");
    typed.shorten(got > 0 ? static_cast<std::size_t>(got) : 0);
    trim_line_end(typed);
    return typed;
  }

 private:
  UniqueFd fd_;
  termios before_{};
  bool is_silent_ = false;
};

// The environment's answer; nullopt: it has none.
std::optional<Result<SecretBytes>> from_environment(const EnvLookup& env, VaultLock lock) {
  const bool is_pin = lock == VaultLock::kToken;
  if (lock != VaultLock::kKeyFile) {
    if (const auto text = variable(env, is_pin ? kPin : kPassphrase)) {
      return SecretBytes::copy_of(as_bytes(*text));
    }
  }
  const char* file_variable = kPassphraseFile;
  if (lock == VaultLock::kKeyFile) file_variable = kKeyFile;
  if (is_pin) file_variable = kPinFile;
  if (const auto path = variable(env, file_variable)) return read_file(lock, *path);
  return std::nullopt;
}

std::string how_to_unlock(VaultLock lock) {
  switch (lock) {
    case VaultLock::kKeyFile:
      return fmt::format("set {} to the path of its key file", kKeyFile);
    case VaultLock::kToken:
      return fmt::format("set {} or {}", kPin, kPinFile);
    default:
      return fmt::format("set {} or {}", kPassphrase, kPassphraseFile);
  }
}

// What is there without asking anybody.
std::optional<Result<SecretBytes>> known_secret(const EnvLookup& env,
                                                const VaultProtection& protection) {
  // The vault's own file first: variables hold for all vaults.
  if (!protection.secret_path.empty() && ::access(protection.secret_path.c_str(), F_OK) == 0) {
    return read_file(protection.lock, protection.secret_path);
  }
  return from_environment(env, protection.lock);
}

Result<SecretBytes> secret_of(Context& context, const VaultRecord& vault,
                              const VaultProtection& protection) {
  if (auto known = known_secret(context.env(), protection)) return std::move(*known);
  if (context.can_ask() && protection.lock != VaultLock::kKeyFile) {
    SecretBytes typed = SilentTerminal().read_line(
        fmt::format("The {} of the vault {}: ", word_of(protection.lock), vault.name));
    if (!typed.empty()) return typed;
  }
  return fail(Errc::kRefused, "the vault is locked",
              fmt::format("{}; {}", vault.name, how_to_unlock(protection.lock)));
}

// The vault that a node of this identity will open; none yet is nullopt.
std::optional<VaultRecord> vault_of(Context& context, const std::string& identity_name) {
  State& state = context.state();
  auto identity = identity_name.empty() ? state.identities().get_default()
                                        : state.identities().get(identity_name);
  if (identity) {
    auto vault = state.vaults().get(identity->vault_name);
    return vault ? std::optional(std::move(*vault)) : std::nullopt;
  }
  auto vaults = must(state.vaults().list());
  return vaults.size() == 1 ? std::optional(std::move(vaults.front())) : std::nullopt;
}

}  // namespace

UnlockVault vault_unlocker(Context& context) {
  return [&context](const VaultRecord& vault, const VaultProtection& protection) {
    return secret_of(context, vault, protection);
  };
}

NewVaultSecret secret_from_file(VaultLock lock, const std::string& path) {
  NewVaultSecret out;
  out.protection.lock = lock;
  out.secret = must(read_file(lock, path));
  std::error_code failed;
  if (std::filesystem::is_regular_file(path, failed)) {
    out.protection.secret_path = std::filesystem::absolute(path).lexically_normal().string();
  }
  return out;
}

NewVaultSecret secret_from_user(Context& context, VaultLock lock, const char* name) {
  NewVaultSecret out;
  out.protection.lock = lock;
  if (const auto text = variable(context.env(), name)) {
    out.secret = SecretBytes::copy_of(as_bytes(*text));
    return out;
  }
  if (!context.can_ask()) {
    give_up(fmt::format("There is no {} for the vault", word_of(lock)),
            fmt::format("set {}, or name a file that holds it", name));
  }
  SilentTerminal terminal;
  out.secret = terminal.read_line(fmt::format("The vault's {}: ", word_of(lock)));
  if (out.secret.empty()) give_up(fmt::format("No {} was given", word_of(lock)));
  if (lock == VaultLock::kToken) return out;
  const SecretBytes again = terminal.read_line("Once more: ");
  if (!equal_constant_time(out.secret.span(), again.span())) give_up("They are not the same");
  return out;
}

void unlock_for_node(Context& context, const std::string& identity_name) {
  const auto vault = vault_of(context, identity_name);
  if (!vault) return;
  const VaultProtection protection = must(vault_protection(context.state(), *vault));
  if (protection.lock == VaultLock::kNone || known_secret(context.env(), protection)) return;
  const SecretBytes typed = must(secret_of(context, *vault, protection));
  must(open_vault(context.state(), vault->name, context.rng(),
                  [&](const VaultRecord&, const VaultProtection&) -> Result<SecretBytes> {
                    return SecretBytes::copy_of(typed.span());
                  }));
  const char* name = protection.lock == VaultLock::kToken ? kPin : kPassphrase;
  ::setenv(name, std::string(as_text(typed.span())).c_str(), 1);
}

void forget_vault_environment() {
  for (const char* name : {kPassphrase, kPin}) {
    char* value = ::getenv(name);
    if (value == nullptr) continue;
    wipe({reinterpret_cast<std::uint8_t*>(value), std::strlen(value)});
    ::unsetenv(name);
  }
}

}  // namespace weir::cli

#include "tools/load/party.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <fstream>

#include "base/check.h"
#include "base/hex.h"
#include "base/unique_fd.h"

namespace weir::load {
namespace {

// The file is one line: "weir-load-identity 1 SIGNING-KEY-HEX VALID-FROM-SECONDS".
constexpr std::string_view kMagic = "weir-load-identity 1 ";

Result<IdentitySeed> parse_seed(std::string_view text) {
  const auto bad = fail(Errc::kInvalid, "not an identity file of weir-load");
  if (!text.starts_with(kMagic)) return bad;
  text.remove_prefix(kMagic.size());
  if (text.size() < 66 || text[64] != ' ') return bad;
  const std::optional<Bytes> key = from_hex(text.substr(0, 64));
  if (!key) return bad;
  IdentitySeed seed;
  seed.signing_key = Secret<32>::from_span(*key);
  const auto [end, error] =
      std::from_chars(text.data() + 65, text.data() + text.size(), seed.valid_from_s);
  if (error != std::errc{} || (end != text.data() + text.size() && *end != '\n')) return bad;
  return seed;
}

}  // namespace

IdentitySeed IdentitySeed::throw_away() {
  SystemRng rng;
  SystemClock clock;
  return {Secret<32>::random(rng), clock.unix_seconds()};
}

Result<IdentitySeed> IdentitySeed::load_or_create(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd) {
    char text[256];
    const ssize_t n = ::read(fd.get(), text, sizeof text);
    if (n < 0) return fail(Errc::kIo, "cannot read the identity file", path);
    return parse_seed({text, static_cast<std::size_t>(n)});
  }
  if (errno != ENOENT) return fail(Errc::kIo, "cannot open the identity file", path);
  const IdentitySeed seed = throw_away();
  const std::string line = std::string(kMagic) + to_hex(seed.signing_key.span()) + " " +
                           std::to_string(seed.valid_from_s) + "\n";
  UniqueFd out(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out || ::write(out.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return fail(Errc::kIo, "cannot write the identity file", path);
  }
  return seed;
}

Result<MemberSeed> MemberSeed::load_or_create(const std::string& path, AttributeMap attributes) {
  Result<IdentitySeed> authority = IdentitySeed::load_or_create(path);
  if (!authority) return pass(authority);
  Party party(*authority);
  const auto history = party.identities_.export_hex(party.own());
  if (!history) return fail(Errc::kInternal, "no change history of the authority");
  const std::string beside = path + ".history";
  std::ofstream file(beside);
  if (!(file << *history << "\n")) return fail(Errc::kIo, "cannot write", beside);
  return MemberSeed{std::move(*authority), std::move(attributes)};
}

Party::Party(const IdentitySeed& seed, const std::optional<MemberSeed>& member) {
  own_ = import(seed);
  if (!member) return;
  authority_ = import(member->authority);
  attributes_ = member->attributes;
  own_credential_ = credential_of(own_);
}

Identifier Party::import(const IdentitySeed& seed) {
  const VerifyingKey key = secrets_.import_signing_key({KeyKind::kEd25519, seed.signing_key});
  Result<IdentityPtr> identity =
      identities_.create_with_key(key, ChangeOptions::starting_at(seed.valid_from_s));
  CHECK(identity.has_value());
  return (*identity)->identifier();
}

Bytes Party::credential_of(const Identifier& identity) {
  constexpr std::uint64_t kLifeS = 30 * 86'400;
  const auto credential = identities_.issue_credential(*authority_, identity, attributes_, kLifeS);
  CHECK(credential.has_value());
  return credential->encode();
}

Identifier Party::make_fresh() {
  Result<IdentityPtr> identity = identities_.create();
  CHECK(identity.has_value());
  CHECK(identities_.secure_channel_key((*identity)->identifier()).has_value());
  return (*identity)->identifier();
}

void Party::prepare_fresh(std::size_t count) {
  prepared_.reserve(prepared_.size() + count);
  for (std::size_t i = 0; i < count; ++i) prepared_.push_back(make_fresh());
}

Identifier Party::fresh() {
  if (prepared_.empty()) return make_fresh();
  const Identifier identity = prepared_.back();
  prepared_.pop_back();
  return identity;
}

Result<Initiator> Party::start_handshake(const Identifier& identity) {
  HandshakeOptions options;
  options.identity = identity;
  if (authority_) {
    options.credentials.push_back(identity == own_ ? own_credential_ : credential_of(identity));
  }
  return Initiator::create({identities_, rng_, *aead_}, std::move(options));
}

}  // namespace weir::load

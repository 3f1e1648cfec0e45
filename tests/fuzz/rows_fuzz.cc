// A database whose rows are anybody's. The first byte chooses: rows of all tables, which every
// reader up to a node's restart must survive, with errors at most; or what PostgreSQL's server and
// its user may send: values, error texts, URLs.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/rng.h"
#include "control/authority/authority.h"
#include "control/node/node.h"
#include "control/policy/access.h"
#include "control/project/project.h"
#include "control/store/internal/postgres_sql.h"
#include "control/store/internal/rows.h"
#include "control/store/postgres_place.h"
#include "control/store/state.h"
#include "control/vault/identity_adapters.h"

namespace {

using namespace weir;

constexpr std::size_t kRowsMax = 64;

class FixedClock final : public Clock {
 public:
  std::uint64_t now_ns() override { return 0; }
  std::uint64_t unix_seconds() override { return 1'750'000'000; }
};

class NoResolver final : public Resolver {
 public:
  void resolve(const std::string&, std::uint16_t, Answer done) override {
    done(fail(Errc::kNotFound, "no names here"));
  }
};

// A shard that takes every command and never says anything.
class SilentShard final : public ShardPort {
 public:
  void send(Command) override {}
  bool poll(Event&) override { return false; }
};

// The identities whose rows make sense; their secrets are in memory.
struct People {
  SeededRng rng{1};
  FixedClock clock;
  MemoryIdentityStore store;
  MemorySecretStore secrets{rng};
  Identities identities{store, secrets, clock};
  Identifier who = identities.create().value()->identifier();
  Identifier authority = identities.create().value()->identifier();
  Bytes history = identities.export_bytes(who).value();
};

People& people() {
  static People people;
  return people;
}

// Takes values off the input; an input that is used up gives zeros.
class Source {
 public:
  explicit Source(ByteSpan input) : input_(input) {}
  bool empty() const { return input_.empty(); }
  std::uint8_t byte() {
    if (input_.empty()) return 0;
    const std::uint8_t byte = input_.front();
    input_ = input_.subspan(1);
    return byte;
  }
  ByteSpan bytes(std::size_t size) {
    size = std::min(size, input_.size());
    const ByteSpan taken = input_.first(size);
    input_ = input_.subspan(size);
    return taken;
  }
  std::int64_t integer() {
    const std::uint8_t tag = byte();
    if (tag != 0xff) return std::int64_t{tag} - 8;
    std::uint8_t raw[8] = {};
    const ByteSpan taken = bytes(8);
    std::copy(taken.begin(), taken.end(), raw);
    return static_cast<std::int64_t>(load_be64(raw));
  }
  std::string text() {
    static const std::vector<std::string> kWords = {
        "n",
        "",
        people().who.text(),
        people().authority.text(),
        kResourceInlet,
        kResourceOutlet,
        kResourceRelay,
        kResourceTcpListener,
        kResourceChannelListener,
        kResourceHop,
        "default",
        "SC_PK",
        "C_PK",
        "handle_message",
        "tcp-inlet",
        "api",
        "echo",
        "127.0.0.1:4000",
        "{}",
        R"({"listen":"127.0.0.1:1","to":"/service/outlet","prefix_route":[1,"a"]})",
        R"({"to":"127.0.0.1:1","authorized":["x"],"enable_nagle":3})",
        R"({"at":"/ip4/127.0.0.1/tcp/1","relay_address":7})",
        R"({"listen":[],"to":null,"at":{}})",
        "(= subject.a \"b\")",
        "true",
        "subject.identifier",
        "[]",
        "/vault"};
    const std::uint8_t tag = byte();
    if (tag < 0x80) return kWords[tag % kWords.size()];
    return std::string(as_text(bytes(tag & 0x7f)));
  }
  Bytes blob() {
    const std::uint8_t tag = byte();
    if (tag == 0xff) return people().history;
    if (tag == 0xfe) return Bytes(32, byte());
    return to_bytes(bytes(tag));
  }

 private:
  ByteSpan input_;
};

struct Table {
  std::string name;
  std::vector<std::string> types;
};

const std::vector<Table>& tables() {
  static const std::vector<Table> kTables = [] {
    auto state = State::open({});
    CHECK(state.has_value());
    Database& db = *(*state)->database();
    std::vector<Table> found;
    auto names = list_rows(db,
                           "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE"
                           " 'sqlite_%' ORDER BY name",
                           read_text);
    CHECK(names.has_value());
    for (const std::string& name : *names) {
      auto types = list_rows(db, "SELECT type FROM pragma_table_info(?)", read_text, name);
      CHECK(types.has_value());
      found.push_back({name, std::move(*types)});
    }
    return found;
  }();
  return kTables;
}

void add_row(Database& db, Source& source) {
  const Table& table = tables()[source.byte() % tables().size()];
  std::string sql = "INSERT OR REPLACE INTO " + table.name + " VALUES (";
  for (std::size_t i = 0; i < table.types.size(); ++i) sql += i == 0 ? "?" : ",?";
  auto statement = db.prepare(sql + ")");
  CHECK(statement.has_value());
  std::vector<std::string> texts(table.types.size());
  std::vector<Bytes> blobs(table.types.size());
  for (std::size_t i = 0; i < table.types.size(); ++i) {
    const int index = static_cast<int>(i) + 1;
    if (table.types[i] == "INTEGER") {
      statement->bind(index, source.integer());
    } else if (table.types[i] == "BLOB") {
      blobs[i] = source.blob();
      statement->bind(index, ByteSpan(blobs[i]));
    } else {
      texts[i] = source.text();
      statement->bind(index, std::string_view(texts[i]));
    }
  }
  (void)statement->finish();  // a row that may not be there (twice a name) is not
}

void read_tables(State& state) {
  const std::string who = people().who.text();
  (void)state.nodes().list();
  (void)state.nodes().get_default();
  (void)state.nodes().get("n");
  (void)state.identities().list();
  (void)state.identities().get_default();
  (void)state.identities().get_by_identifier(who);
  (void)state.vaults().list();
  (void)state.vaults().get_default_or_create();
  (void)state.resources().list("n");
  (void)state.policies().list("n");
  (void)state.attributes().list("n", 5);
  (void)state.credentials().list("n");
  (void)state.authority().members(people().authority.text());
  (void)state.authority().revocations(people().authority.text());
  (void)state.authority().log(people().authority.text(), 0, 100);
  if (auto projects = state.projects().list()) {
    for (const ProjectRecord& record : *projects) (void)Project::parse(record.json);
  }
}

// What a command or a node does first with an identity and its vault.
void use_identity(State& state) {
  static SystemRng rng;
  auto vaults = state.vaults().list();
  if (!vaults) return;
  for (const VaultRecord& vault : *vaults) {
    if (!vault.path.empty() || vault.is_kms) continue;  // no files from here
    auto opened = open_vault(state, vault.name, rng);
    if (!opened) continue;
    for (const std::uint8_t byte : {0, 1, 255}) {
      Hash256 handle{};
      handle.fill(byte);
      (void)(*opened)->public_key(handle);
      (void)(*opened)->x25519_secret(handle);
    }
    StateIdentityStore store(state);
    VaultSecretStore secrets(**opened);
    Identities identities(store, secrets, people().clock);
    (void)identities.get(people().who);
    (void)identities.secure_channel_key(people().who);
    (void)identities.credential_key(people().authority);
  }
}

void restart_node(State& state, bool is_authority) {
  StateIdentityStore store(state);
  Identities identities(store, people().secrets, people().clock);
  NodeConfig config;
  config.name = "n";
  config.identity = people().who;
  config.identity_name = "default";
  config.authorities = {people().authority};
  config.credential_source = CredentialSource{people().authority, std::nullopt, "s"};
  if (is_authority) {
    config.authority.emplace();
    config.authority->identity = people().authority;
    config.authority->project_id = "p";
  }
  SilentShard shard;
  NoResolver resolver;
  SeededRng rng(7);
  Node node(std::move(config), {&shard}, &state, identities, resolver, people().clock, rng,
            [](LogLevel, const std::string&) {});
  node.start([](const auto&) {});
  node.restore_all();
  node.step();
  (void)node.resources();
  node.shutdown();
}

void try_rows(ByteSpan input, bool is_authority) {
  auto state = State::open({});
  CHECK(state.has_value());
  Source source(input);
  for (std::size_t row = 0; row < kRowsMax && !source.empty(); ++row) {
    add_row(*(*state)->database(), source);
  }
  read_tables(**state);
  use_identity(**state);
  restart_node(**state, is_authority);
}

void try_server(ByteSpan input) {
  const std::string_view text = as_text(input);
  for (const unsigned type : {kPostgresBool, kPostgresBytea, kPostgresInt8, kPostgresInt2,
                              kPostgresInt4, kPostgresText, 0U}) {
    (void)postgres_integer(type, input);
  }
  const ConnectTrouble trouble = read_trouble(text);
  CHECK(trouble.state.empty() || trouble.state.size() == 5);
  CHECK(trouble.message.find('\n') == std::string::npos);
  (void)connect_error(trouble, "h:1/n");
  (void)postgres_error(text.substr(0, 5), std::string(text));
  (void)postgres_statement(text);
  (void)postgres_tables(text);
  if (const auto place = parse_postgres_url(text)) {
    CHECK(!place->host.empty() && place->port != 0 && !place->database.empty());
    CHECK(place->host.find('\0') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan input(data + 1, size - 1);
  if (data[0] % 4 == 0) {
    try_server(input);
  } else {
    try_rows(input, data[0] % 4 == 3);
  }
  return 0;
}

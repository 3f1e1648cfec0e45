#include "tools/load/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <sstream>

#include "base/hex.h"

namespace weir::load {
namespace {

// Larger ones would not fit a frame with any route (docs/spec/01 section 6.1: 16 MiB).
constexpr std::size_t kPayloadBytesMax = (std::size_t{16} << 20) - (std::size_t{64} << 10);

// What the parser fills; checked and converted afterwards.
struct Raw {
  std::string target;
  std::string sizes = "64";
  std::string payload;
  std::string cores;
  std::string sweep;
  std::string identity;
  std::string authority;
  std::vector<std::string> attributes;
  std::string kind;
  std::string with = "channel";
  double lag_bound_us = 500;
  double read_rate = 0;
};

struct ModeHelp {
  ModeKind kind;
  const char* name;
  const char* what;
  double rate_per_s;
  std::uint32_t connections;
};
constexpr ModeHelp kModes[] = {
    {ModeKind::kMessage, "message",
     "messages to a worker that answers (echo, unless the target names one)", 10'000, 1},
    {ModeKind::kRelay, "relay",
     "frames through a relay that the tool registers: one way, both ends are the tool", 10'000, 1},
    {ModeKind::kPortal, "portal",
     "streams through an inlet (the target) to a server that the tool runs for the outlet", 1000,
     1},
    {ModeKind::kHandshake, "handshake", "secure channels: made, asked for one echo, closed", 100,
     16},
    {ModeKind::kIdle, "idle", "tunnels made and kept open; --pid tells what each costs", 0, 100},
    {ModeKind::kChurn, "churn", "connect, set up, one message, close", 100, 1},
    {ModeKind::kFlood, "flood", "adversary: first handshake messages that are never followed up",
     10'000, 4},
    {ModeKind::kSlowReader, "slow-reader", "adversary: asks, and reads the answers slowly or never",
     1000, 4},
    {ModeKind::kMangle, "mangle", "adversary: valid frames with flipped bits", 1000, 4},
    {ModeKind::kReplay, "replay",
     "adversary: recorded frames again, there and on another connection", 1000, 4},
};

Result<std::vector<int>> parse_cores(const std::string& text) {
  if (text.empty()) return std::vector<int>{-1};
  const auto bad = fail(Errc::kInvalid, "--cores is a list like 0,2-3", text);
  std::set<int> cores;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    int first = 0;
    const char* end = part.data() + part.size();
    auto [at, error] = std::from_chars(part.data(), end, first);
    int last = first;
    if (error == std::errc{} && at != end && *at == '-') {
      std::tie(at, error) = [&] {
        const auto found = std::from_chars(at + 1, end, last);
        return std::pair(found.ptr, found.ec);
      }();
    }
    if (error != std::errc{} || at != end || first < 0 || last < first || last > 1023) return bad;
    for (int core = first; core <= last; ++core) cores.insert(core);
  }
  if (cores.empty()) return bad;
  return std::vector<int>(cores.begin(), cores.end());
}

void add_common(CLI::App& app, Options& options, Raw& raw, const ModeHelp& mode) {
  options.rate_per_s = mode.rate_per_s;
  options.connections = mode.connections;
  app.add_option("target", raw.target,
                 mode.kind == ModeKind::kPortal
                     ? "HOST:PORT of the inlet"
                     : "HOST:PORT, or a MultiAddr that says how: "
                       "/ip4/IP/tcp/PORT[/secure/api][/service/forward_to_NAME][/service/echo]")
      ->required();
  app.add_option("--rate", options.rate_per_s,
                 "operations per second, over all threads (open loop)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--poisson", options.poisson, "random gaps with that mean instead of fixed ones");
  app.add_option("--closed", options.closed,
                 "closed loop: this many in flight, the next when one is done");
  app.add_option("--sweep", raw.sweep,
                 "FROM:TO[:FACTOR] raises the rate until the target gives way");
  app.add_option("--size", raw.sizes, "bytes of payload: 64, 48KiB, or 64:90%,1400:10%")
      ->capture_default_str();
  app.add_option("--connections", options.connections, "TCP connections, over all threads")
      ->check(CLI::Range(1u, 1'000'000u))
      ->capture_default_str();
  app.add_option("--duration", options.duration_s, "seconds to measure (each step of a sweep)")
      ->check(CLI::Range(0.01, 1e6))
      ->capture_default_str();
  app.add_option("--warmup", options.warmup_s, "seconds before that")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--timeout", options.timeout_s,
                 "seconds for an answer, while setting up and in the closed loop")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  app.add_option("--cores", raw.cores, "one thread, pinned, on each of these cores: 0,2-3");
  app.add_option("--identity", raw.identity,
                 "file with the identity to use, made if missing; else a throw-away one");
  app.add_option(
      "--authority", raw.authority,
      "show a credential by the authority in this file, made if missing; FILE.history is "
      "what `weir node create --authority-identity` takes");
  app.add_option("--attribute", raw.attributes, "KEY=VALUE of that credential; several")
      ->needs("--authority");
  app.add_option("--pid", options.pid,
                 "process of the target: its CPU time and memory are given, too");
  app.add_option("--lag-bound-us", raw.lag_bound_us,
                 "our own sends are late above this; no latency is given when 1 % are")
      ->check(CLI::Range(1.0, 1e7))
      ->capture_default_str();
  app.add_option("--payload-hex", raw.payload,
                 "message: these bytes each time, such as a request to a service");
  app.add_option("--seed", options.seed, "of sizes, Poisson gaps and flipped bits")
      ->capture_default_str();
  app.add_flag("--json", options.json, "one JSON object on stdout");
  app.add_flag("--progress", options.progress,
               "a line per second on stderr, also without a terminal");
}

void add_identities(CLI::App& app, Raw& raw) {
  raw.kind = "known";
  app.add_option("--identities", raw.kind, "known: the same each time; new: one never seen before")
      ->check(CLI::IsMember({"known", "new"}))
      ->capture_default_str();
}

void add_own(CLI::App& app, Options& options, Raw& raw, ModeKind kind) {
  switch (kind) {
    case ModeKind::kMessage:
      app.add_option("--channels", options.channels,
                     "flows over those connections (with secure: channels)");
      break;
    case ModeKind::kRelay:
      app.add_option("--channels", options.channels,
                     "relays, and pairs of flows, over those connections");
      raw.kind = "open-seal";
      app.add_option("--kind", raw.kind,
                     "open-seal: channels at both ends; opaque: none; seal, open: one")
          ->check(CLI::IsMember({"open-seal", "opaque", "open", "seal"}))
          ->capture_default_str();
      break;
    case ModeKind::kPortal:
      raw.kind = "request";
      app.add_option(
             "--kind", raw.kind,
             "request: request and response; bulk: one direction; connect: a new connection each")
          ->check(CLI::IsMember({"request", "bulk", "connect"}))
          ->capture_default_str();
      app.add_option("--serve", options.serve,
                     "HOST:PORT where the outlet's target listens, in this tool")
          ->required();
      app.add_flag("--reverse", options.reverse, "bulk: from the server to the client");
      break;
    case ModeKind::kHandshake:
      add_identities(app, raw);
      app.add_option("--prepare", options.prepare, "new identities made before the clock starts")
          ->check(CLI::Range(0u, 1'000'000u));
      break;
    case ModeKind::kIdle:
    case ModeKind::kChurn:
      app.add_option("--with", raw.with,
                     "each tunnel: connection, channel (and that), relay (and both)")
          ->check(CLI::IsMember({"connection", "channel", "relay"}))
          ->capture_default_str();
      if (kind == ModeKind::kIdle) {
        app.add_option("--channels", options.channels,
                       "tunnels over those connections; default one each");
        add_identities(app, raw);
      }
      break;
    case ModeKind::kSlowReader:
      app.add_option("--read-rate", raw.read_rate, "bytes per second read by each connection")
          ->check(CLI::NonNegativeNumber)
          ->capture_default_str();
      break;
    case ModeKind::kMangle:
      app.add_option("--bits", options.bits, "bits flipped in each frame, at most")
          ->check(CLI::Range(1u, 1000u))
          ->capture_default_str();
      break;
    case ModeKind::kReplay:
      app.add_option("--copies", options.copies, "times that each frame is sent again")
          ->check(CLI::Range(1u, 1000u))
          ->capture_default_str();
      break;
    case ModeKind::kFlood:
      break;
  }
}

Result<AttributeMap> attributes_given(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> attributes;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return fail(Errc::kInvalid, "--attribute: not KEY=VALUE", text);
    }
    attributes[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return attributes_of(attributes);
}

void convert_kinds(Options& options, const Raw& raw) {
  options.secure_sender = raw.kind == "open-seal" || raw.kind == "open";
  options.secure_receiver = raw.kind == "open-seal" || raw.kind == "seal";
  options.new_identities = raw.kind == "new";
  options.portal = raw.kind == "bulk"      ? PortalKind::kBulk
                   : raw.kind == "connect" ? PortalKind::kConnect
                                           : PortalKind::kRequest;
  options.tunnel = raw.with == "connection" ? TunnelKind::kConnection
                   : raw.with == "channel"  ? TunnelKind::kChannel
                                            : TunnelKind::kRelay;
}

Status convert(Options& options, const Raw& raw) {
  Result<Target> target = Target::parse(raw.target);
  if (!target) return pass(target);
  options.target = std::move(*target);
  if (options.target.listeners.size() > kChannelsInsideEachOtherMax) {
    return fail(Errc::kInvalid, "too many channels inside each other", raw.target);
  }
  Result<SizeMix> sizes = SizeMix::parse(raw.sizes);
  if (!sizes) return pass(sizes);
  options.sizes = std::move(*sizes);
  options.sizes_text = raw.sizes;
  if (!raw.payload.empty()) {
    const auto payload = from_hex(raw.payload);
    if (!payload || payload->size() > kPayloadBytesMax) {
      return fail(Errc::kInvalid, "--payload-hex: not the hex of a payload");
    }
    options.payload = *payload;
  }
  if (options.sizes.max_bytes() > kPayloadBytesMax) {
    return fail(Errc::kInvalid, "a payload that does not fit a frame of 16 MiB", raw.sizes);
  }
  Result<std::vector<int>> cores = parse_cores(raw.cores);
  if (!cores) return pass(cores);
  options.cores = std::move(*cores);
  if (!raw.sweep.empty()) {
    if (options.closed != 0) return fail(Errc::kInvalid, "a sweep is an open loop: no --closed");
    Result<SweepOptions> sweep = SweepOptions::parse(raw.sweep);
    if (!sweep) return pass(sweep);
    options.sweep = *sweep;
  }
  options.identity = IdentitySeed::throw_away();
  if (!raw.identity.empty()) {
    Result<IdentitySeed> identity = IdentitySeed::load_or_create(raw.identity);
    if (!identity) return pass(identity);
    options.identity = *identity;
  }
  if (!raw.authority.empty()) {
    Result<AttributeMap> attributes = attributes_given(raw.attributes);
    if (!attributes) return pass(attributes);
    Result<MemberSeed> member = MemberSeed::load_or_create(raw.authority, std::move(*attributes));
    if (!member) return pass(member);
    options.member = std::move(*member);
  }
  options.lag_bound_ns = static_cast<std::uint64_t>(raw.lag_bound_us * 1000);
  options.read_bytes_per_s = static_cast<std::uint64_t>(raw.read_rate);
  options.connections = std::max(options.connections, options.threads());
  if (options.channels != 0) options.channels = std::max(options.channels, options.connections);
  convert_kinds(options, raw);
  // Bulk has no operations.
  if (options.mode == ModeKind::kPortal && options.portal == PortalKind::kBulk) {
    options.rate_per_s = 0;
    options.closed = 0;
  }
  options.progress = options.progress || ::isatty(STDERR_FILENO) != 0;
  return {};
}

}  // namespace

const char* mode_name(ModeKind kind) {
  for (const ModeHelp& mode : kModes) {
    if (mode.kind == kind) return mode.name;
  }
  return "";
}

Result<SweepOptions> SweepOptions::parse(std::string_view text) {
  SweepOptions sweep;
  double* const fields[] = {&sweep.from_per_s, &sweep.to_per_s, &sweep.factor};
  std::size_t count = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (count < 3) {
    const auto [next, error] = std::from_chars(at, end, *fields[count]);
    if (error != std::errc{}) break;
    ++count;
    at = next;
    if (at == end || *at != ':') break;
    ++at;
  }
  const bool sensible = sweep.from_per_s > 0 && sweep.to_per_s >= sweep.from_per_s &&
                        sweep.to_per_s < 1e9 && sweep.factor > 1.001;
  if (at != end || count < 2 || !sensible) {
    return fail(Errc::kInvalid, "a sweep is FROM:TO or FROM:TO:FACTOR, rates per second",
                std::string(text));
  }
  return sweep;
}

ParsedOptions parse_options(int argc, char** argv) {
  CLI::App app(
      "Load for a node, spoken by the tool itself: no application is measured.\n"
      "Latency counts from the intended send time. WORD --help says what each mode takes.",
      "weir-load");
  app.require_subcommand(1);
  // Each mode has options of its own: defaults differ.
  std::map<const CLI::App*, std::pair<Options, Raw>> slots;
  for (const ModeHelp& mode : kModes) {
    CLI::App* sub = app.add_subcommand(mode.name, mode.what);
    auto& [options, raw] = slots[sub];
    options.mode = mode.kind;
    add_common(*sub, options, raw, mode);
    add_own(*sub, options, raw, mode.kind);
  }
  ParsedOptions parsed;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    parsed.exit_code = app.exit(error, out, err) == 0 ? 0 : 64;
    parsed.text = out.str() + err.str();
    return parsed;
  }
  auto& [options, raw] = slots.at(app.get_subcommands().front());
  if (Status status = convert(options, raw); !status) {
    parsed.exit_code = 64;
    parsed.text = "error: " + status.error().text() + "\n";
    return parsed;
  }
  parsed.options = std::move(options);
  return parsed;
}

}  // namespace weir::load

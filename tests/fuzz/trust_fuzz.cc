// Tickets, project documents, attributes, and requests to an authority. The first byte chooses.
// What reads must be written to something that reads the same; whatever an authority is asked, it
// answers or is silent, and a stranger changes nothing.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/clock.h"
#include "base/rng.h"
#include "control/authority/authority.h"
#include "control/authority/config_json.h"
#include "control/project/project.h"
#include "control/project/ticket.h"
#include "control/store/state.h"

namespace {

class FixedClock final : public weir::Clock {
 public:
  std::uint64_t now_ns() override { return 0; }
  std::uint64_t unix_seconds() override { return 1'750'000'000; }
};

void try_ticket(weir::ByteSpan input) {
  const auto ticket = weir::Ticket::parse(weir::as_text(input));
  if (!ticket) return;
  // A comma or a line end in a name breaks the plain form, which has no escapes.
  const auto again = weir::Ticket::parse(ticket->json());
  if (!weir::wire::valid_utf8(weir::as_bytes(ticket->project_name)) ||
      !weir::wire::valid_utf8(weir::as_bytes(ticket->project_change_history)) ||
      !weir::wire::valid_utf8(weir::as_bytes(ticket->authority_change_history))) {
    return;
  }
  CHECK(again && again->json() == ticket->json());
}

void try_project(weir::ByteSpan input) {
  const auto project = weir::Project::parse(weir::as_text(input));
  if (!project) return;
  const auto again = weir::Project::parse(project->document().dump());
  CHECK(again && again->document() == project->document());
  (void)project->shown();
  (void)project->encode();
}

void try_attributes(weir::ByteSpan input) {
  if (const auto kept = weir::decode_attributes(input)) {
    const auto again = weir::decode_attributes(weir::encode_attributes(*kept));
    CHECK(again && *again == *kept);
    (void)weir::attribute_texts(*kept);
  }
  if (const auto entry = weir::MemberEntry::decode(input)) {
    const auto again = weir::MemberEntry::decode(entry->encode());
    CHECK(again && again->attributes == entry->attributes);
  }
  (void)weir::decode_member_list(input);
  (void)weir::decode_member_ids(input);
  (void)weir::Revocations::decode(input);
  (void)weir::authority_from_json(weir::as_text(input));
  (void)weir::trusted_from_json(weir::as_text(input));
}

// One authority for all inputs: they may only change what an enroller may.
struct World {
  weir::SeededRng rng{1};
  FixedClock clock;
  weir::MemoryIdentityStore store;
  weir::MemorySecretStore secrets{rng};
  weir::Identities identities{store, secrets, clock};
  std::unique_ptr<weir::State> state = std::move(weir::State::open({})).value();
  weir::Identifier enroller = identities.create().value()->identifier();
  weir::Identifier stranger = identities.create().value()->identifier();
  std::unique_ptr<weir::Authority> authority;

  World() {
    weir::AuthorityConfig config;
    config.identity = identities.create().value()->identifier();
    config.project_id = "p";
    config.trusted = {{enroller, weir::attributes_of({{"ockam-role", "enroller"}})}};
    authority = std::make_unique<weir::Authority>(
        config, state->authority(), identities, rng,
        [](const auto&, const auto&) { return std::optional<weir::AttributeMap>(); });
    CHECK(authority->start().has_value());
  }
  std::size_t members() {
    return state->authority().members(authority->config().identity.text())->size();
  }
};

void try_request(std::uint8_t choice, weir::ByteSpan input) {
  static World world;
  const auto service = static_cast<weir::AuthorityService>(choice % 5);
  const bool as_stranger = (choice / 5) % 2 == 0;
  const std::size_t before = world.members();
  const weir::Caller caller{as_stranger ? world.stranger : world.enroller, "fuzz"};
  const weir::Bytes answer = world.authority->handle(service, caller, input);
  if (!answer.empty()) CHECK(weir::wire::decode_response(answer).has_value());
  if (as_stranger) CHECK(world.members() == before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const weir::ByteSpan input(data + 1, size - 1);
  switch (data[0] % 16) {
    case 0:
    case 1:
      try_ticket(input);
      break;
    case 2:
      try_project(input);
      break;
    case 3:
      try_attributes(input);
      break;
    default:
      try_request(data[0], input);
  }
  return 0;
}

// What identities persist: change histories by identifier, and the current attestation of each
// purpose. A database implements this; the in-memory one is for tests and the simulator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "control/identity/identifier.h"

namespace weir {

enum class Purpose : std::uint8_t { kSecureChannel, kCredentials };

class IdentityStore {
 public:
  virtual ~IdentityStore() = default;

  // nullopt when unknown.
  virtual Result<std::optional<Bytes>> history(const Identifier& id) = 0;

  // In one transaction: hands the stored history (nullopt: unknown) to `decide`, which returns what
  // to store instead, nullopt to leave it as it is, or an error, which is passed on. So the rules
  // of spec/03 §2.9 stay out of the database code and still race with nobody. `decide` must not use
  // the store.
  using Decide = std::function<Result<std::optional<Bytes>>(const std::optional<Bytes>& stored)>;
  virtual Status update_history(const Identifier& id, const Decide& decide) = 0;
  // The same for many, all in one transaction: an error means that nothing has changed. `decide`
  // gets the index in `ids` first.
  using DecideEach = std::function<Result<std::optional<Bytes>>(
      std::size_t index, const std::optional<Bytes>& stored)>;
  virtual Status update_histories(std::span<const Identifier> ids, const DecideEach& decide) = 0;

  virtual Result<std::optional<Bytes>> purpose_key(const Identifier& id, Purpose purpose) = 0;
  // Replaces.
  virtual Status put_purpose_key(const Identifier& id, Purpose purpose, ByteSpan attestation) = 0;
};

class MemoryIdentityStore final : public IdentityStore {
 public:
  Result<std::optional<Bytes>> history(const Identifier& id) override;
  Status update_history(const Identifier& id, const Decide& decide) override;
  Status update_histories(std::span<const Identifier> ids, const DecideEach& decide) override;
  Result<std::optional<Bytes>> purpose_key(const Identifier& id, Purpose purpose) override;
  Status put_purpose_key(const Identifier& id, Purpose purpose, ByteSpan attestation) override;

  std::size_t histories() const { return histories_.size(); }

 private:
  std::map<Identifier, Bytes> histories_;
  std::map<std::pair<Identifier, Purpose>, Bytes> purpose_keys_;
};

}  // namespace weir

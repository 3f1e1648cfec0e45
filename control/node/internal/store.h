// What this node carries, kept in State so that `node start` brings it back (spec/08 section 8). A
// failing write is logged, never fatal: the resource works until the node stops.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "control/node/internal/core.h"

namespace weir {
class State;
}

namespace weir::control {

enum class Kept : std::uint8_t { kTcpListener, kChannelListener, kHop, kOutlet, kRelay, kInlet };

class ResourceKeeper {
 public:
  ResourceKeeper(NodeCore& core, State* state) : core_(core), state_(state) {}

  void put(Kept kind, const std::string& name, const nlohmann::json& options);
  void remove(Kept kind, const std::string& name);
  void clear();
  // In the order of creation; rows that cannot be read are logged and left out.
  std::vector<std::pair<std::string, nlohmann::json>> list(Kept kind);
  Result<Identifier> identity_by_name(const std::string& name);

 private:
  bool on() const;

  NodeCore& core_;
  State* state_;
};

// JSON of the pieces that several kinds share.
nlohmann::json identifiers_json(const std::optional<std::vector<Identifier>>& ids);
std::optional<std::vector<Identifier>> identifiers_from(const nlohmann::json& options,
                                                        const char* key);
nlohmann::json identifier_json(const std::optional<Identifier>& id);
std::optional<Identifier> identifier_from(const nlohmann::json& options, const char* key);

// Fields of kept options, which may be anybody's text: what is missing or of another type is
// `otherwise`, or empty. (json::value() would throw.)
std::string text_from(const nlohmann::json& options, const char* key);
bool flag_from(const nlohmann::json& options, const char* key, bool otherwise);
std::uint64_t number_from(const nlohmann::json& options, const char* key, std::uint64_t otherwise);
std::vector<std::string> texts_from(const nlohmann::json& options, const char* key);

}  // namespace weir::control

#include "control/node/internal/store.h"

#include <nlohmann/json.hpp>

#include "control/store/state.h"

namespace weir::control {
namespace {

const char* kind_text(Kept kind) {
  switch (kind) {
    case Kept::kTcpListener:
      return kResourceTcpListener;
    case Kept::kChannelListener:
      return kResourceChannelListener;
    case Kept::kHop:
      return kResourceHop;
    case Kept::kOutlet:
      return kResourceOutlet;
    case Kept::kRelay:
      return kResourceRelay;
    case Kept::kInlet:
      return kResourceInlet;
  }
  return "";
}

}  // namespace

bool ResourceKeeper::on() const { return state_ != nullptr && core_.config.persist; }

void ResourceKeeper::put(Kept kind, const std::string& name, const nlohmann::json& options) {
  if (!on()) return;
  const auto status = state_->resources().put(
      {core_.config.name, kind_text(kind), name,
       options.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
  if (!status) {
    core_.log(LogLevel::kError, "{} {} will not survive a restart: {}", kind_text(kind), name,
              status.error().text());
  }
}

void ResourceKeeper::remove(Kept kind, const std::string& name) {
  if (!on()) return;
  const auto status = state_->resources().remove(core_.config.name, kind_text(kind), name);
  if (!status && status.error().code != Errc::kNotFound) {
    core_.log(LogLevel::kError, "{} {} will come back at the next start: {}", kind_text(kind), name,
              status.error().text());
  }
}

void ResourceKeeper::clear() {
  if (!on()) return;
  const auto status = state_->resources().clear(core_.config.name);
  if (!status) {
    core_.log(LogLevel::kError, "old resources not removed: {}", status.error().text());
  }
}

std::vector<std::pair<std::string, nlohmann::json>> ResourceKeeper::list(Kept kind) {
  std::vector<std::pair<std::string, nlohmann::json>> result;
  if (!on()) return result;
  const auto rows = state_->resources().list(core_.config.name, kind_text(kind));
  if (!rows) {
    core_.log(LogLevel::kError, "resources not read: {}", rows.error().text());
    return result;
  }
  for (const NodeResource& row : *rows) {
    auto options = nlohmann::json::parse(row.options, nullptr, false);
    if (!options.is_object()) {
      core_.log(LogLevel::kError, "{} {} not restored: its options are broken", row.kind, row.name);
      continue;
    }
    result.emplace_back(row.name, std::move(options));
  }
  return result;
}

Result<Identifier> ResourceKeeper::identity_by_name(const std::string& name) {
  if (name == core_.config.identity_name || name.empty()) return core_.config.identity;
  if (state_ == nullptr) return fail(Errc::kNotFound, "no such identity", name);
  auto record = state_->identities().get(name);
  if (!record) return pass(record);
  return Identifier::parse(record->identifier);
}

nlohmann::json identifier_json(const std::optional<Identifier>& id) {
  return id ? nlohmann::json(id->text()) : nlohmann::json(nullptr);
}

nlohmann::json identifiers_json(const std::optional<std::vector<Identifier>>& ids) {
  if (!ids) return nullptr;
  auto list = nlohmann::json::array();
  for (const Identifier& id : *ids) list.push_back(id.text());
  return list;
}

std::optional<Identifier> identifier_from(const nlohmann::json& options, const char* key) {
  const auto it = options.find(key);
  if (it == options.end() || !it->is_string()) return std::nullopt;
  auto id = Identifier::parse(it->get<std::string>());
  // An unreadable pin must never mean "everyone": nobody has this identifier.
  return id ? *id : Identifier{};
}

std::optional<std::vector<Identifier>> identifiers_from(const nlohmann::json& options,
                                                        const char* key) {
  const auto it = options.find(key);
  if (it == options.end() || it->is_null()) return std::nullopt;
  std::vector<Identifier> ids;
  if (!it->is_array()) return ids;
  for (const auto& item : *it) {
    if (!item.is_string()) continue;
    if (auto id = Identifier::parse(item.get<std::string>())) ids.push_back(*id);
  }
  return ids;
}

std::string text_from(const nlohmann::json& options, const char* key) {
  const auto it = options.find(key);
  return it != options.end() && it->is_string() ? it->get<std::string>() : std::string();
}

bool flag_from(const nlohmann::json& options, const char* key, bool otherwise) {
  const auto it = options.find(key);
  return it != options.end() && it->is_boolean() ? it->get<bool>() : otherwise;
}

std::uint64_t number_from(const nlohmann::json& options, const char* key, std::uint64_t otherwise) {
  const auto it = options.find(key);
  return it != options.end() && it->is_number_unsigned() ? it->get<std::uint64_t>() : otherwise;
}

std::vector<std::string> texts_from(const nlohmann::json& options, const char* key) {
  std::vector<std::string> texts;
  const auto it = options.find(key);
  if (it == options.end() || !it->is_array()) return texts;
  for (const auto& item : *it) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

}  // namespace weir::control

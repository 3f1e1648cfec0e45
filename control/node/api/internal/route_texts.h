// Paths, and the words of the answers: those of Ockam where a client or a user knows them (spec/04
// 5.2, spec/07).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataplane/wire/envelope.h"

namespace weir::api::internal {

// Segments without leading slashes; at most 5, the fifth keeps the rest. Views into `path`.
using Path = std::vector<std::string_view>;
Path split_path(std::string_view path);
// `pattern`: segments, "*" for any one, which goes to `parameter`.
bool matches(std::string_view pattern, const Path& path, std::string& parameter);
// What a path of Ockam's belongs to that this node does not have; null for an unknown path.
const char* unbuilt_feature(wire::Method method, const Path& path);
bool is_service_type(std::string_view type);

// "name" or "0#name" to "name". kInvalid for anything else: other transport types, "x#y".
Result<std::string> parse_local(std::string_view text);
// Takes "0#" away if it is there.
std::string without_local_type(const std::string& text);

std::string not_implemented(const char* feature);
std::string undecodable_body(const Error& error);
std::string not_local(const std::string& address);
// "PREFIX: TEXT", or the error's text alone if it says so already.
std::string prefixed(const std::string& prefix, const Error& error);
std::string not_in_registry(const char* what, const std::string& address);
std::string not_deleted(const char* what, const char* verb, const std::string& address,
                        const Error& error);
std::string no_identity(const std::string& name);
std::string no_secure_channel(const std::string& address);
std::string service_exists(const char* kind, const std::string& address);
std::string relay_failed(const std::string& at, const std::string& name, const Error& error);
std::string no_inlet(const std::string& alias);
std::string inlet_failed(const std::string& alias, const Error& error);
std::string no_outlet(const std::string& address);
std::string no_policy(const std::string& resource, const std::string& action);
std::string outlet_failed(const std::optional<std::string>& address, const Error& error);

}  // namespace weir::api::internal

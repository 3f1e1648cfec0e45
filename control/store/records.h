// The rows of weir's state, as plain values. Identifiers are text (`I` + 64 hex digits); times are
// seconds since 1970 UTC; an empty text means "none".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace weir {

struct NodeRecord {
  std::string name;
  std::string identifier;
  std::string identity_name;
  std::int64_t pid = 0;               // 0 = stopped
  std::uint64_t pid_start_ticks = 0;  // see process.h
  std::string tcp_listener_address;   // ip:port
  std::string api_socket;             // path
  std::string status_endpoint;        // ip:port
  bool is_default = false;
  bool is_authority = false;
  std::uint64_t created_at = 0;
  std::string options = "{}";  // JSON: how the node was created, for `node start`
};

struct IdentityRecord {
  std::string name;
  std::string identifier;
  std::string vault_name;  // empty: imported without its key
  bool is_default = false;
};

struct VaultRecord {
  std::string name;
  std::string path;  // empty: secrets live in the main database
  bool is_default = false;
  bool is_kms = false;
};

// What a node carries and gets back at `node start`. `kind` is one of kResource..; options is JSON.
struct NodeResource {
  std::string node_name;
  std::string kind;
  std::string name;  // alias or address, unique per node and kind
  std::string options = "{}";
};
inline constexpr char kResourceInlet[] = "inlet";
inline constexpr char kResourceOutlet[] = "outlet";
inline constexpr char kResourceRelay[] = "relay";
inline constexpr char kResourceTcpListener[] = "tcp_listener";
inline constexpr char kResourceChannelListener[] = "secure_channel_listener";
inline constexpr char kResourceHop[] = "hop";

// A policy of one named resource, or of a resource type (spec 04 §9).
enum class PolicyScope : std::uint8_t { kResource = 0, kResourceType = 1 };
struct PolicyRecord {
  std::string node_name;
  PolicyScope scope = PolicyScope::kResource;
  std::string subject;  // resource name or type
  std::string action;   // handle_message ..
  std::string expression;
};

struct AttributesRecord {
  std::string node_name;
  std::string identifier;
  Bytes attributes;  // encoded as in the credential
  std::uint64_t added_at = 0;
  std::optional<std::uint64_t> expires_at;
  std::string attested_by;
};

struct CredentialRecord {
  std::string node_name;
  std::string issuer;
  std::string subject;
  std::string scope;
  Bytes credential;  // encoded credential with its purpose key
  std::uint64_t expires_at = 0;
};

struct MemberRecord {
  std::string authority;  // identifier of the authority
  std::string identifier;
  std::string added_by;
  std::uint64_t added_at = 0;
  bool is_pre_trusted = false;
  Bytes attributes;
};

struct EnrollmentTokenRecord {
  std::string one_time_code;  // hex
  std::string reference;
  std::string issued_by;
  std::uint64_t created_at = 0;
  std::uint64_t expires_at = 0;
  std::uint32_t uses_left = 1;  // after use(): what is left then
  Bytes attributes;
};

struct ProjectRecord {
  std::string id;
  std::string name;
  bool is_default = false;
  std::string json;  // the imported project document
};

}  // namespace weir

#include "control/service/services.h"

#include <unicase.h>

#include <cstdlib>

#include "dataplane/wire/bare.h"

namespace weir::control {

Result<std::string> upper_case(std::string_view text) {
  if (text.empty()) return std::string();
  std::size_t size = 0;
  std::uint8_t* upper = u8_toupper(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                                   nullptr, nullptr, nullptr, &size);
  if (upper == nullptr) return fail(Errc::kInvalid, "not UTF-8");
  std::string result(reinterpret_cast<const char*>(upper), size);
  std::free(upper);
  return result;
}

Status Services::exists(const char* type, const std::string& address) const {
  if (address.empty()) return fail(Errc::kInvalid, "the address is empty");
  if (!workers_.has(address)) return {};
  return fail(Errc::kAlreadyExists, "service already exists",
              fmt::format("{} service already exists at 0#{}", type, address));
}

Status Services::start_echo(const std::string& address) {
  if (auto status = exists("echo", address); !status) return status;
  echoes_.insert(address);
  return workers_.add({.address = address,
                       .kind = WorkerKind::kEcho,
                       .allowed = {core_.tcp_flow},
                       .gate = rights_.guard(address, address, ResourceType::kEchoer)});
}

Status Services::start_echo_for_channels(const std::string& address) {
  if (auto status = exists("echo", address); !status) return status;
  echoes_.insert(address);
  return workers_.add({.address = address, .kind = WorkerKind::kEcho});
}

Status Services::start_uppercase(const std::string& address) {
  if (auto status = exists("uppercase", address); !status) return status;
  uppercases_.insert(address);
  return workers_.add({.address = address,
                       .allowed = {core_.tcp_flow},
                       .handle = [this, address](MessageEvent& message) {
                         uppercase(address, message);
                         return false;
                       }});
}

Status Services::start_hop(const std::string& address) {
  if (auto status = exists("hop", address); !status) return status;
  connections_.hops.insert(address);
  core_.log(LogLevel::kWarn, "hop at {}: whoever reaches it reaches every worker of this node",
            address);
  return workers_.add({.address = address, .kind = WorkerKind::kHop, .allowed = {core_.tcp_flow}});
}

std::vector<ServiceInfo> Services::list() const {
  std::vector<ServiceInfo> services;
  for (const auto& address : uppercases_) services.push_back({address, "uppercase"});
  for (const auto& address : echoes_) services.push_back({address, "echo"});
  for (const auto& address : connections_.hops) services.push_back({address, "hop"});
  return services;
}

void Services::uppercase(const std::string& address, MessageEvent& message) {
  const auto text = wire::decode_bare_string(message.payload);
  const auto upper = text ? upper_case(*text) : Result<std::string>(fail(Errc::kInvalid, ""));
  if (!upper || message.ret.count == 0) {
    return core_.count(ControlCounter::kUppercaseMalformed);
  }
  core_.send_message(std::move(message.ret), encoded_local(address),
                     wire::encode_bare_string(*upper));
}

}  // namespace weir::control

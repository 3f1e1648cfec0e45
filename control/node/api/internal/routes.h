// The endpoints of a node (spec/04 5.2-5.10, spec/09 section 2): one row per route below, one short
// function per row. A template over the node only so that tests can put a fake one behind it.
//
// Which status and which error form (with or without path and method) a route answers is Ockam's
// and is part of the table in spec/04 5.2. What other nodes crash on is an error here: a request
// without method, addresses like "x#y", DELETE /node/portal.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "control/node/api/convert.h"
#include "control/node/api/internal/policy_routes.h"
#include "control/node/api/internal/reply.h"
#include "control/node/api/internal/route_texts.h"
#include "control/node/api/models.h"
#include "control/node/types.h"
#include "dataplane/wire/envelope.h"

namespace weir::api::internal {

inline constexpr std::uint64_t kMessageTimeoutMs = 30'000;
inline constexpr std::uint64_t kWaitForOutletDefaultMs = 15'000;
inline constexpr std::uint64_t kSecureChannelTimeoutDefaultMs = 120'000;

// One request on its way to its answer.
struct Call {
  Reply reply;
  const std::string& path;
  ByteSpan bytes;         // of the body
  std::string parameter;  // what stood for "*"

  // The body, or an answer that says why not.
  template <class T>
  std::optional<T> body() const {
    Result<T> value = T::decode(bytes);
    if (value) return std::move(*value);
    reply.error_with_request(wire::ApiStatus::kInternalServerError,
                             undecodable_body(value.error()));
    return std::nullopt;
  }
  // The same for a body that names a local worker.
  std::optional<std::string> local_address_body() const {
    const std::optional<ChannelAddress> value = body<ChannelAddress>();
    if (!value) return std::nullopt;
    if (value->address.type == wire::kTypeLocal) return value->address.value;
    reply.error(wire::ApiStatus::kBadRequest, not_local(value->address.text()));
    return std::nullopt;
  }
};

template <class N>
class Routes {
 public:
  Routes(N& node, Rng& rng) : node_(node), rng_(rng) {}

  void handle(ByteSpan envelope, Send send) {
    const Result<wire::Request> request = wire::decode_request(envelope);
    if (!request) return send({});  // silence
    const Reply reply(*request, random_id(), std::move(send), pending_);
    if (*pending_ > node_.config().limits.pending_requests_max) {
      return reply.error(ApiStatus::kInternalServerError, "too many requests are being handled");
    }
    Call call{reply, request->path, request->has_body ? ByteSpan(request->body) : ByteSpan(), {}};
    if (!request->method) {
      return reply.error_with_request(ApiStatus::kBadRequest,
                                      "Invalid endpoint: " + request->path + " without a method");
    }
    const Path path = split_path(request->path);
    for (const Row& row : kRows) {
      if (row.method != *request->method || !matches(row.path, path, call.parameter)) continue;
      return (this->*row.run)(call);
    }
    if (const char* feature = unbuilt_feature(*request->method, path)) {
      return reply.error_with_request(ApiStatus::kNotImplemented, not_implemented(feature));
    }
    reply.error_with_request(ApiStatus::kBadRequest, std::string("Invalid endpoint: ") +
                                                         wire::method_text(*request->method) + " " +
                                                         request->path);
  }

 private:
  using ApiStatus = wire::ApiStatus;
  using Method = wire::Method;

  struct Row {
    Method method;
    std::string_view path;  // "*" stands for any one segment
    void (Routes::*run)(Call&);
  };

  std::uint32_t random_id() {
    const auto id = static_cast<std::uint32_t>(rng_.next_u64());
    return id == 0 ? 1 : id;
  }

  template <class T>
  static void answer(const Call& call, const T& info) {
    call.reply.body(to_body(info).encode());
  }
  template <class List, class Items>
  static void answer_list(const Call& call, const Items& items) {
    call.reply.body(List{to_bodies(items)}.encode());
  }
  // Ockam's default mapping of an internal error.
  static void default_error(const Reply& reply, const Error& error) {
    reply.error(
        error.code == Errc::kNotFound ? ApiStatus::kNotFound : ApiStatus::kInternalServerError,
        error.text());
  }
  static bool refuse(const Call& call, bool asked, const char* feature) {
    if (asked) {
      call.reply.error_with_request(ApiStatus::kNotImplemented, not_implemented(feature));
    }
    return asked;
  }

  // --- node (5.3)
  void show_node(Call& call) { answer(call, node_.config()); }
  void show_resources(Call& call) { answer(call, node_.resources()); }
  void show_counters(Call& call) {
    const NodeLimits limits = node_.config().limits;
    node_.counters([reply = call.reply, limits](Result<weir::CountersReport> report) {
      if (!report) return default_error(reply, report.error());
      reply.body(to_body(*report, limits).encode());
    });
  }

  // --- latency profiles (ours)
  void start_latency(Call& call) {
    const auto body = call.body<StartLatency>();
    if (!body) return;
    finish_latency(call.reply,
                   node_.start_latency({body->sample, body->stall_ns, body->take_over}));
  }
  void read_latency(Call& call) {
    const auto body = call.body<LatencySessionId>();
    if (!body) return;
    node_.read_latency(body->session, [reply = call.reply](Result<LatencyReading> reading) {
      finish_latency(reply, std::move(reading));
    });
  }
  void stop_latency(Call& call) {
    const auto body = call.body<LatencySessionId>();
    if (!body) return;
    if (const Status done = node_.stop_latency(body->session); !done) {
      return latency_error(call.reply, done.error());
    }
    call.reply.ok();
  }
  template <class T>
  static void finish_latency(const Reply& reply, Result<T> result) {
    if (result) return reply.body(to_body(*result).encode());
    latency_error(reply, result.error());
  }
  static void latency_error(const Reply& reply, const Error& error) {
    ApiStatus status = ApiStatus::kBadRequest;
    if (error.code == Errc::kAlreadyExists) status = ApiStatus::kConflict;
    if (error.code == Errc::kNotFound) status = ApiStatus::kNotFound;
    reply.error(status, error.text());
  }

  // --- TCP (5.4)
  void list_connections(Call& call) {
    answer_list<TransportStatusList>(call, node_.list_tcp_connections());
  }
  void show_connection(Call& call) {
    const auto info = node_.show_tcp_connection(without_local_type(call.parameter));
    if (info) return answer(call, *info);
    call.reply.error(ApiStatus::kNotFound, not_in_registry("Connection", call.parameter));
  }
  void create_connection(Call& call) {
    const auto body = call.body<CreateTcpConnection>();
    if (!body) return;
    node_.create_tcp_connection(
        body->address, [reply = call.reply, to = body->address](Result<TransportInfo> info) {
          if (info) return reply.body(to_body(*info).encode());
          reply.error(ApiStatus::kBadRequest, prefixed("Unable to connect to " + to, info.error()));
        });
  }
  void delete_connection(Call& call) {
    const auto body = call.body<DeleteTransport>();
    if (!body) return;
    const Status done = node_.delete_tcp_connection(without_local_type(body->address));
    if (done) return call.reply.empty();
    call.reply.error(ApiStatus::kBadRequest,
                     not_deleted("Connection", "disconnect from", body->address, done.error()));
  }
  void list_listeners(Call& call) {
    answer_list<TransportStatusList>(call, node_.list_tcp_listeners());
  }
  void show_listener(Call& call) {
    const auto info = node_.show_tcp_listener(without_local_type(call.parameter));
    if (info) return answer(call, *info);
    call.reply.error(ApiStatus::kBadRequest, not_in_registry("Listener", call.parameter));
  }
  void create_listener(Call& call) {
    const auto body = call.body<CreateTcpListener>();
    if (!body) return;
    node_.create_tcp_listener(
        body->address, [reply = call.reply, at = body->address](Result<TransportInfo> info) {
          if (info) return reply.body(to_body(*info).encode());
          reply.error(ApiStatus::kBadRequest, prefixed("Unable to listen on " + at, info.error()));
        });
  }
  void delete_listener(Call& call) {
    const auto body = call.body<DeleteTransport>();
    if (!body) return;
    const Status done = node_.delete_tcp_listener(without_local_type(body->address));
    if (done) return call.reply.empty();
    call.reply.error(ApiStatus::kBadRequest,
                     not_deleted("Listener", "stop listener", body->address, done.error()));
  }

  // --- secure channels (5.5)
  void list_channels(Call& call) {
    SecureChannelList list;
    for (const SecureChannelInfo& channel : node_.list_secure_channels()) {
      list.items.push_back(wire::Address::local(channel.encryptor));
    }
    call.reply.body(list.encode());
  }
  // The identity that a request names, unset when it names none. False: answered with an error.
  bool named_identity(const Call& call, const std::optional<std::string>& name,
                      std::optional<Identifier>& out) {
    if (!name) return true;
    const Result<Identifier> identity = node_.identity_by_name(*name);
    if (identity) {
      out = *identity;
      return true;
    }
    if (identity.error().code == Errc::kNotFound) {
      call.reply.error(ApiStatus::kNotFound, no_identity(*name));
    } else {
      default_error(call.reply, identity.error());
    }
    return false;
  }
  void create_channel(Call& call) {
    auto body = call.body<CreateSecureChannel>();
    if (!body || refuse(call, body->credential.has_value(), "presenting a credential")) return;
    ChannelRequest request;
    if (!named_identity(call, body->identity_name, request.identity)) return;
    request.to = std::move(body->to);
    request.authorized = std::move(body->authorized);
    request.timeout_ms = body->timeout ? body->timeout->ms() : kSecureChannelTimeoutDefaultMs;
    node_.create_secure_channel(request, [reply = call.reply](Result<SecureChannelInfo> info) {
      if (!info) return default_error(reply, info.error());
      reply.body(SecureChannelCreated{wire::Address::local(info->encryptor),
                                      FlowControlId{info->flow_control_id}}
                     .encode());
    });
  }
  void delete_channel(Call& call) {
    const auto address = call.local_address_body();
    if (!address) return;
    const Result<std::string> encryptor = node_.delete_secure_channel(*address);
    if (!encryptor) return channel_error(call, *address, encryptor.error());
    call.reply.body(SecureChannelDeleted{wire::Address::local(*encryptor).text()}.encode());
  }
  void show_channel(Call& call) {
    const auto address = call.local_address_body();
    if (!address) return;
    const auto info = node_.show_secure_channel(*address);
    if (!info) return channel_error(call, *address, info.error());
    answer(call, *info);
  }
  static void channel_error(const Call& call, const std::string& address, const Error& error) {
    if (error.code != Errc::kNotFound) return default_error(call.reply, error);
    call.reply.error(ApiStatus::kNotFound, no_secure_channel(address));
  }
  void list_channel_listeners(Call& call) {
    answer_list<SecureChannelListenerList>(call, node_.list_secure_channel_listeners());
  }
  void create_channel_listener(Call& call) {
    auto body = call.body<CreateSecureChannelListener>();
    if (!body) return;
    ChannelListenerRequest request;
    if (!local_name(call, body->address, request.address)) return;
    if (!named_identity(call, body->identity_name, request.identity)) return;
    request.authorized = std::move(body->authorized);
    finish(call, node_.create_secure_channel_listener(request));
  }
  void delete_channel_listener(Call& call) {
    const auto address = call.local_address_body();
    if (!address) return;
    const Status done = node_.delete_secure_channel_listener(*address);
    if (!done) return channel_error(call, *address, done.error());
    call.reply.body(SecureChannelListenerDeleted{wire::Address::local(*address)}.encode());
  }
  void show_channel_listener(Call& call) {
    const auto address = call.local_address_body();
    if (!address) return;
    const auto info = node_.show_secure_channel_listener(*address);
    if (!info) return channel_error(call, *address, info.error());
    answer(call, *info);
  }
  static bool local_name(const Call& call, const wire::Address& address, std::string& out) {
    if (address.type != wire::kTypeLocal) {
      call.reply.error(ApiStatus::kBadRequest, not_local(address.text()));
      return false;
    }
    out = address.value;
    return true;
  }
  static void finish(const Call& call, const Status& done) {
    if (done) return call.reply.ok();
    default_error(call.reply, done.error());
  }

  // --- services and workers (5.6)
  void list_services(Call& call) {
    ServiceStatusList list{to_bodies(node_.list_services())};
    sort_services(list.items);
    call.reply.body(list.encode());
  }
  void list_services_of(Call& call) {
    const std::string& type = call.parameter;
    if (!is_service_type(type)) {
      return call.reply.error(ApiStatus::kBadRequest,
                              "the service " + type + " is not a valid service");
    }
    ServiceStatusList list{to_bodies(node_.list_services())};
    std::erase_if(list.items, [&type](const ServiceStatus& s) { return s.type != type; });
    call.reply.body(list.encode());
  }
  void start_service(Call& call, const char* kind, Status (N::*start)(const std::string&)) {
    const auto body = call.body<StartService>();
    if (!body) return;
    const Result<std::string> address = parse_local(body->address);
    if (!address) return call.reply.error(ApiStatus::kBadRequest, address.error().text());
    const Status done = (node_.*start)(*address);
    if (!done && done.error().code == Errc::kAlreadyExists) {
      return call.reply.error(ApiStatus::kInternalServerError, service_exists(kind, *address));
    }
    finish(call, done);
  }
  void start_uppercase(Call& call) { start_service(call, "uppercase", &N::start_uppercase); }
  void start_echo(Call& call) { start_service(call, "echoer", &N::start_echo); }
  void start_hop(Call& call) { start_service(call, "hop", &N::start_hop); }
  void list_workers(Call& call) { answer_list<WorkerList>(call, node_.list_workers()); }

  // --- relays (5.7)
  void list_relays(Call& call) { answer_list<RelayInfoList>(call, node_.list_relays()); }
  void show_relay(Call& call) {
    const auto info = node_.show_relay(call.parameter);
    if (info) return answer(call, *info);
    call.reply.error_with_request(ApiStatus::kNotFound,
                                  "Relay with alias " + call.parameter + " not found.");
  }
  void create_relay(Call& call) {
    auto body = call.body<CreateRelay>();
    if (!body) return;
    // A real relay service ends its process when it is asked for such an address.
    if (body->relay_address && body->relay_address->find('#') != std::string::npos) {
      return call.reply.error_with_request(ApiStatus::kBadRequest, not_local(*body->relay_address));
    }
    RelayRequest request;
    request.at = std::move(body->at);
    request.name = std::move(body->name);
    request.authorized = body->authorized;
    request.relay_address = std::move(body->relay_address);
    request.wait_for_connection = body->return_timing == ReturnTiming::kAfterConnection;
    node_.create_relay(request, [reply = call.reply, at = request.at.text(),
                                 name = request.name](Result<weir::RelayInfo> info) {
      if (info) return reply.body(to_body(*info).encode());
      reply.error_with_request(ApiStatus::kInternalServerError,
                               relay_failed(at, name, info.error()));
    });
  }
  void delete_relay(Call& call) {
    const Status done = node_.delete_relay(call.parameter);
    if (done) return call.reply.empty();
    if (done.error().code != Errc::kNotFound) return default_error(call.reply, done.error());
    call.reply.error_with_request(ApiStatus::kNotFound,
                                  "Relay with address " + call.parameter + " not found.");
  }

  // --- portals (5.8)
  void list_inlets(Call& call) { answer_list<InletStatusList>(call, node_.list_inlets()); }
  void show_inlet(Call& call) {
    const auto status = node_.show_inlet(call.parameter);
    if (status) return answer(call, *status);
    call.reply.error(ApiStatus::kNotFound, no_inlet(call.parameter));
  }
  void create_inlet(Call& call) {
    auto body = call.body<CreateInlet>();
    if (!body || refuse(call, body->enable_udp_puncture, "UDP puncture") ||
        refuse(call, body->privileged, "privileged portals") ||
        refuse(call, body->tls_certificate_provider.has_value(), "TLS inlets")) {
      return;
    }
    InletRequest request;
    for (const wire::Address& hop : body->prefix_route.addresses()) {
      if (!local_name(call, hop, request.prefix_route.emplace_back())) return;
    }
    request.listen = std::move(body->listen);
    request.to = std::move(body->to);
    request.alias = std::move(body->alias);
    request.authorized = body->authorized;
    request.identity = body->identity;
    request.wait_for_outlet_ms =
        body->wait_for_outlet ? body->wait_for_outlet->ms() : kWaitForOutletDefaultMs;
    request.wait_connection = body->wait_connection;
    request.skip_handshake = body->skip_handshake;
    request.enable_nagle = body->enable_nagle;
    if (body->policy) request.policy = body->policy->to_expr();
    node_.create_inlet(
        request, [reply = call.reply, alias = request.alias](Result<weir::InletStatus> status) {
          if (status) return reply.body(to_body(*status).encode());
          reply.error(ApiStatus::kBadRequest, inlet_failed(alias, status.error()));
        });
  }
  void delete_inlet(Call& call) {
    const auto status = node_.delete_inlet(call.parameter);
    if (status) return answer(call, *status);
    const bool unknown = status.error().code == Errc::kNotFound;
    call.reply.error(ApiStatus::kBadRequest,
                     unknown ? no_inlet(call.parameter) : status.error().text());
  }
  void list_outlets(Call& call) { answer_list<OutletStatusList>(call, node_.list_outlets()); }
  void show_outlet(Call& call) { with_outlet(call, ApiStatus::kNotFound, &N::show_outlet); }
  void delete_outlet(Call& call) { with_outlet(call, ApiStatus::kBadRequest, &N::delete_outlet); }
  template <class Operation>
  void with_outlet(Call& call, ApiStatus not_found, Operation operation) {
    const Result<std::string> address = parse_local(call.parameter);
    if (!address) return call.reply.error(ApiStatus::kBadRequest, address.error().text());
    const auto status = (node_.*operation)(*address);
    if (status) return answer(call, *status);
    const bool unknown = status.error().code == Errc::kNotFound;
    call.reply.error(unknown ? not_found : ApiStatus::kBadRequest,
                     unknown ? no_outlet(*address) : status.error().text());
  }
  void create_outlet(Call& call) {
    auto body = call.body<CreateOutlet>();
    if (!body || refuse(call, body->tls, "TLS outlets") ||
        refuse(call, body->privileged, "privileged portals")) {
      return;
    }
    OutletRequest request;
    if (body->address && !local_name(call, *body->address, request.address.emplace())) return;
    request.to = std::move(body->to);
    request.reachable_from_default_secure_channel = body->reachable_from_default_secure_channel;
    request.skip_handshake = body->skip_handshake;
    request.enable_nagle = body->enable_nagle;
    request.authorized = std::move(body->authorized);
    if (body->policy) request.policy = body->policy->to_expr();
    node_.create_outlet(request, [reply = call.reply,
                                  address = request.address](Result<weir::OutletStatus> status) {
      if (status) return reply.body(to_body(*status).encode());
      reply.error(ApiStatus::kBadRequest, outlet_failed(address, status.error()));
    });
  }

  // --- flow control, messages (5.9, 5.10)
  void add_consumer(Call& call) {
    const auto body = call.body<AddConsumer>();
    if (!body) return;
    const Status done = node_.add_consumer(body->flow_control_id.text, body->address);
    if (done) return call.reply.ok();
    call.reply.error(ApiStatus::kBadRequest, done.error().text());
  }
  void send_message(Call& call) {
    auto body = call.body<SendMessage>();
    if (!body) return;
    const auto failed = [reply = call.reply](const Error& error) {
      reply.error(ApiStatus::kInternalServerError, prefixed("Failed to send message", error));
    };
    Result<wire::MultiAddr> to = wire::MultiAddr::parse(body->to);
    if (!to) return failed(to.error());
    node_.send_message(*to, std::move(body->message), kMessageTimeoutMs,
                       [reply = call.reply, failed](Result<Bytes> answer_bytes) {
                         if (!answer_bytes) return failed(answer_bytes.error());
                         reply.body(std::move(*answer_bytes));
                       });
  }

  // --- policies (5.12)
  void set_policy(Call& call) {
    const auto body = call.body<SetPolicy>();
    if (body) finish(call, internal::set_policy(node_.policies(), call.parameter, *body));
  }
  void show_policy(Call& call) {
    const auto body = call.body<ResourceTypeOrName>();
    if (!body) return;
    const auto policy = get_policy(node_.policies(), call.parameter, *body);
    if (policy) return call.reply.body(policy->encode());
    if (policy.error().code != Errc::kNotFound) return default_error(call.reply, policy.error());
    call.reply.error(ApiStatus::kNotFound, no_policy(body->text(), call.parameter));
  }
  void list_all_policies(Call& call) {
    const auto body = call.body<PolicyFilter>();
    if (!body) return;
    const auto list = list_policies(node_.policies(), *body);
    if (!list) return default_error(call.reply, list.error());
    call.reply.body(list->encode());
  }
  void remove_policy(Call& call) {
    const auto body = call.body<ResourceTypeOrName>();
    if (body) finish(call, delete_policy(node_.policies(), call.parameter, *body));
  }

  // --- forwarders (spec/09 section 2)
  void list_forwarders(Call& call) { answer_list<ForwarderList>(call, node_.list_forwarders()); }
  void create_forwarder(Call& call) {
    const auto body = call.body<CreateForwarder>();
    if (!body) return;
    node_.create_forwarder(body->target, [reply = call.reply](Result<ForwarderInfo> info) {
      if (info) return reply.body(to_body(*info).encode());
      if (info.error().code != Errc::kInvalid) return default_error(reply, info.error());
      reply.error(ApiStatus::kBadRequest, info.error().text());
    });
  }
  void delete_forwarder(Call& call) {
    const Status done = node_.delete_forwarder(call.parameter);
    if (done) return call.reply.empty();
    default_error(call.reply, done.error());
  }

  static constexpr std::array kRows = {
      Row{Method::kGet, "node", &Routes::show_node},
      Row{Method::kGet, "node/resources", &Routes::show_resources},
      Row{Method::kGet, "node/counters", &Routes::show_counters},
      Row{Method::kPost, "node/latency", &Routes::start_latency},
      Row{Method::kGet, "node/latency", &Routes::read_latency},
      Row{Method::kDelete, "node/latency", &Routes::stop_latency},
      Row{Method::kGet, "node/tcp/connection", &Routes::list_connections},
      Row{Method::kGet, "node/tcp/connection/*", &Routes::show_connection},
      Row{Method::kPost, "node/tcp/connection", &Routes::create_connection},
      Row{Method::kDelete, "node/tcp/connection", &Routes::delete_connection},
      Row{Method::kGet, "node/tcp/listener", &Routes::list_listeners},
      Row{Method::kGet, "node/tcp/listener/*", &Routes::show_listener},
      Row{Method::kPost, "node/tcp/listener", &Routes::create_listener},
      Row{Method::kDelete, "node/tcp/listener", &Routes::delete_listener},
      Row{Method::kGet, "node/secure_channel", &Routes::list_channels},
      Row{Method::kPost, "node/secure_channel", &Routes::create_channel},
      Row{Method::kDelete, "node/secure_channel", &Routes::delete_channel},
      Row{Method::kGet, "node/show_secure_channel", &Routes::show_channel},
      Row{Method::kGet, "node/secure_channel_listener", &Routes::list_channel_listeners},
      Row{Method::kPost, "node/secure_channel_listener", &Routes::create_channel_listener},
      Row{Method::kDelete, "node/secure_channel_listener", &Routes::delete_channel_listener},
      Row{Method::kGet, "node/show_secure_channel_listener", &Routes::show_channel_listener},
      Row{Method::kGet, "node/services", &Routes::list_services},
      Row{Method::kGet, "node/services/*", &Routes::list_services_of},
      Row{Method::kPost, "node/services/uppercase", &Routes::start_uppercase},
      Row{Method::kPost, "node/services/echo", &Routes::start_echo},
      Row{Method::kPost, "node/services/hop", &Routes::start_hop},
      Row{Method::kGet, "node/workers", &Routes::list_workers},
      Row{Method::kGet, "node/relay", &Routes::list_relays},
      Row{Method::kGet, "node/relay/*", &Routes::show_relay},
      Row{Method::kPost, "node/relay", &Routes::create_relay},
      Row{Method::kDelete, "node/relay/*", &Routes::delete_relay},
      Row{Method::kGet, "node/inlet", &Routes::list_inlets},
      Row{Method::kGet, "node/inlet/*", &Routes::show_inlet},
      Row{Method::kPost, "node/inlet", &Routes::create_inlet},
      Row{Method::kDelete, "node/inlet/*", &Routes::delete_inlet},
      Row{Method::kGet, "node/outlet", &Routes::list_outlets},
      Row{Method::kGet, "node/outlet/*", &Routes::show_outlet},
      Row{Method::kPost, "node/outlet", &Routes::create_outlet},
      Row{Method::kDelete, "node/outlet/*", &Routes::delete_outlet},
      Row{Method::kPost, "node/flow_controls/add_consumer", &Routes::add_consumer},
      Row{Method::kPost, "v0/message", &Routes::send_message},
      Row{Method::kPost, "policy/*", &Routes::set_policy},
      Row{Method::kGet, "policy/*", &Routes::show_policy},
      Row{Method::kGet, "policy", &Routes::list_all_policies},
      Row{Method::kDelete, "policy/*", &Routes::remove_policy},
      Row{Method::kGet, "node/forwarder", &Routes::list_forwarders},
      Row{Method::kPost, "node/forwarder", &Routes::create_forwarder},
      Row{Method::kDelete, "node/forwarder/*", &Routes::delete_forwarder},
  };

  N& node_;
  Rng& rng_;
  std::shared_ptr<std::size_t> pending_ = std::make_shared<std::size_t>(0);
};

}  // namespace weir::api::internal

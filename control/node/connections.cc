#include "control/node/internal/connections.h"

#include <algorithm>

namespace weir::control {
namespace {

using wire::MultiAddr;
using wire::MultiAddrPart;
using wire::Proto;

MultiAddrPart service(const std::string& address) {
  return {Proto::kService, to_bytes(as_bytes(address))};
}

// Everything that can be refused before the first connect.
Status check(const MultiAddr& to) {
  int transports = 0;
  for (std::size_t i = 0; i < to.size(); ++i) {
    switch (to.parts()[i].proto) {
      case Proto::kService:
      case Proto::kWorker:
      case Proto::kSecure:
        continue;
      case Proto::kNode:
        return fail(Errc::kInvalid, "a node's name must be replaced by its address", to.text());
      case Proto::kProject:
        if (i == 0) continue;
        return fail(Errc::kInvalid, "a project's name must be the first part", to.text());
      case Proto::kSpace:
        return fail(Errc::kInvalid, "a route cannot go through a space", to.text());
      default:
        break;
    }
    const auto hop = to.transport_at(i);
    if (!hop || hop->index != i) return fail(Errc::kInvalid, "Invalid multiaddr", to.text());
    if (hop->is_udp) return fail(Errc::kUnsupported, "UDP is not supported yet", to.text());
    if (++transports > 1) {
      return fail(Errc::kInvalid, "multiple transport connections created in a `MultiAddr`",
                  to.text());
    }
    ++i;  // its second part
  }
  return {};
}

}  // namespace

Result<wire::MultiAddr> secured(const wire::MultiAddr& listener) {
  if (listener.empty()) return fail(Errc::kInvalid, "the route is empty");
  wire::MultiAddr route = listener.slice(0, listener.size() - 1);
  wire::MultiAddrPart last = listener.parts().back();
  if (last.proto != wire::Proto::kService && last.proto != wire::Proto::kSecure) {
    return fail(Errc::kInvalid, "the route does not end with a service", listener.text());
  }
  last.proto = wire::Proto::kSecure;
  route.push_back(std::move(last));
  return route;
}

ControlId Connections::open(const MultiAddr& to, ConnectOptions options, Done<Connection> done,
                            std::function<void(const std::string& why)> lost) {
  if (auto status = check(to); !status) {
    done(pass(status));
    return 0;
  }
  const ControlId id = core_.next_id();
  Open& open = open_[id];
  open.connection.id = id;
  open.options = std::move(options);
  open.rest = to.parts();
  open.done = std::move(done);
  open.lost = std::move(lost);
  advance(id);
  return id;
}

void Connections::advance(ControlId id) {
  for (;;) {
    const auto it = open_.find(id);
    if (it == open_.end()) return;
    Open& open = it->second;
    if (open.rest.empty()) return finish(id);
    const MultiAddrPart part = open.rest.front();
    if (part.proto == Proto::kService || part.proto == Proto::kWorker) {
      open.path.push_back(part);
      open.rest.erase(open.rest.begin());
      continue;
    }
    if (part.proto == Proto::kProject) {
      if (Status known = expand_project(open, part.value()); !known) {
        return fail_open(id, std::move(known.error()));
      }
      continue;
    }
    if (part.proto == Proto::kSecure) {
      open.rest.erase(open.rest.begin());
      return secure(id, part.value());
    }
    MultiAddr rest;
    for (const MultiAddrPart& next : open.rest) rest.push_back(next);
    const auto hop = rest.leading_transport();
    CHECK(hop.has_value());  // check() saw it
    open.rest.erase(open.rest.begin(), open.rest.begin() + 2);
    return connect(id, *hop);
  }
}

Status Connections::expand_project(Open& open, const std::string& name) {
  if (!core_.config.find_project) return fail(Errc::kNotFound, "there is no project", name);
  const auto project = core_.config.find_project(name);
  if (!project) return fail(project.error().code, project.error().what, project.error().detail);
  auto route = secured(project->route);
  if (!route) return pass(route);
  if (route->parts().front().proto == Proto::kProject) {
    return fail(Errc::kInvalid, "the project's route names a project", route->text());
  }
  if (auto status = check(*route); !status) return status;
  open.project = project->identity;
  open.rest.erase(open.rest.begin());
  open.rest.insert(open.rest.begin(), route->parts().begin(), route->parts().end());
  return {};
}

void Connections::connect(ControlId id, const wire::TransportHop& hop) {
  const auto done = [this, id](Result<Link> link) {
    const auto it = open_.find(id);
    if (it == open_.end()) {
      if (link) links_.close(link->id);
      return;
    }
    it->second.connecting = 0;
    if (!link) return fail_open(id, std::move(link.error()));
    it->second.connection.link = link->id;
    it->second.connection.flow = link->flow;
    it->second.path.push_back(service(link->sender));
    advance(id);
  };
  const ControlId attempt =
      links_.connect(hop.host, hop.port, open_.at(id).options.link_timeout_ms, std::nullopt, done);
  // It may have ended before it returned.
  const auto it = open_.find(id);
  if (it != open_.end() && !it->second.connection.link) it->second.connecting = attempt;
}

void Connections::secure(ControlId id, const std::string& listener) {
  Open& open = open_.at(id);
  // Only `service` parts lead to the listener (spec/01 10.4); what is before the channel is then
  // gone.
  wire::Route route;
  for (const MultiAddrPart& part : open.path) {
    if (part.proto == Proto::kService) route.push_back(wire::Address::local(part.value()));
  }
  route.push_back(wire::Address::local(listener));
  const auto done = [this, id](Result<Channel> channel) {
    const auto it = open_.find(id);
    if (it == open_.end()) {
      if (channel) channels_.close(channel->id);
      return;
    }
    Open& mine = it->second;
    mine.connecting = 0;
    if (!channel) return fail_open(id, std::move(channel.error()));
    mine.connection.channels.push_back(channel->id);
    mine.connection.flow = channel->flow;
    mine.path = {service(channel->encryptor)};
    advance(id);
  };
  const std::size_t made = open.connection.channels.size();
  std::optional<std::vector<Identifier>> authorized = open.options.authorized;
  if (const auto project = std::exchange(open.project, std::nullopt)) authorized = {{*project}};
  const ControlId attempt =
      channels_.create(route,
                       {open.options.identity, std::move(authorized),
                        open.options.channel_timeout_ms, open.options.present_credential},
                       done);
  const auto it = open_.find(id);
  if (it != open_.end() && it->second.connection.channels.size() == made) {
    it->second.connecting = attempt;
  }
}

bool Connections::is_terminal(const std::string& address) const {
  if (channels_.by_encryptor(address)) return true;
  const auto link = links_.find(address);
  return link && link->sender == address;
}

void Connections::finish(ControlId id) {
  Open& open = open_.at(id);
  Connection& connection = open.connection;
  std::vector<std::string> services;
  for (const MultiAddrPart& part : open.path) {
    connection.route.push_back(wire::Address::local(part.value()));
    if (part.proto == Proto::kService) services.push_back(part.value());
  }
  if (!services.empty() && !is_terminal(services.back())) services.pop_back();
  for (const std::string& hop : services) {
    connection.ping_route.push_back(wire::Address::local(hop));
  }
  if (connection.flow != kNoFlow) {
    for (const char* name :
         {"control_api", "key_exchanger", kApiAddress, kUppercaseAddress, kEchoAddress}) {
      workers_.allow(connection.flow, name);
    }
    if (open.options.open_for_hops) {
      for (const WorkerAddress& hop : hops) workers_.allow(connection.flow, hop);
    }
  }
  const Done<Connection> done = std::exchange(open.done, nullptr);
  const Connection result = connection;
  done(result);
}

void Connections::fail_open(ControlId id, Error error) {
  const auto it = open_.find(id);
  if (it == open_.end()) return;
  const Done<Connection> done = std::exchange(it->second.done, nullptr);
  close(id);
  if (done) done(std::unexpected(std::move(error)));
}

void Connections::close(ControlId id) {
  const auto it = open_.find(id);
  if (it == open_.end()) return;
  const Open open = std::move(it->second);
  open_.erase(it);
  if (open.connecting != 0) {
    links_.cancel(open.connecting);
    channels_.close(open.connecting);
  }
  // The last made first: it says Close through the one before it.
  const auto& made = open.connection.channels;
  for (auto channel = made.rbegin(); channel != made.rend(); ++channel) channels_.close(*channel);
  if (open.connection.link) links_.close(*open.connection.link);
}

void Connections::report_lost(ControlId id, const std::string& why) {
  const auto it = open_.find(id);
  if (it == open_.end()) return;
  if (it->second.done) return fail_open(id, {Errc::kIo, "connection lost", why});
  const auto lost = std::exchange(it->second.lost, nullptr);
  if (lost) lost(why);
}

void Connections::on_link_ended(const Link& link) {
  std::vector<ControlId> ids;
  for (const auto& [id, open] : open_) {
    if (open.connection.link == link.id) ids.push_back(id);
  }
  for (const ControlId id : ids)
    report_lost(id, "the connection with " + link.peer.text() + " ended");
}

void Connections::on_channel_ended(const Channel& channel, const char* why) {
  if (!channel.initiator) return;
  std::vector<ControlId> ids;
  for (const auto& [id, open] : open_) {
    const auto& mine = open.connection.channels;
    if (std::find(mine.begin(), mine.end(), channel.id) != mine.end()) ids.push_back(id);
  }
  for (const ControlId id : ids) report_lost(id, why);
}

}  // namespace weir::control

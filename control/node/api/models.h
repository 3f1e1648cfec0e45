// All request and response bodies of the node manager API (spec/04 5.3-5.10) and of weir's own
// endpoints. Read models_common.h first.
#pragma once

#include "control/node/api/models_channel.h"
#include "control/node/api/models_extension.h"
#include "control/node/api/models_latency.h"
#include "control/node/api/models_node.h"
#include "control/node/api/models_policy.h"
#include "control/node/api/models_portal.h"
#include "control/node/api/models_relay.h"
#include "control/node/api/models_service.h"
#include "control/node/api/models_transport.h"

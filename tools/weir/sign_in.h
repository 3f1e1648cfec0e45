// A person signs in at an identity provider: shows the address and the code, waits, and has the
// tokens. Ends with the command on Ctrl-C; nothing of it is stored.
#pragma once

#include <string>

#include "control/oidc/device_flow.h"
#include "tools/weir/context.h"

namespace weir::cli {

// `provider`: how to call it in texts. Gives up when the person says no, when the code expires, and
// when the provider cannot be asked for a code.
oidc::Tokens sign_in(Context& context, const oidc::DeviceFlow& flow, const std::string& provider,
                     bool opens_browser);

}  // namespace weir::cli

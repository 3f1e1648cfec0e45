#include "tools/weir/sign_in.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tools/weir/failure.h"

namespace weir::cli {
namespace {

constexpr char kAgain[] =
    "run the command again, or ask an enroller of the project for a ticket (`weir project ticket`)";

// A desktop of the user's own: not over SSH, where the browser would open on another screen.
bool has_desktop(const Context& context) {
  const auto set = [&context](const char* name) {
    const auto value = context.env()(name);
    return value && !value->empty();
  };
  return (set("DISPLAY") || set("WAYLAND_DISPLAY")) && !set("SSH_CONNECTION");
}

// Best effort, without a shell. `url` was checked: it begins with http and has no blank.
bool open_browser(const std::string& url) {
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) return false;
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  }
  std::string program = "xdg-open";
  std::string argument = url;
  char* const words[] = {program.data(), argument.data(), nullptr};
  pid_t pid = -1;
  const int failed = ::posix_spawnp(&pid, program.c_str(), &actions, nullptr, words, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return false;
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Always shown, also with --quiet: without it nobody can sign in.
void show_code(Context& context, const oidc::DeviceAuthorization& code, const std::string& provider,
               bool opens_browser) {
  write_stderr(fmt::format("\n    To join, sign in at {}.\n\n      Open   {}\n      Enter  {}\n\n",
                           provider, code.verification_uri, code.user_code));
  const std::string& url = code.verification_uri_complete.empty() ? code.verification_uri
                                                                  : code.verification_uri_complete;
  if (opens_browser && context.can_ask() && has_desktop(context) && open_browser(url)) {
    context.note("    Your browser shows it now.");
  } else if (!code.verification_uri_complete.empty()) {
    context.note(fmt::format("    Or open {}", url));
  }
}

[[noreturn]] void give_up_sign_in(const Error& error) {
  std::string message = error.text();
  message[0] = message[0] >= 'a' && message[0] <= 'z' ? static_cast<char>(message[0] - 'a' + 'A')
                                                      : message[0];
  give_up(Failure{std::move(message), {}, kAgain, {}, kExitFailed});
}

}  // namespace

oidc::Tokens sign_in(Context& context, const oidc::DeviceFlow& flow, const std::string& provider,
                     bool opens_browser) {
  const auto code = oidc::request_device_code(http_exchange, flow);
  if (!code) give_up_sign_in(code.error());
  show_code(context, *code, provider, opens_browser);
  context.progress(fmt::format("    Waiting for you; the code is good for {}m{:02}s.",
                               code->expires_in_s / 60, code->expires_in_s % 60));
  const oidc::Waiting waiting{
      context.clock(),
      [](std::uint64_t ms) {
        std::this_thread::sleep_for(std::chrono::milliseconds(ms));
        return true;  // Ctrl-C ends the process
      },
      [&context](const std::string& words) { context.note(warning_line(words)); }};
  auto tokens = oidc::wait_for_tokens(http_exchange, flow, *code, waiting);
  if (!tokens) give_up_sign_in(tokens.error());
  return std::move(*tokens);
}

}  // namespace weir::cli

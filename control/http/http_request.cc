#include "control/http/http_request.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>

namespace weir {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The line in front of the next CR LF, which is taken off too.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find("\r\n");
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
  return line;
}

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [kMarks](char c) {
    const char l = lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// "a, b" has "b"
bool list_has(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (same_ignoring_case(trim(list.substr(0, comma)), wanted)) return true;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

std::vector<std::string_view> path_segments(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (!target.starts_with('/') && scheme != std::string_view::npos) {
    const std::size_t path = target.find('/', scheme + 3);
    target = path == std::string_view::npos ? std::string_view() : target.substr(path);
  }
  target = target.substr(0, target.find_first_of("?#"));
  std::vector<std::string_view> out;
  while (!target.empty()) {
    const std::size_t slash = target.find('/');
    if (slash != 0) out.push_back(target.substr(0, slash));
    target.remove_prefix(slash == std::string_view::npos ? target.size() : slash + 1);
  }
  return out;
}

const char* reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 431:
      return "Request Header Fields Too Large";
    default:
      return "Error";
  }
}

}  // namespace

std::size_t http_head_bytes(std::string_view input) {
  const std::size_t end = input.find("\r\n\r\n");
  return end == std::string_view::npos ? 0 : end + 4;
}

Result<HttpRequest> parse_http_head(std::string_view head) {
  const auto bad = [] { return fail(Errc::kInvalid, "not an HTTP request"); };
  std::string_view line = take_line(head);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return bad();
  HttpRequest request;
  request.method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(request.method) || target.empty() ||
      target.find_first_of(" \t\r\n") != std::string_view::npos) {
    return bad();
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return bad();
  request.segments = path_segments(target);
  request.keep_alive = version == "HTTP/1.1";
  for (line = take_line(head); !line.empty(); line = take_line(head)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return bad();
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (same_ignoring_case(name, "connection")) {
      if (list_has(value, "close")) {
        request.keep_alive = false;
      } else if (list_has(value, "keep-alive")) {
        request.keep_alive = true;
      }
    } else if (same_ignoring_case(name, "transfer-encoding") ||
               (same_ignoring_case(name, "content-length") && value != "0")) {
      request.has_body = true;
    }
  }
  return request;
}

std::string http_response(int status, std::string_view body, bool head_only, bool keep_alive,
                          std::uint64_t unix_seconds) {
  return fmt::format("HTTP/1.1 {} {}\r\ncontent-length: {}\r\n{}date: {}\r\n\r\n{}", status,
                     reason(status), body.size(), keep_alive ? "" : "connection: close\r\n",
                     http_date(unix_seconds), head_only ? std::string_view() : body);
}

std::string http_date(std::uint64_t unix_seconds) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = static_cast<time_t>(unix_seconds);
  tm utc{};
  if (::gmtime_r(&seconds, &utc) == nullptr) return "Thu, 01 Jan 1970 00:00:00 GMT";
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                     kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace weir

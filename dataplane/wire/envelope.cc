#include "dataplane/wire/envelope.h"

#include <array>

#include "dataplane/wire/bare.h"
#include "dataplane/wire/cbor.h"

namespace weir::wire {
namespace {

struct StatusName {
  ApiStatus status;
  const char* name;
};
constexpr std::array<StatusName, 10> kStatusNames = {{
    {ApiStatus::kOk, "Ok"},
    {ApiStatus::kBadRequest, "BadRequest"},
    {ApiStatus::kUnauthorized, "Unauthorized"},
    {ApiStatus::kForbidden, "Forbidden"},
    {ApiStatus::kNotFound, "NotFound"},
    {ApiStatus::kMethodNotAllowed, "MethodNotAllowed"},
    {ApiStatus::kTimeout, "Timeout"},
    {ApiStatus::kConflict, "Conflict"},
    {ApiStatus::kInternalServerError, "InternalServerError"},
    {ApiStatus::kNotImplemented, "NotImplemented"},
}};

const StatusName* find_status(std::uint32_t number) {
  for (const StatusName& entry : kStatusNames) {
    if (static_cast<std::uint32_t>(entry.status) == number) return &entry;
  }
  return nullptr;
}

// An optional enum of numbers. For a number that it does not know, Ockam skips the item *behind* it
// (spec/04 1.2); doing the same keeps the verdict on every input the same.
bool read_known(CborReader& reader, std::uint32_t& number, bool& known,
                bool (*knows)(std::uint32_t)) {
  known = false;
  if (reader.skip_null()) return true;
  if (!reader.u32(number)) return false;
  known = knows(number);
  return known || reader.skip();
}

bool read_method(CborReader& reader, std::optional<Method>& method) {
  std::uint32_t number = 0;
  bool known = false;
  if (!read_known(reader, number, known, [](std::uint32_t n) { return n <= 4; })) return false;
  if (known)
    method = static_cast<Method>(number);
  else
    method.reset();
  return true;
}

bool read_status(CborReader& reader, std::optional<ApiStatus>& status) {
  std::uint32_t number = 0;
  bool known = false;
  if (!read_known(reader, number, known,
                  [](std::uint32_t n) { return find_status(n) != nullptr; })) {
    return false;
  }
  if (known)
    status = static_cast<ApiStatus>(number);
  else
    status.reset();
  return true;
}

bool read_optional_text(CborReader& reader, std::optional<std::string>& out) {
  if (reader.skip_null()) {
    out.reset();
    return true;
  }
  std::string_view text;
  if (!reader.text(text)) return false;
  out = std::string(text);
  return true;
}

bool read_error(CborReader& reader, ErrorBody& out, int depth) {
  MapHead fields;
  if (depth > kErrorCauseDepthMax || !reader.map(fields)) return false;
  while (reader.next(fields)) {
    std::uint32_t key = 0;
    reader.u32(key);
    switch (reader.ok() ? key : 0) {
      case 1:
        read_optional_text(reader, out.path);
        break;
      case 2:
        read_method(reader, out.method);
        break;
      case 3:
        read_optional_text(reader, out.message);
        break;
      case 4:
        out.cause.clear();
        if (!reader.skip_null() && !read_error(reader, out.cause.emplace_back(), depth + 1)) {
          return false;
        }
        break;
      default:
        reader.skip();
    }
  }
  return reader.ok();
}

void write_error(CborWriter& writer, const ErrorBody& error) {
  writer.map(static_cast<std::uint64_t>(error.path.has_value()) + error.method.has_value() +
             error.message.has_value() + !error.cause.empty());
  if (error.path) writer.u64(1).text(*error.path);
  if (error.method) writer.u64(2).u64(static_cast<std::uint64_t>(*error.method));
  if (error.message) writer.u64(3).text(*error.message);
  if (!error.cause.empty()) {
    writer.u64(4);
    write_error(writer, error.cause.front());
  }
}

// bare(header || body)
Bytes wrap(ByteSpan header, bool has_body, ByteSpan body) {
  if (!has_body) body = {};
  Bytes out;
  out.reserve(kUvarintBytesMax + header.size() + body.size());
  BareWriter(out).uvarint(header.size() + body.size()).raw(header).raw(body);
  return out;
}

}  // namespace

const char* method_text(Method method) {
  constexpr std::array<const char*, 5> kNames = {"GET", "POST", "PUT", "DELETE", "PATCH"};
  return kNames.at(static_cast<std::size_t>(method));
}

std::string status_text(ApiStatus status) {
  const StatusName* entry = find_status(static_cast<std::uint32_t>(status));
  return std::to_string(static_cast<unsigned>(status)) + " " + (entry ? entry->name : "Unknown");
}

std::string ErrorBody::text() const {
  std::string out;
  const auto add = [&out](const std::string& part) {
    if (!out.empty()) out += ", ";
    out += part;
  };
  if (message) add("message: " + *message);
  if (path) add("path: " + *path);
  if (method) add(std::string("method: ") + method_text(*method));
  if (!cause.empty()) add(cause.front().text());
  return out;
}

Bytes encode_request(const Request& request) {
  Bytes header;
  CborWriter writer(header);
  writer.map(request.method ? 4 : 3).u64(1).u64(request.id).u64(2).text(request.path);
  if (request.method) writer.u64(3).u64(static_cast<std::uint64_t>(*request.method));
  writer.u64(4).boolean(request.has_body);
  return wrap(header, request.has_body, request.body);
}

Result<Request> decode_request(ByteSpan payload) {
  ByteSpan inner;
  if (!BareReader(payload).bytes(inner)) return fail(Errc::kInvalid, "malformed request envelope");
  CborReader reader(inner);
  Request request;
  MapHead fields;
  std::uint32_t seen = 0;
  reader.map(fields);
  while (reader.next(fields)) {
    std::uint32_t key = 0;
    std::string_view path;
    reader.u32(key);
    if (!reader.ok()) break;
    if (key == 1)
      reader.u32(request.id);
    else if (key == 2 && reader.text(path))
      request.path = path;
    else if (key == 3)
      read_method(reader, request.method);
    else if (key == 4)
      reader.boolean(request.has_body);
    else if (key != 2)
      reader.skip();
    if (key < 8) seen |= 1u << key;
  }
  if (!reader.ok() || (seen & 0b10110) != 0b10110) {
    return fail(Errc::kInvalid, "malformed request header");
  }
  request.body = to_bytes(reader.rest());
  return request;
}

Bytes encode_response(const Response& response) {
  Bytes header;
  CborWriter writer(header);
  writer.map(response.status ? 4 : 3).u64(1).u64(response.id).u64(2).u64(response.re);
  if (response.status) writer.u64(3).u64(static_cast<std::uint64_t>(*response.status));
  writer.u64(4).boolean(response.has_body);
  return wrap(header, response.has_body, response.body);
}

Result<Response> decode_response(ByteSpan payload) {
  ByteSpan inner;
  if (!BareReader(payload).bytes(inner)) return fail(Errc::kInvalid, "malformed response envelope");
  CborReader reader(inner);
  Response response;
  MapHead fields;
  std::uint32_t seen = 0;
  reader.map(fields);
  while (reader.next(fields)) {
    std::uint32_t key = 0;
    reader.u32(key);
    if (!reader.ok()) break;
    if (key == 1)
      reader.u32(response.id);
    else if (key == 2)
      reader.u32(response.re);
    else if (key == 3)
      read_status(reader, response.status);
    else if (key == 4)
      reader.boolean(response.has_body);
    else
      reader.skip();
    if (key < 8) seen |= 1u << key;
  }
  if (!reader.ok() || (seen & 0b10110) != 0b10110) {
    return fail(Errc::kInvalid, "malformed response header");
  }
  response.body = to_bytes(reader.rest());
  return response;
}

Bytes encode_error_body(const ErrorBody& error) {
  Bytes out;
  CborWriter writer(out);
  write_error(writer, error);
  return out;
}

Result<ErrorBody> decode_error_body(ByteSpan body) {
  CborReader reader(body);
  ErrorBody error;
  if (!read_error(reader, error, 0)) return fail(Errc::kInvalid, "malformed error body");
  return error;
}

ErrorBody response_error(const Response& response) {
  ErrorBody error;
  std::string_view text;
  ByteSpan raw;
  if (CborReader(response.body).text(text)) {
    error.message = std::string(text);
  } else if (CborReader(response.body).bytes(raw) && valid_utf8(raw)) {
    error.message = std::string(as_text(raw));
  } else if (Result<ErrorBody> decoded = decode_error_body(response.body)) {
    error = std::move(*decoded);
  }
  return error;
}

}  // namespace weir::wire

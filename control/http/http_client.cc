#include "control/http/http_client.h"

#include <memory>

#include "control/http/internal/curl_library.h"

namespace weir {
namespace {

using Handle = std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)>;
using List = std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)>;

std::size_t take(char* data, std::size_t size, std::size_t count, void* into) {
  std::string& body = *static_cast<std::string*>(into);
  if (body.size() + size * count > kHttpReplyBytesMax) return 0;  // ends the transfer
  body.append(data, size * count);
  return size * count;
}

int check_stop(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

void set_method(const CurlLibrary& lib, CURL* curl, const HttpCall& call) {
  if (call.method == HttpMethod::kGet) {
    lib.curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    return;
  }
  lib.curl_easy_setopt(curl, CURLOPT_POST, 1L);
  lib.curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.data());
  lib.curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(call.body.size()));
}

// Only what the caller trusts: libcurl would add the system's folder.
void set_certificates(const CurlLibrary& lib, CURL* curl, const std::string& pem) {
  if (pem.empty()) return;
  curl_blob blob{};
  blob.data = const_cast<char*>(pem.data());
  blob.len = pem.size();
  blob.flags = CURL_BLOB_COPY;
  lib.curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
  lib.curl_easy_setopt(curl, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
}

}  // namespace

Result<HttpReply> http_exchange(const HttpCall& call) {
  const auto loaded = CurlLibrary::load();
  if (!loaded) return std::unexpected(loaded.error());
  const CurlLibrary& lib = **loaded;
  const Handle curl(lib.curl_easy_init(), lib.curl_easy_cleanup);
  if (curl == nullptr) return fail(Errc::kInternal, "libcurl cannot be used");
  List headers(nullptr, lib.curl_slist_free_all);
  for (const auto& [name, value] : call.headers) {
    curl_slist* longer = lib.curl_slist_append(headers.get(), (name + ": " + value).c_str());
    if (longer == nullptr) return fail(Errc::kExhausted, "out of memory");
    (void)headers.release();
    headers.reset(longer);
  }
  HttpReply reply;
  CURL* handle = curl.get();
  const auto set = [&](CURLoption option, auto value) {
    lib.curl_easy_setopt(handle, option, value);
  };
  set(CURLOPT_URL, call.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTPHEADER, headers.get());
  set_method(lib, handle, call);
  set_certificates(lib, handle, call.ca_pem);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(call.timeout_ms));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_WRITEFUNCTION, &take);
  set(CURLOPT_WRITEDATA, &reply.body);
  if (call.stop != nullptr) {
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, &check_stop);
    set(CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(call.stop));
  }
  const CURLcode code = lib.curl_easy_perform(handle);
  if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Errc::kShutdown, "stopped", call.url);
  if (code == CURLE_OPERATION_TIMEDOUT) return fail(Errc::kTimeout, "no answer in time", call.url);
  if (code != CURLE_OK) return fail(Errc::kIo, lib.curl_easy_strerror(code), call.url);
  long status = 0;
  lib.curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  return reply;
}

}  // namespace weir

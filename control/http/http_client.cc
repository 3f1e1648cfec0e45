#include "control/http/http_client.h"

#include <curl/curl.h>

#include <memory>

namespace weir {
namespace {

struct Free {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t take(char* data, std::size_t size, std::size_t count, void* into) {
  std::string& body = *static_cast<std::string*>(into);
  if (body.size() + size * count > kHttpReplyBytesMax) return 0;  // ends the transfer
  body.append(data, size * count);
  return size * count;
}

int check_stop(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

void set_method(CURL* curl, const HttpCall& call) {
  if (call.method == HttpMethod::kGet) {
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    return;
  }
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(call.body.size()));
}

// Only what the caller trusts: libcurl would add the system's folder.
void set_certificates(CURL* curl, const std::string& pem) {
  if (pem.empty()) return;
  curl_blob blob{};
  blob.data = const_cast<char*>(pem.data());
  blob.len = pem.size();
  blob.flags = CURL_BLOB_COPY;
  curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
  curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
}

}  // namespace

Result<HttpReply> http_exchange(const HttpCall& call) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, Free> curl(curl_easy_init());
  if (ready != CURLE_OK || curl == nullptr) return fail(Errc::kInternal, "libcurl cannot be used");
  std::unique_ptr<curl_slist, Free> headers;
  for (const auto& [name, value] : call.headers) {
    curl_slist* longer = curl_slist_append(headers.get(), (name + ": " + value).c_str());
    if (longer == nullptr) return fail(Errc::kExhausted, "out of memory");
    (void)headers.release();
    headers.reset(longer);
  }
  HttpReply reply;
  CURL* handle = curl.get();
  curl_easy_setopt(handle, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  set_method(handle, call);
  set_certificates(handle, call.ca_pem);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(call.timeout_ms));
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &take);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &reply.body);
  if (call.stop != nullptr) {
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &check_stop);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(call.stop));
  }
  const CURLcode code = curl_easy_perform(handle);
  if (code == CURLE_ABORTED_BY_CALLBACK) return fail(Errc::kShutdown, "stopped", call.url);
  if (code == CURLE_OPERATION_TIMEDOUT) return fail(Errc::kTimeout, "no answer in time", call.url);
  if (code != CURLE_OK) return fail(Errc::kIo, curl_easy_strerror(code), call.url);
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  reply.status = static_cast<int>(status);
  return reply;
}

}  // namespace weir

// The status endpoint over real sockets, and the HTTP heads that it accepts and refuses.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "control/http/http_request.h"
#include "control/http/status_endpoint.h"

namespace weir {
namespace {

TEST(HttpRequest, ReadsWhatHealthChecksSend) {
  struct Case {
    const char* head;
    const char* method;
    std::vector<std::string_view> segments;
    bool keep_alive;
    bool has_body;
  };
  const Case cases[] = {
      {"HEAD / HTTP/1.1\r\n\r\n", "HEAD", {}, true, false},
      {"GET /show HTTP/1.1\r\nHost: x\r\n\r\n", "GET", {"show"}, true, false},
      {"GET //show/ HTTP/1.1\r\n\r\n", "GET", {"show"}, true, false},
      {"GET /show?x=1 HTTP/1.1\r\n\r\n", "GET", {"show"}, true, false},
      {"GET http://a:1/show HTTP/1.1\r\n\r\n", "GET", {"show"}, true, false},
      {"GET http://a HTTP/1.1\r\n\r\n", "GET", {}, true, false},
      {"GET / HTTP/1.0\r\n\r\n", "GET", {}, false, false},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", {}, true, false},
      {"GET / HTTP/1.1\r\nCONNECTION: a, Close\r\n\r\n", "GET", {}, false, false},
      {"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", "POST", {}, true, true},
      {"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "POST", {}, true, false},
      {"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "PUT", {}, true, true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(http_head_bytes(c.head), std::strlen(c.head)) << c.head;
    const Result<HttpRequest> request = parse_http_head(c.head);
    ASSERT_TRUE(request) << c.head;
    EXPECT_EQ(request->method, c.method) << c.head;
    EXPECT_EQ(request->segments, c.segments) << c.head;
    EXPECT_EQ(request->keep_alive, c.keep_alive) << c.head;
    EXPECT_EQ(request->has_body, c.has_body) << c.head;
  }
}

TEST(HttpRequest, RefusesWhatIsNoRequest) {
  for (const std::string_view head :
       {"\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET  HTTP/1.1\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n", "GET / HTTP/0.9\r\n\r\n", "GET / http/1.1\r\n\r\n",
        "GET / x HTTP/1.1\r\n\r\n", "G\x01T / HTTP/1.1\r\n\r\n", " GET / HTTP/1.1\r\n\r\n",
        "GET\t/ HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n: empty\r\n\r\n", "GET / HTTP/1.1\r\nspaced : x\r\n\r\n",
        "GET / HTTP/1.1\r\n folded: x\r\n\r\n", "GET / HTTP/1.1 \r\n\r\n", "PRI * HTTP/2.0\r\n\r\n",
        "\x16\x03\x01\x02 x HTTP/1.1\r\n\r\n"}) {
    EXPECT_FALSE(parse_http_head(head)) << head;
  }
  EXPECT_EQ(http_head_bytes("GET / HTTP/1.1\r\nHost: x\r\n"), 0u);
  EXPECT_EQ(http_head_bytes("GET / HTTP/1.1\n\n"), 0u);
}

TEST(HttpRequest, DatesAreWrittenAsHttpWantsThem) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
}

class StatusEndpointTest : public testing::Test {
 protected:
  void start(StatusEndpointLimits limits = {}) {
    auto opened = StatusEndpoint::open(
        SocketAddress::v4_loopback(0), false, [] { return std::string("{\"name\":\"n1\"}"); },
        clock_, limits);
    ASSERT_TRUE(opened) << opened.error().text();
    endpoint_ = std::move(*opened);
    endpoint_->add_to(loop_);
    thread_ = std::thread([this] {
      while (!stop_) {
        loop_.run_once(EpollLoop::kForever);
        connections_ = endpoint_->connections();
      }
    });
  }
  void TearDown() override {
    stop_ = true;
    loop_.wake();
    if (thread_.joinable()) thread_.join();
  }
  int connect_to() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const SocketAddress& address = endpoint_->address();
    EXPECT_EQ(::connect(fd, &address.any, address.size()), 0);
    const timeval timeout{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return fd;
  }
  static void send_text(int fd, std::string_view text) {
    (void)!::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  }
  // Until the server closes.
  static std::string receive_all(int fd) {
    std::string out;
    char chunk[4096];
    for (ssize_t got; (got = ::recv(fd, chunk, sizeof chunk, 0)) > 0;) {
      out.append(chunk, static_cast<std::size_t>(got));
    }
    return out;
  }
  std::string ask(std::string_view text) const {
    const int fd = connect_to();
    send_text(fd, text);
    ::shutdown(fd, SHUT_WR);
    const std::string out = receive_all(fd);
    ::close(fd);
    return out;
  }
  static int status_of(const std::string& response) {
    return response.starts_with("HTTP/1.1 ") ? std::atoi(response.c_str() + 9) : 0;
  }
  static std::string body_of(const std::string& response) {
    return response.substr(response.find("\r\n\r\n") + 4);
  }

  SystemClock clock_;
  EpollLoop loop_{clock_};
  std::unique_ptr<StatusEndpoint> endpoint_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> connections_ = 0;
  std::thread thread_;
};

TEST_F(StatusEndpointTest, HealthCheckIsAnsweredWithNothing) {
  start();
  const std::string response = ask("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(response), 200);
  EXPECT_EQ(body_of(response), "");
}

TEST_F(StatusEndpointTest, ShowAnswersTheDocumentWithoutContentType) {
  start();
  for (const char* path : {"/show", "//show", "/show/"}) {
    const std::string response = ask("GET " + std::string(path) + " HTTP/1.1\r\n\r\n");
    EXPECT_EQ(status_of(response), 200);
    EXPECT_EQ(body_of(response), "{\"name\":\"n1\"}");
    EXPECT_NE(response.find("content-length: 13\r\n"), std::string::npos);
    EXPECT_NE(response.find("\r\ndate: "), std::string::npos);
    EXPECT_EQ(response.find("content-type"), std::string::npos);
  }
}

TEST_F(StatusEndpointTest, EverythingElseIsRefused) {
  start();
  struct Case {
    std::string text;
    int status;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", 404},
      {"HEAD /show HTTP/1.1\r\n\r\n", 404},
      {"POST /show HTTP/1.1\r\n\r\n", 404},
      {"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 404},
      {"DELETE / HTTP/1.1\r\n\r\n", 404},
      {"OPTIONS * HTTP/1.1\r\n\r\n", 404},
      {"get /show HTTP/1.1\r\n\r\n", 404},
      {"GET /show/more HTTP/1.1\r\n\r\n", 404},
      {"GET /%73how HTTP/1.1\r\n\r\n", 404},
      {"GET /../show HTTP/1.1\r\n\r\n", 404},
      {"GET /show HTTP/2.0\r\n\r\n", 400},
      {"nonsense\r\n\r\n", 400},
      {std::string("\x00\x01\x02\r\n\r\n", 7), 400},
      {"GET /show HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n", 431},
      {std::string(20'000, 'x'), 431},
      {"GET /sho", 0},
      {"", 0},
  };
  for (const Case& c : cases) {
    const std::string response = ask(c.text);
    EXPECT_EQ(status_of(response), c.status) << c.text.substr(0, 60);
    if (c.status != 0) {
      EXPECT_EQ(body_of(response), "") << c.text.substr(0, 60);
    }
  }
}

TEST_F(StatusEndpointTest, ConnectionsAreKeptAndRequestsMayBePipelined) {
  start();
  const int fd = connect_to();
  send_text(fd,
            "HEAD / HTTP/1.1\r\n\r\nGET /show HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nConnection: "
            "close\r\n\r\nGET /show HTTP/1.1\r\n\r\n");
  const std::string all = receive_all(fd);
  ::close(fd);
  std::size_t count = 0;
  for (std::size_t at = 0; (at = all.find("HTTP/1.1 ", at)) != std::string::npos; ++at) ++count;
  EXPECT_EQ(count, 3u) << all;  // nothing behind "close"
  EXPECT_NE(all.find("connection: close"), std::string::npos);
}

TEST_F(StatusEndpointTest, IdleClientsCannotKeepAHealthCheckWaiting) {
  start({.connections_max = 8, .idle_s = 60});
  std::vector<int> idle;
  for (int i = 0; i < 40; ++i) {
    idle.push_back(connect_to());
    send_text(idle.back(), "HEAD /");
  }
  EXPECT_EQ(status_of(ask("HEAD / HTTP/1.1\r\n\r\n")), 200);
  EXPECT_LE(connections_, 8u);
  for (const int fd : idle) ::close(fd);
}

TEST_F(StatusEndpointTest, ConnectionsWithoutProgressAreClosed) {
  start({.idle_s = 1, .tick_ms = 100});
  const int silent = connect_to();
  const int trickling = connect_to();
  send_text(trickling, "GET /sho");
  EXPECT_EQ(receive_all(silent), "");
  EXPECT_EQ(receive_all(trickling), "");
  ::close(silent);
  ::close(trickling);
}

TEST_F(StatusEndpointTest, ATakenPortIsReplacedOnlyWhenTheOperatorDidNotChooseIt) {
  start();
  const SocketAddress taken = endpoint_->address();
  const auto exact = StatusEndpoint::open(taken, false, [] { return std::string(); }, clock_);
  ASSERT_FALSE(exact);
  EXPECT_EQ(exact.error().code, Errc::kAlreadyExists);
  const auto other = StatusEndpoint::open(taken, true, [] { return std::string(); }, clock_);
  ASSERT_TRUE(other);
  EXPECT_NE((*other)->address().port(), taken.port());
  EXPECT_NE((*other)->address().port(), 0);
}

}  // namespace
}  // namespace weir

// The API socket and its client over real Unix sockets, with clients that misbehave.
#include "control/node/api/api_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "control/node/api/api_client.h"
#include "control/node/api/internal/unix_path.h"

namespace weir::api {
namespace {

using wire::Method;

Bytes answer_to(const wire::Request& request, Bytes body = {}) {
  wire::Response response;
  response.id = 1;
  response.re = request.id;
  response.status = wire::ApiStatus::kOk;
  response.has_body = true;
  response.body = std::move(body);
  return wire::encode_response(response);
}

// A server on its own thread: answers with the request's path, says nothing to /silence, keeps
// /later until release().
class ServerThread {
 public:
  explicit ServerThread(const std::string& path, ApiSocketLimits limits = {}) {
    Result<std::unique_ptr<ApiSocket>> socket = ApiSocket::open(
        path, [this](Bytes bytes, ApiSocket::Answer answer) { handle(bytes, answer); }, limits);
    EXPECT_TRUE(socket) << socket.error().text();
    socket_ = std::move(*socket);
    socket_->add_to(loop_);
    thread_ = std::thread([this] {
      while (!stop_) {
        loop_.run_once(EpollLoop::kForever);
        if (release_.exchange(false)) {
          for (auto& answer : later_) answer();
          later_.clear();
        }
        connections = socket_->connections();
      }
    });
  }
  ~ServerThread() {
    stop_ = true;
    loop_.wake();
    thread_.join();
  }
  void release() {
    release_ = true;
    loop_.wake();
  }
  bool wait_for_connections(std::size_t count) {
    for (int i = 0; i < 500 && connections != count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      loop_.wake();
    }
    return connections == count;
  }

  std::atomic<std::size_t> connections = 0;
  std::atomic<int> requests = 0;

 private:
  void handle(const Bytes& bytes, const ApiSocket::Answer& answer) {
    ++requests;
    const Result<wire::Request> request = wire::decode_request(bytes);
    if (!request || request->path == "/silence") return answer({});
    if (request->path == "/big") return answer(answer_to(*request, Bytes(8 << 20, 7)));
    const Bytes out = answer_to(*request, to_bytes(as_bytes(request->path)));
    if (request->path != "/later") return answer(out);
    later_.push_back([answer, out] { answer(out); });
  }

  SystemClock clock_;
  EpollLoop loop_{clock_};
  std::unique_ptr<ApiSocket> socket_;
  std::vector<std::function<void()>> later_;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> release_ = false;
  std::thread thread_;
};

class ApiSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "weir-api-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    path_ = directory_ + "/api.socket";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  int connect_raw() const {
    const internal::UnixPath name(path_);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, name.address(), name.size()), 0);
    const timeval timeout{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return fd;
  }
  static Bytes frame(const char* path, std::uint32_t id = 5) {
    const Bytes envelope = wire::encode_request({id, path, Method::kGet, false, {}});
    Bytes out(4 + envelope.size());
    store_be32(out.data(), static_cast<std::uint32_t>(envelope.size()));
    std::copy(envelope.begin(), envelope.end(), out.begin() + 4);
    return out;
  }
  static void send_all(int fd, ByteSpan bytes) {
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // The body of the next answer; nullopt when the server closed.
  static std::optional<std::string> receive(int fd) {
    std::uint8_t header[4];
    if (::recv(fd, header, 4, MSG_WAITALL) != 4) return std::nullopt;
    Bytes bytes(load_be32(header));
    if (::recv(fd, bytes.data(), bytes.size(), MSG_WAITALL) != static_cast<ssize_t>(bytes.size())) {
      return std::nullopt;
    }
    return std::string(as_text(wire::decode_response(bytes)->body));
  }
  static bool closed(int fd) {
    std::uint8_t byte;
    const ssize_t got = ::recv(fd, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

  std::string directory_;
  std::string path_;
};

TEST_F(ApiSocketTest, ARequestGetsItsAnswer) {
  ServerThread server(path_);
  const Result<Bytes> body = call(path_, Method::kGet, "/node");
  ASSERT_TRUE(body) << body.error().text();
  EXPECT_EQ(as_text(*body), "/node");
}

TEST_F(ApiSocketTest, OnlyTheOwnerMayOpenTheFile) {
  ServerThread server(path_);
  struct stat file{};
  ASSERT_EQ(::stat(path_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  EXPECT_TRUE(S_ISSOCK(file.st_mode));
}

TEST_F(ApiSocketTest, PathsLongerThanTheKernelsFieldWork) {
  path_ = directory_;
  for (int i = 0; i < 8; ++i) path_ += "/a-directory-with-a-long-name";
  std::filesystem::create_directories(path_);
  path_ += "/api.socket";
  ASSERT_GT(path_.size(), 200u);
  ServerThread server(path_);
  EXPECT_TRUE(call(path_, Method::kGet, "/x"));
}

TEST_F(ApiSocketTest, AServedSocketIsNotTakenAwayAndAStaleOneIs) {
  {
    ServerThread server(path_);
    const auto second = ApiSocket::open(path_, [](Bytes, auto) {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::kAlreadyExists);
    EXPECT_TRUE(call(path_, Method::kGet, "/still"));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
  // A killed process leaves its file.
  const internal::UnixPath name(path_);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(fd, name.address(), name.size()), 0);
  ::close(fd);
  EXPECT_EQ(call(path_, Method::kGet, "/x").error().code, Errc::kRefused);
  ServerThread server(path_);
  EXPECT_TRUE(call(path_, Method::kGet, "/x"));
}

TEST_F(ApiSocketTest, AFileThatIsNoSocketIsLeftAlone) {
  std::ofstream(path_) << "precious";
  const auto opened = ApiSocket::open(path_, [](Bytes, auto) {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kAlreadyExists);
  EXPECT_EQ(std::filesystem::file_size(path_), 8u);
}

TEST_F(ApiSocketTest, ANodeThatIsNotRunningIsToldApartFromOneThatDoesNotAnswer) {
  EXPECT_EQ(call(path_, Method::kGet, "/x").error().code, Errc::kNotFound);
  ServerThread server(path_);
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(call(path_, Method::kGet, "/later", std::nullopt, 200).error().code, Errc::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
  EXPECT_EQ(call(path_, Method::kGet, "/silence").error().code, Errc::kIo);
}

TEST_F(ApiSocketTest, ErrorsOfTheNodeBecomeErrorsOfTheCommand) {
  wire::Response response;
  response.status = wire::ApiStatus::kNotFound;
  response.has_body = true;
  wire::ErrorBody error;
  error.message = "no such thing";
  response.body = wire::encode_error_body(error);
  const Result<Bytes> body = body_of(response);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, Errc::kNotFound);
  EXPECT_EQ(body.error().detail, "no such thing");
  response.status.reset();
  EXPECT_EQ(body_of(response).error().code, Errc::kInternal);
}

TEST_F(ApiSocketTest, AWaitingRequestHoldsUpNoOtherConnection) {
  ServerThread server(path_);
  const int waiting = connect_raw();
  send_all(waiting, frame("/later"));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(call(path_, Method::kGet, "/quick"));
  server.release();
  EXPECT_EQ(receive(waiting), "/later");
  ::close(waiting);
}

TEST_F(ApiSocketTest, PipelinedRequestsAreAnsweredInOrder) {
  ServerThread server(path_);
  const int fd = connect_raw();
  Bytes all;
  for (const char* path : {"/1", "/later", "/3"}) {
    const Bytes next = frame(path);
    all.insert(all.end(), next.begin(), next.end());
  }
  send_all(fd, all);
  EXPECT_EQ(receive(fd), "/1");
  server.release();
  EXPECT_EQ(receive(fd), "/later");
  EXPECT_EQ(receive(fd), "/3");
  ::close(fd);
}

TEST_F(ApiSocketTest, BytesThatTrickleInAreOneRequest) {
  ServerThread server(path_);
  const int fd = connect_raw();
  for (const std::uint8_t byte : frame("/slow")) {
    send_all(fd, {&byte, 1});
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(receive(fd), "/slow");
  ::close(fd);
}

TEST_F(ApiSocketTest, GarbageClosesItsOwnConnectionOnly) {
  ServerThread server(path_);
  const Bytes garbage[] = {{0, 0, 0, 0},
                           {0xff, 0xff, 0xff, 0xff, 1, 2, 3},
                           {0x01, 0x40, 0x00, 0x01},  // 20 MiB and one byte
                           {'G', 'E', 'T', ' ', '/', '\r', '\n'},
                           {0, 0, 0, 3, 0xff, 0xff, 0xff}};
  for (const Bytes& bytes : garbage) {
    const int fd = connect_raw();
    send_all(fd, bytes);
    EXPECT_TRUE(closed(fd));
    ::close(fd);
  }
  EXPECT_TRUE(call(path_, Method::kGet, "/fine"));
}

TEST_F(ApiSocketTest, AnnouncedBytesThatNeverComeAreNotAllocatedAndTheirSenderIsClosed) {
  ServerThread server(path_, {.stall_s = 1, .tick_ms = 100});
  const int fd = connect_raw();
  send_all(fd, Bytes{0x01, 0x00, 0x00, 0x00, 1, 2, 3});
  EXPECT_TRUE(call(path_, Method::kGet, "/meanwhile"));
  EXPECT_TRUE(closed(fd));
  ::close(fd);
}

TEST_F(ApiSocketTest, AClientThatDoesNotReadItsAnswerIsClosedAndHoldsUpNobody) {
  ServerThread server(path_, {.stall_s = 1, .tick_ms = 100});
  const int fd = connect_raw();
  send_all(fd, frame("/big"));
  EXPECT_TRUE(call(path_, Method::kGet, "/meanwhile"));
  EXPECT_TRUE(server.wait_for_connections(0));
  ::close(fd);
}

TEST_F(ApiSocketTest, BigAnswersArriveWhole) {
  ServerThread server(path_);
  const Result<Bytes> body = call(path_, Method::kGet, "/big");
  ASSERT_TRUE(body) << body.error().text();
  EXPECT_EQ(*body, Bytes(8 << 20, 7));
}

TEST_F(ApiSocketTest, ConnectionsAboveTheLimitWaitForTheirTurn) {
  ServerThread server(path_, {.connections_max = 4, .idle_s = 60, .tick_ms = 50});
  std::vector<int> idle;
  for (int i = 0; i < 4; ++i) idle.push_back(connect_raw());
  EXPECT_TRUE(server.wait_for_connections(4));
  const int fifth = connect_raw();
  send_all(fifth, frame("/fifth"));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(server.requests, 0);
  ::close(idle.back());
  idle.pop_back();
  EXPECT_EQ(receive(fifth), "/fifth");
  for (const int fd : idle) ::close(fd);
  ::close(fifth);
}

TEST_F(ApiSocketTest, MemoryOfAllRequestsTogetherIsBounded) {
  ServerThread server(path_, {.buffered_bytes_max = 1 << 20});
  const int fd = connect_raw();
  Bytes bytes(2 << 20, 1);
  store_be32(bytes.data(), 4 << 20);
  (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  EXPECT_TRUE(closed(fd));
  ::close(fd);
  EXPECT_TRUE(call(path_, Method::kGet, "/fine"));
}

TEST_F(ApiSocketTest, AnAnswerForAClientThatLeftGoesNowhere) {
  ServerThread server(path_);
  const int fd = connect_raw();
  send_all(fd, frame("/later"));
  while (server.requests == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ::close(fd);
  server.release();
  EXPECT_TRUE(call(path_, Method::kGet, "/fine"));
  EXPECT_TRUE(server.wait_for_connections(0));
}

TEST_F(ApiSocketTest, ManyClientsAtOnceAllGetTheirOwnAnswer) {
  ServerThread server(path_);
  std::atomic<int> right = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([this, i, &right] {
      for (int n = 0; n < 20; ++n) {
        const std::string path = "/" + std::to_string(i) + "/" + std::to_string(n);
        const Result<Bytes> body = call(path_, Method::kGet, path);
        if (body && as_text(*body) == path) ++right;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right, 320);
}

TEST(EpollLoopTest, ADescriptorThatAnotherCallbackClosedIsNotDispatched) {
  SystemClock clock;
  EpollLoop loop(clock);
  int pair[2][2];
  for (auto& fds : pair) {
    ASSERT_EQ(::pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    ASSERT_EQ(::write(fds[1], "x", 1), 1);
  }
  int called = 0;
  for (int i = 0; i < 2; ++i) {
    loop.watch(pair[i][0], 1 /* EPOLLIN */, [&, i](std::uint32_t) {
      ++called;
      loop.unwatch(pair[1 - i][0]);
      loop.unwatch(pair[i][0]);  // itself too
    });
  }
  loop.run_once(0);
  EXPECT_EQ(called, 1);
  for (auto& fds : pair) {
    ::close(fds[0]);
    ::close(fds[1]);
  }
}

TEST(EpollLoopTest, WaitsForItsDeadlineAndWakesEarlierWhenTold) {
  SystemClock clock;
  EpollLoop loop(clock);
  const std::uint64_t start_ns = clock.now_ns();
  loop.run_once(start_ns + 30 * kNsPerMs);
  EXPECT_GE(clock.now_ns(), start_ns + 30 * kNsPerMs);
  loop.wake();
  loop.run_once(EpollLoop::kForever);
}

}  // namespace
}  // namespace weir::api

// Counting only what weir itself does with a frame: a shard's turns are counted, and within them
// neither the simulated network (which stands for the kernel) nor the cipher, whose instructions
// depend on what the CPU under callgrind claims to have.
#pragma once

#include <utility>

#include "crypto/aead.h"
#include "dataplane/io/io.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT
#endif

namespace weir::bench {

// Starts off (callgrind's --collect-atstart=no).
class Collection {
 public:
  void on() { set(true); }
  void off() { set(false); }
  bool is_on() const { return on_; }

 private:
  void set(bool on) {
    if (on_ == on) return;
    on_ = on;
    CALLGRIND_TOGGLE_COLLECT;
  }
  bool on_ = false;
};

class Pause {
 public:
  explicit Pause(Collection& collection) : collection_(collection), was_on_(collection.is_on()) {
    collection_.off();
  }
  ~Pause() {
    if (was_on_) collection_.on();
  }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

 private:
  Collection& collection_;
  const bool was_on_;
};

class QuietIo final : public Io {
 public:
  QuietIo(Io& io, Collection& collection) : io_(io), collection_(collection) {}
  const char* name() const override { return io_.name(); }
  Result<SocketId> listen(const SocketAddress& address, std::uint64_t user,
                          SocketAddress& bound) override {
    const Pause pause(collection_);
    return io_.listen(address, user, bound);
  }
  void set_accepting(SocketId id, bool accepting) override {
    const Pause pause(collection_);
    io_.set_accepting(id, accepting);
  }
  Result<SocketId> connect(const SocketAddress& address, std::uint64_t user,
                           const SocketOptions& options) override {
    const Pause pause(collection_);
    return io_.connect(address, user, options);
  }
  Result<SocketId> adopt(NativeSocket socket, std::uint64_t user,
                         const SocketOptions& options) override {
    const Pause pause(collection_);
    return io_.adopt(socket, user, options);
  }
  void discard(NativeSocket socket) override {
    const Pause pause(collection_);
    io_.discard(socket);
  }
  void receive_any(SocketId id, BufferClass size_class) override {
    const Pause pause(collection_);
    io_.receive_any(id, size_class);
  }
  void receive_into(SocketId id, MutableByteSpan into) override {
    const Pause pause(collection_);
    io_.receive_into(id, into);
  }
  std::int32_t send(SocketId id, std::span<const iovec> vectors, std::size_t keep) override {
    const Pause pause(collection_);
    return io_.send(id, vectors, keep);
  }
  void limit_unsent(SocketId id, std::uint32_t bytes) override { io_.limit_unsent(id, bytes); }
  void shutdown_send(SocketId id) override {
    const Pause pause(collection_);
    io_.shutdown_send(id);
  }
  void close(SocketId id, bool reset) override {
    const Pause pause(collection_);
    io_.close(id, reset);
  }
  std::size_t reap(std::span<IoEvent> events, std::uint64_t deadline_ns) override {
    const Pause pause(collection_);
    return io_.reap(events, deadline_ns);
  }
  void wake() override {
    const Pause pause(collection_);
    io_.wake();
  }

 private:
  Io& io_;
  Collection& collection_;
};

class QuietAead final : public Aead {
 public:
  explicit QuietAead(Collection& collection)
      : inner_(Aead::create_best()), collection_(collection) {}
  const char* name() const override { return inner_->name(); }
  std::size_t key_slot_bytes() const override { return inner_->key_slot_bytes(); }
  AeadKey make_key() const override {
    const Pause pause(collection_);
    return inner_->make_key();
  }
  void set_key(AeadKey& key, ByteSpan key32) const override {
    const Pause pause(collection_);
    inner_->set_key(key, key32);
  }
  void seal(std::span<SealJob> jobs) const override {
    const Pause pause(collection_);
    inner_->seal(jobs);
  }
  void open(std::span<OpenJob> jobs) const override {
    const Pause pause(collection_);
    inner_->open(jobs);
  }

 private:
  std::unique_ptr<Aead> inner_;
  Collection& collection_;
};

}  // namespace weir::bench

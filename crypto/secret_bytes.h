// SecretBytes: secret bytes whose number is known only at run time (a passphrase, a PIN, a key
// file), wiped when they go. Move-only; never grows in place, so that no copy is left behind.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "base/bytes.h"
#include "crypto/secret.h"

namespace weir {

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size)
      : bytes_(std::make_unique<std::uint8_t[]>(size)), size_(size) {}
  // The source is not wiped.
  static SecretBytes copy_of(ByteSpan bytes) {
    SecretBytes out(bytes.size());
    if (!bytes.empty()) std::memcpy(out.bytes_.get(), bytes.data(), bytes.size());
    return out;
  }
  SecretBytes(SecretBytes&& other) noexcept
      : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~SecretBytes() {
    if (bytes_ != nullptr) wipe(span());
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  MutableByteSpan span() { return {bytes_.get(), size_}; }
  ByteSpan span() const { return {bytes_.get(), size_}; }
  // The first `size` bytes; the rest is wiped.
  void shorten(std::size_t size) {
    wipe(span().subspan(size));
    size_ = size;
  }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace weir

// memfd_create(2) and futex(2): memory that processes share, and who waits for a word of it.
#pragma once

#include <poll.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>

#include <ringmill/io/sim/detail/object.hpp>

namespace ringmill::sim::detail {

/// Real memory, at one address for all who map it: simulated processes share the real one's. So nobody keeps a process
/// from writing where it may only read.
class memory_object final : public object {
 public:
  /// Without memory `address` is null.
  memory_object(sim_kernel& owner, std::size_t size) noexcept;
  ~memory_object() override;

  unsigned mode() const noexcept override { return S_IFREG | 0777; }
  unsigned ready() const noexcept override { return POLLIN | POLLOUT; }
  std::byte* address() const noexcept { return address_; }
  std::size_t size() const noexcept { return size_; }
  int seals() const noexcept { return seals_; }
  int add_seals(int more) noexcept;

 private:
  std::byte* address_ = nullptr;
  std::size_t size_;
  int seals_ = 0;
};

/// A word that somebody waits for.
class futex_word final : public object {
 public:
  futex_word(sim_kernel& owner, const std::uint32_t* address) noexcept : object(owner), address_(address) {}
  ~futex_word() override;

  unsigned ready() const noexcept override { return 0; }
  const std::uint32_t* address() const noexcept { return address_; }
  std::uint32_t value() const noexcept;
  void wake() { changed(); }

 private:
  const std::uint32_t* address_;
};

}  // namespace ringmill::sim::detail

// eventfd(2).
#pragma once

#include <poll.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include <ringmill/io/sim/detail/object.hpp>

namespace ringmill::sim::detail {

class event_counter final : public object {
 public:
  using object::object;

  unsigned ready() const noexcept override { return (count_ > 0 ? POLLIN : 0U) | POLLOUT; }

  int receive(transfer& into) override {
    if (into.size() < sizeof count_) return -EINVAL;
    if (count_ == 0) return would_block;
    const std::uint64_t count = std::exchange(count_, 0);
    into.put(0, std::as_bytes(std::span(&count, 1)));
    return sizeof count;
  }
  int send(transfer& from) override {
    if (from.size() < sizeof count_) return -EINVAL;
    std::uint64_t count = 0;
    std::memcpy(&count, from.get(sizeof count).data(), sizeof count);
    add(count);
    return sizeof count;
  }
  void add(std::uint64_t count) {
    count_ += count;
    changed();
  }

 private:
  std::uint64_t count_ = 0;
};

}  // namespace ringmill::sim::detail

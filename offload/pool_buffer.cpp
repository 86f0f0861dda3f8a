#include <ringmill/offload/pool_buffer.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <ringmill/offload/detail/pool_core.hpp>
#include <ringmill/offload/process_pool.hpp>

namespace ringmill {

pool_buffer::pool_buffer(detail::buffers_owner owner, std::span<std::byte> memory, std::size_t size) noexcept
    : owner_(std::move(owner)), data_(memory.data()), size_(size), capacity_(memory.size()) {}

pool_buffer::pool_buffer(pool_buffer&& other) noexcept
    : owner_(std::move(other.owner_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

pool_buffer& pool_buffer::operator=(pool_buffer&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  owner_ = std::move(other.owner_);
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  return *this;
}

pool_buffer::~pool_buffer() { give_back(); }

void pool_buffer::give_back() noexcept {
  if (data_) owner_->give_back(data_);
}

void pool_buffer::resize(std::size_t size) {
  if (size > capacity_) {
    throw std::invalid_argument("pool_buffer::resize(" + std::to_string(size) + "): its capacity is " +
                                std::to_string(capacity_));
  }
  size_ = size;
}

detail::buffer_awaiter process_pool::buffer(std::size_t size) {
  core_->check_buffer(size);
  return detail::buffer_awaiter(core_->buffers(), size);
}

std::optional<pool_buffer> process_pool::try_buffer(std::size_t size) {
  core_->check_buffer(size);
  detail::buffer_awaiter now(core_->buffers(), size);
  if (!now.await_ready()) return std::nullopt;
  return now.await_resume();
}

namespace detail {

buffers_owner::buffers_owner(shared_buffers* made) noexcept : buffers_(made) { ++buffers_->owners; }
buffers_owner::buffers_owner(const buffers_owner& other) noexcept : buffers_(other.buffers_) {
  if (buffers_) ++buffers_->owners;
}
buffers_owner::~buffers_owner() {
  if (buffers_ && --buffers_->owners == 0) delete buffers_;
}

buffer_awaiter::buffer_awaiter(buffers_owner from, std::size_t size) noexcept {
  place_.from = std::move(from);
  place_.size = size;
}
buffer_awaiter::buffer_awaiter(buffer_awaiter&& other) noexcept
    : buffer_awaiter(std::move(other.place_.from), other.place_.size) {}
buffer_awaiter::~buffer_awaiter() = default;

bool buffer_awaiter::grant(place& to) noexcept {
  const std::span<std::byte> memory = to.from->take(to.size);
  if (memory.empty()) return false;
  to.granted = pool_buffer(to.from, memory, to.size);
  return true;
}

bool buffer_awaiter::await_ready() { return place_.size == 0 || (place_.from->waiters().empty() && grant(place_)); }

bool buffer_awaiter::await_suspend(waiter& who) noexcept {
  place_.from->waiters().park(place_, who);
  return true;
}

pool_buffer buffer_awaiter::await_resume() noexcept { return std::move(place_.granted); }

cancel_result buffer_awaiter::await_cancel(cancel_reason) noexcept {
  if (place_.granted) return cancel_result::pending();  // it has been woken
  place_.from->waiters().leave(place_);
  place_.from->serve();  // those behind may want less
  return cancel_result::done();
}

void buffer_awaiter::await_describe(task_writer& out) const {
  const shared_buffers& from = *place_.from.get();
  out.text(std::to_string(place_.size) + " bytes of a process pool's buffers (" + std::to_string(from.in_use()) +
           " of " + std::to_string(from.capacity()) + " are lent)");
}

shared_buffers* pool_task::buffers() const noexcept { return pool_->buffers().get(); }

/// A buffer that is an argument.
void pool_task::check_owner(const pool_buffer& buffer) const { pool_->check_owner(buffer); }

// pool_core's part of it.

void pool_core::check_buffer(std::size_t size) const {
  if (!buffers_) {
    throw std::logic_error("process_pool::buffer: this pool was made without buffers (pool_options::buffer_capacity)");
  }
  if (size > buffers_->largest()) throw payload_too_large("buffer", size, buffers_->largest());
}

void pool_core::check_owner(const pool_buffer& buffer) const {
  if (!buffer || buffer.owner_ == buffers_) return;
  throw std::invalid_argument(
      "process_pool: a pool_buffer of another pool is an argument: workers cannot see it; pass buffer.text() to have "
      "it "
      "copied");
}

}  // namespace detail
}  // namespace ringmill

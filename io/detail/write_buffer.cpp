#include <ringmill/io/detail/write_buffer.hpp>

#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include <ringmill/runtime/cancel_reason.hpp>
#include <ringmill/runtime/log.hpp>

namespace ringmill::detail {

write_buffer::write_buffer(std::size_t capacity)
    : data_(capacity == 0 ? nullptr : new std::byte[capacity]),
      capacity_(capacity),
      exceptions_(std::uncaught_exceptions()) {
  if (capacity == 0) throw std::invalid_argument("buffered_writer: a buffer of 0 bytes");
}

write_buffer::~write_buffer() {
  const bool is_unwound = current_cancel_reason() || std::uncaught_exceptions() > exceptions_;
  if (size_ == 0 || is_unwound) return;
  constexpr const char* cure = "bytes that were not flushed; they are lost: co_await flush(), or discard() them";
  try {
    log(log_level::warning, "a buffered_writer was destroyed with " + std::to_string(size_) + " " + cure);
  } catch (const std::bad_alloc&) {
    log(log_level::warning, cure);
  }
}

bool write_buffer::append(std::span<const std::byte> data) noexcept {
  if (data.size() > capacity_ - size_) return false;
  if (!data.empty()) std::memcpy(data_.get() + size_, data.data(), data.size());
  size_ += data.size();
  return true;
}

void write_buffer::require_intact() const {
  if (broken_) {
    throw std::logic_error(
        "a buffered_writer was used after a write of it had failed or been cancelled: nobody knows how much of that "
        "was "
        "sent, so nothing that follows can be understood");
  }
}

}  // namespace ringmill::detail

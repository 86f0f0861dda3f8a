#include <ringmill/io/testing_stream.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <ringmill/runtime/error.hpp>

namespace ringmill::testing {

/// One direction. While a reader waits nothing lies in it; while a writer waits it is full.
class memory_pipe {
 public:
  explicit memory_pipe(const memory_options& options) : options_(options) { bytes_.reserve(options.capacity()); }
  std::size_t size() const noexcept { return bytes_.size() - begin_; }

  /// True: the read has its result.
  bool read(memory_stream::read_awaiter& one) {
    if (reader_ && reader_ != &one) {
      throw std::logic_error("memory_stream: a second read while there is one: one at a time");
    }
    one.error_ = error_;
    if (error_ != std::errc() || one.buffer_.empty()) return true;
    one.count_ = std::min({one.buffer_.size(), size(), options_.most_per_read()});
    if (one.count_ == 0) return ended_;
    std::copy_n(bytes_.data() + begin_, one.count_, one.buffer_.data());
    begin_ += one.count_;
    if (begin_ == bytes_.size()) begin_ = 0, bytes_.clear();
    if (writer_ && write(*writer_)) std::exchange(writer_, nullptr)->who_->wake();
    return true;
  }

  /// True: the write has its result.
  bool write(memory_stream::write_awaiter& one) {
    if (writer_ && writer_ != &one) {
      throw std::logic_error("memory_stream: a second write while there is one: one at a time");
    }
    one.error_ = error_ != std::errc() ? error_ : broken_ || ended_ ? std::errc::broken_pipe : std::errc();
    if (one.error_ != std::errc()) return true;
    while (!one.rest_.empty()) {
      const std::size_t count = std::min(one.rest_.size(), options_.capacity() - size());
      if (count == 0) return false;
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
      begin_ = 0;
      bytes_.insert(bytes_.end(), one.rest_.begin(), one.rest_.begin() + static_cast<std::ptrdiff_t>(count));
      one.rest_ = one.rest_.subspan(count);
      wake_reader();
    }
    return true;
  }

  void wait(memory_stream::read_awaiter& one) noexcept { reader_ = &one; }
  void wait(memory_stream::write_awaiter& one) noexcept { writer_ = &one; }
  void leave(const memory_stream::read_awaiter&) noexcept { reader_ = nullptr; }
  void leave(const memory_stream::write_awaiter&) noexcept { writer_ = nullptr; }

  /// Its writer has said that no more comes.
  void end() noexcept {
    ended_ = true;
    wake_reader();
    wake_writer();
  }
  /// Its reader has gone.
  void break_off() noexcept {
    broken_ = true;
    wake_writer();
  }
  void fail(std::errc code) noexcept {
    error_ = code;
    bytes_.clear();
    begin_ = 0;
    wake_reader();
    wake_writer();
  }
  bool has_reader() const noexcept { return reader_ != nullptr; }
  bool has_writer() const noexcept { return writer_ != nullptr; }

 private:
  void wake_reader() noexcept {
    if (reader_ && read(*reader_)) std::exchange(reader_, nullptr)->who_->wake();
  }
  void wake_writer() noexcept {
    if (writer_ && write(*writer_)) std::exchange(writer_, nullptr)->who_->wake();
  }

  memory_options options_;
  std::vector<std::byte> bytes_;  ///< those before `begin_` were read
  std::size_t begin_ = 0;
  memory_stream::read_awaiter* reader_ = nullptr;
  memory_stream::write_awaiter* writer_ = nullptr;
  bool ended_ = false;
  bool broken_ = false;
  std::errc error_ = std::errc();
};

memory_stream::memory_stream() noexcept = default;
memory_stream::memory_stream(pipe in, pipe out) noexcept : in_(std::move(in)), out_(std::move(out)) {}
memory_stream::memory_stream(memory_stream&& other) noexcept {
  other.require_idle();
  in_ = std::move(other.in_);
  out_ = std::move(other.out_);
}
memory_stream& memory_stream::operator=(memory_stream&& other) noexcept {
  if (this != &other) {
    close();
    other.require_idle();
    in_ = std::move(other.in_);
    out_ = std::move(other.out_);
  }
  return *this;
}
memory_stream::~memory_stream() { close(); }

void memory_stream::require_idle() const noexcept {
  RINGMILL_CHECK(!in_ || !in_->has_reader(), "a memory_stream was destroyed or moved while a read on it is awaited");
  RINGMILL_CHECK(!out_ || !out_->has_writer(), "a memory_stream was destroyed or moved while a write on it is awaited");
}

void memory_stream::close() noexcept {
  require_idle();
  if (!in_) return;
  in_->break_off();
  out_->end();
}

memory_stream::read_awaiter memory_stream::read_some(std::span<std::byte> buffer) noexcept {
  return read_awaiter(in_.get(), buffer);
}
memory_stream::write_awaiter memory_stream::write_all(std::span<const std::byte> data) noexcept {
  return write_awaiter(out_.get(), data);
}
memory_stream::write_awaiter memory_stream::write_all(std::string_view text) noexcept {
  return write_all(std::as_bytes(std::span(text)));
}

void memory_stream::shutdown_write() noexcept {
  if (out_) out_->end();
}
void memory_stream::fail(std::errc code) noexcept {
  if (!in_) return;
  in_->fail(code);
  out_->fail(code);
}
std::size_t memory_stream::readable() const noexcept { return in_ ? in_->size() : 0; }

std::pair<memory_stream, memory_stream> connected_streams(const memory_options& options) {
  if (options.capacity() == 0 || options.most_per_read() == 0) {
    throw std::invalid_argument("connected_streams: a capacity or a read of 0 bytes lets nothing through");
  }
  const auto there = std::make_shared<memory_pipe>(options);
  const auto back = std::make_shared<memory_pipe>(options);
  return {memory_stream(back, there), memory_stream(there, back)};
}

namespace {

void throw_if(std::errc error, const char* what) {
  if (error != std::errc()) throw std::system_error(std::make_error_code(error), what);
}
void require_peer(const void* pipe) {
  if (!pipe) throw std::logic_error("a memory_stream without a peer: connected_streams() makes two that have one");
}

}  // namespace

bool memory_stream::read_awaiter::await_ready() {
  require_peer(from_);
  return from_->read(*this);
}
bool memory_stream::read_awaiter::await_suspend(waiter& who) {
  from_->wait(*this);
  who_ = &who;
  return true;
}
std::size_t memory_stream::read_awaiter::await_resume() const {
  throw_if(error_, "read from memory");
  return count_;
}
cancel_result memory_stream::read_awaiter::await_cancel(cancel_reason) noexcept {
  from_->leave(*this);
  return cancel_result::done();
}

bool memory_stream::write_awaiter::await_ready() {
  require_peer(to_);
  return to_->write(*this);
}
bool memory_stream::write_awaiter::await_suspend(waiter& who) {
  to_->wait(*this);
  who_ = &who;
  return true;
}
void memory_stream::write_awaiter::await_resume() const { throw_if(error_, "write to memory"); }
cancel_result memory_stream::write_awaiter::await_cancel(cancel_reason) noexcept {
  to_->leave(*this);
  return cancel_result::done();
}

}  // namespace ringmill::testing

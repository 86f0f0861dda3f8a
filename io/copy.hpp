// Copies one stream to another, or two into each other: what a proxy does.
//
//   rm::traffic sent;
//   const auto options = rm::copy_options().idle_timeout(30s);
//   co_await rm::copy_both_ways(client, server, sent, options);
//   log(sent.there, sent.back);  // `sent` is right after an error or a cancel, too
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <ringmill/io/stream.hpp>
#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/detail/unique_ptr.hpp>
#include <ringmill/runtime/driver.hpp>
#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/task.hpp>
#include <ringmill/runtime/when_all.hpp>
#include <ringmill/runtime/when_any.hpp>

namespace ringmill {

/// Setters chain: `copy_options().buffer_size(4096).idle_timeout(30s)`.
class copy_options {
 public:
  copy_options() noexcept {}
  /// The memory of each direction: 16 KiB. At least 1.
  copy_options& buffer_size(std::size_t bytes) noexcept { return buffer_size_ = bytes, *this; }
  /// When no byte has moved for so long, in any direction, the copy throws timeout_error: never.
  copy_options& idle_timeout(duration limit) noexcept { return idle_timeout_ = limit, *this; }

  std::size_t buffer_size() const noexcept { return buffer_size_; }
  duration idle_timeout() const noexcept { return idle_timeout_; }

 private:
  std::size_t buffer_size_ = 16384;
  duration idle_timeout_ = duration::max();
};

/// Bytes that were copied, that is, read from one stream and taken by the other.
class traffic {
 public:
  traffic() noexcept {}
  std::uint64_t there = 0;  ///< from the first stream to the second
  std::uint64_t back = 0;   ///< from the second to the first
};

namespace detail {

/// When a byte last moved, for the idle timeout.
class RINGMILL_API copy_clock {
 public:
  explicit copy_clock(duration limit) : limit_(limit) { moved(); }

  bool is_on() const noexcept { return limit_ != duration::max(); }
  void moved() {
    if (is_on()) read();
  }
  /// Throws timeout_error when nothing has moved for too long, and gives nothing before.
  task<> watch() const;

 private:
  void read();
  duration limit_;
  time_point last_;
};

template <class From, class To>
task<> copy_until_end(From& from, To& to, std::uint64_t& copied, copy_clock& clock, std::size_t buffer_size) {
  if (buffer_size == 0) throw std::invalid_argument("copy: a buffer of 0 bytes");
  const std::unique_ptr<std::byte[]> memory(new std::byte[buffer_size]);
  const std::span<std::byte> buffer(memory.get(), buffer_size);
  while (const std::size_t count = co_await from.read_some(buffer)) {
    clock.moved();
    co_await to.write_all(buffer.first(count));
    copied += count;
    clock.moved();
  }
}

/// The end of what is written goes on to the peer. If that has gone already, nobody needs to be told.
template <class Stream>
void pass_on_end(Stream& to) {
  try {
    to.shutdown_write();
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::not_connected) throw;
  }
}

template <class From, class To>
task<> copy_and_end(From& from, To& to, std::uint64_t& copied, copy_clock& clock, std::size_t buffer_size) {
  co_await copy_until_end(from, to, copied, clock, buffer_size);
  pass_on_end(to);
}

}  // namespace detail

/// co_await it: writes to `to` all that comes from `from`, until that ends; `to` stays open. `copied` is counted up as
/// bytes are taken by `to`, and must stay. Throws what the streams throw, and timeout_error. What was read when a
/// cancel or an error came, and not written, is lost: at most one buffer.
template <readable_stream From, writable_stream To>
task<> copy(From& from, To& to, std::uint64_t& copied, copy_options options = copy_options()) {
  detail::copy_clock clock(options.idle_timeout());
  auto copying = detail::copy_until_end(from, to, copied, clock, options.buffer_size());
  if (!clock.is_on()) {
    co_await std::move(copying);
  } else {
    static_cast<void>(co_await when_any(std::move(copying), clock.watch()));
  }
}

/// co_await it: the same, and gives the number of bytes.
template <readable_stream From, writable_stream To>
task<std::uint64_t> copy(From& from, To& to, copy_options options = copy_options()) {
  std::uint64_t copied = 0;
  co_await copy(from, to, copied, options);
  co_return copied;
}

/// co_await it: copies both ways at once until both have ended. The end of one stream is passed on to the other
/// (`shutdown_write`), while the other direction goes on. An error of one direction cancels the other, and is thrown
/// when that has ended. `copied` is counted up as above. Neither stream is closed.
template <stream First, stream Second>
requires(half_closable_stream<First>&& half_closable_stream<Second>) task<> copy_both_ways(
    First& first, Second& second, traffic& copied, copy_options options = copy_options()) {
  detail::copy_clock clock(options.idle_timeout());
  auto both = when_all(detail::copy_and_end(first, second, copied.there, clock, options.buffer_size()),
                       detail::copy_and_end(second, first, copied.back, clock, options.buffer_size()));
  if (!clock.is_on()) {
    co_await std::move(both);
  } else {
    static_cast<void>(co_await when_any(std::move(both), clock.watch()));
  }
}

/// co_await it: the same, and gives the numbers of bytes.
template <stream First, stream Second>
requires(half_closable_stream<First>&& half_closable_stream<Second>) task<traffic> copy_both_ways(
    First& first, Second& second, copy_options options = copy_options()) {
  traffic copied;
  co_await copy_both_ways(first, second, copied, options);
  co_return copied;
}

}  // namespace ringmill

// Streams of bytes: what a tcp_stream, an in-memory stream of a test and others have in common, and what is done with
// any of them.
//
//   template <rm::stream Stream>
//   rm::task<> answer(Stream peer) {
//     std::array<std::byte, 8> head;
//     co_await rm::read_exactly(peer, head);  // throws end_of_stream_error if the peer ends before that
//     co_await rm::write_all(peer, "got it: ", std::span(head));
//   }
//
// These functions are tasks: each call takes a frame, of 200 to 300 bytes, from the free list of its thread, and gives
// it back at its end. A buffered_reader (io/buffered.hpp) reads in many steps without one.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <ringmill/io/const_buffer.hpp>
#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

/// `co_await stream.read_some(buffer)` gives the number of bytes that were read as soon as there is one, and 0 at the
/// end of the stream, each time it is asked there. One read at a time. A read that is cancelled has taken nothing, or
/// gives what it has.
template <class Stream>
concept readable_stream = requires(Stream& stream, std::span<std::byte> buffer) {
  requires awaiter<decltype(stream.read_some(buffer))>;
  requires std::same_as<await_result_t<decltype(stream.read_some(buffer))>, std::size_t>;
};

/// `co_await stream.write_all(data)` comes back when all of it is on its way. One write at a time, beside a read. When
/// it was cancelled, or has failed, a part may be on its way, and nobody knows how much.
template <class Stream>
concept writable_stream = requires(Stream& stream, std::span<const std::byte> data) {
  requires awaiter<decltype(stream.write_all(data))>;
};

/// Both ways.
template <class Stream>
concept stream = readable_stream<Stream> && writable_stream<Stream>;

/// One whose `write_all` also takes several buffers at once, and sends them as if they were one.
template <class Stream>
concept gathering_stream = writable_stream<Stream> && requires(Stream& stream, std::span<const const_buffer> buffers) {
  requires awaiter<decltype(stream.write_all(buffers))>;
};

/// One that can be ended in one direction: the peer reads the end, and may go on writing.
template <class Stream>
concept half_closable_stream = writable_stream<Stream> && requires(Stream& stream) {
  stream.shutdown_write();
};

/// The stream ended in the middle of what was read.
class RINGMILL_API end_of_stream_error : public std::runtime_error {
 public:
  /// "the stream ended after 3 of 10 bytes"
  end_of_stream_error(std::size_t received, std::size_t wanted);
  /// "the stream ended after 3 bytes, before `what`"
  end_of_stream_error(std::size_t received, std::string_view what);

  /// Bytes that came before the end, of those that were asked for.
  std::size_t received() const noexcept { return received_; }

 private:
  std::size_t received_;
};

/// There is more than was allowed.
class RINGMILL_API too_long_error : public std::runtime_error {
 public:
  /// "`what` is longer than 4096 bytes"
  too_long_error(std::string_view what, std::size_t limit);

  std::size_t limit() const noexcept { return limit_; }

 private:
  std::size_t limit_;
};

/// co_await it: fills all of `buffer`. Throws end_of_stream_error if the stream ends before that. When it was cancelled
/// what came is in front in `buffer`, and how much that was is not known: who wants to go on after that reads through a
/// buffered_reader.
template <readable_stream Stream>
task<> read_exactly(Stream& from, std::span<std::byte> buffer) {
  for (std::size_t have = 0; have < buffer.size();) {
    const std::size_t came = co_await from.read_some(buffer.subspan(have));
    if (came == 0) throw end_of_stream_error(have, buffer.size());
    have += came;
  }
}

namespace detail {

/// Makes room behind a text, and gives back what was not filled, however the read that should fill it ends.
class RINGMILL_API text_tail {
 public:
  /// As much as fits well, and one byte more than `limit` allows in all at the most: it tells that there is too much.
  /// The text must not be longer than `limit` already.
  text_tail(std::string& text, std::size_t limit);
  ~text_tail() { text_.resize(size_); }
  text_tail(const text_tail&) = delete;
  text_tail& operator=(const text_tail&) = delete;

  std::span<std::byte> room() const noexcept;
  void filled(std::size_t count) noexcept { size_ += count; }

 private:
  std::string& text_;
  std::size_t size_;
};

}  // namespace detail

/// co_await it: appends all that comes to `into`, which must stay, until the end of the stream. Throws too_long_error
/// if `into` would hold more than `limit` bytes. What has come is in `into` after a cancel and after an error too, and
/// asking again goes on from there.
template <readable_stream Stream>
task<> read_to_end(Stream& from, std::string& into, std::size_t limit) {
  for (;;) {
    if (into.size() > limit) throw too_long_error("what comes to the end of the stream", limit);
    detail::text_tail tail(into, limit);
    const std::size_t came = co_await from.read_some(tail.room());
    if (came == 0) co_return;
    tail.filled(came);
  }
}

/// co_await it: gives all that comes until the end of the stream. As above, but what came before a cancel or an error
/// is lost.
template <readable_stream Stream>
task<std::string> read_to_end(Stream& from, std::size_t limit) {
  std::string all;
  co_await read_to_end(from, all, limit);
  co_return all;
}

namespace detail {

template <writable_stream Stream, std::size_t Count>
task<> write_each(Stream& to, std::array<const_buffer, Count> buffers) {
  if constexpr (gathering_stream<Stream>) {
    co_await to.write_all(std::span<const const_buffer>(buffers));
  } else {
    for (const const_buffer& buffer : buffers) co_await to.write_all(buffer.bytes());
  }
}

}  // namespace detail

/// co_await it: writes several buffers, in order: in one call to the kernel if the stream can do that (TCP can), else
/// one after the other.
template <writable_stream Stream, class... Buffers>
requires(sizeof...(Buffers) > 0 && (std::convertible_to<const Buffers&, const_buffer> &&
                                    ...)) task<> write_all(Stream& to, const Buffers&... buffers) {
  return detail::write_each(to, std::array<const_buffer, sizeof...(Buffers)>{const_buffer(buffers)...});
}

}  // namespace ringmill

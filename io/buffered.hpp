// Reads and writes of pieces, where a stream knows only bytes: lines, messages of a given length, parts up to a
// delimiter; and many small writes as few large ones.
//
//   rm::buffered_reader reader(peer);
//   rm::buffered_writer writer(peer);
//   while (auto line = co_await reader.read_line()) {   // std::optional<std::string_view>
//     co_await writer.write(*line);
//     co_await writer.write("\r\n");
//     if (reader.buffered().empty()) co_await writer.flush();  // answer before waiting for more
//   }
//
// Each allocates its buffer when it is made, and nothing after that: no frame, whatever it waits for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <ringmill/io/detail/read_buffer.hpp>
#include <ringmill/io/detail/step_loop.hpp>
#include <ringmill/io/detail/write_buffer.hpp>
#include <ringmill/io/stream.hpp>
#include <ringmill/runtime/awaiter.hpp>

namespace ringmill {

inline constexpr std::size_t default_buffer_size = 8192;

/// Reads ahead from a stream that it refers to, which must outlive it, and which nobody else reads meanwhile.
///
/// **Cancel.** What has come stays in the reader: every read below may be cancelled at any moment, by a time limit say,
/// and asked again, and no byte is lost or given twice. A read that was complete gives its result all the same.
///
/// **Errors.** The stream's own; end_of_stream_error if it ends in the middle of what was asked for; too_long_error;
/// std::invalid_argument for what can never fit into the buffer; std::logic_error for a second read at the same time.
/// After an error too, what was not taken is still there: `buffered()`.
///
/// **Views** that a read gives point into the buffer. They are valid until the next read is awaited.
///
/// Is a readable_stream itself. Neither copied nor moved; must outlive what awaits it (checked).
template <readable_stream Stream>
class buffered_reader {
  using step = decltype(std::declval<Stream&>().read_some(std::span<std::byte>()));

  template <class Goal>
  class [[nodiscard]] read_awaiter final : private detail::stepwise<step> {
   public:
    read_awaiter(buffered_reader& reader, const Goal& goal) noexcept : reader_(reader), goal_(goal) {}
    read_awaiter(const read_awaiter&) noexcept = default;
    ~read_awaiter() { reader_.steps_.leave(*this); }

    bool await_ready() { return reader_.steps_.enter(*this); }
    bool await_suspend(waiter& who) { return reader_.steps_.start(who); }
    auto await_resume() {
      const leaving scope(*this);
      detail::step_loop<step>::throw_error(*this);
      return goal_.result(reader_.buffer_);
    }
    cancel_result await_cancel(cancel_reason why) noexcept { return reader_.steps_.cancel(why); }
    bool await_must_resume() const noexcept { return reader_.steps_.has_ended(); }
    void await_describe(task_writer& out) const { reader_.steps_.describe(out); }

   private:
    class leaving {
     public:
      explicit leaving(read_awaiter& which) noexcept : which_(which) {}
      ~leaving() { which_.reader_.steps_.leave(which_); }
      leaving(const leaving&) = delete;
      leaving& operator=(const leaving&) = delete;

     private:
      read_awaiter& which_;
    };

    bool is_met() noexcept override { return goal_.is_met(reader_.buffer_); }
    step next() override { return reader_.stream_.read_some(goal_.room(reader_.buffer_)); }
    void take(step& one) override { goal_.arrived(reader_.buffer_, one.await_resume()); }

    buffered_reader& reader_;
    Goal goal_;
  };

 public:
  /// No limit but the buffer's size, less the delimiter or the end of the line.
  static constexpr std::size_t no_limit = detail::until_goal::no_limit;

  /// Allocates `buffer_size` bytes: no line, and nothing that is given as a view, can be longer.
  explicit buffered_reader(Stream& from, std::size_t buffer_size = default_buffer_size)
      : stream_(from), buffer_(buffer_size), steps_("buffered_reader") {}
  buffered_reader(const buffered_reader&) = delete;
  buffered_reader& operator=(const buffered_reader&) = delete;

  // Each of these is awaited, and suspends only if what is buffered is not enough.

  /// Gives the number of bytes read, as soon as there is one; 0 at the end of the stream. What is as large as the
  /// buffer is read into without a copy when nothing is buffered.
  read_awaiter<detail::some_goal> read_some(std::span<std::byte> into) noexcept {
    return {*this, detail::some_goal(into)};
  }

  /// Gives a view of the next `count` bytes. Throws end_of_stream_error, and takes none, if fewer come.
  read_awaiter<detail::view_goal> read_exactly(std::size_t count) { return {*this, {buffer_, count, true}}; }

  /// The same into memory of the caller's, of any size, and without a copy where that is large. `rest` is what is still
  /// to be filled: it shrinks from the front as bytes come, and is empty at the end. After a cancel it tells how far it
  /// got, and awaiting this again with it goes on. Refers to `rest`.
  read_awaiter<detail::fill_goal> read_exactly(std::span<std::byte>& rest) noexcept {
    return {*this, detail::fill_goal(rest)};
  }

  /// Gives a view of all up to the next `delimiter`, and takes both; nothing at the end of the stream. Throws
  /// too_long_error, and takes nothing, if there are more than `limit` bytes before it. Refers to `delimiter`.
  read_awaiter<detail::until_goal> read_until(std::string_view delimiter, std::size_t limit = no_limit) {
    return {*this, {buffer_, delimiter, limit}};
  }
  /// The same as a copy, whose memory is used again; gives false, and leaves it alone, at the end of the stream.
  read_awaiter<detail::until_copy_goal> read_until(std::string_view delimiter, std::string& into,
                                                   std::size_t limit = no_limit) {
    return {*this, {detail::until_goal(buffer_, delimiter, limit), into}};
  }

  /// Gives a view of the next line without its end, which is LF or CRLF; nothing at the end of the stream. A line that
  /// the end of the stream cuts off is an end_of_stream_error, since half of a command is none: `buffered()` has what
  /// came of it. Throws too_long_error, and takes nothing, if the line has more than `limit` bytes.
  read_awaiter<detail::until_goal> read_line(std::size_t limit = no_limit) {
    return {*this, detail::until_goal::line(buffer_, limit)};
  }
  /// The same as a copy, whose memory is used again; gives false, and leaves it alone, at the end of the stream.
  read_awaiter<detail::until_copy_goal> read_line(std::string& into, std::size_t limit = no_limit) {
    return {*this, {detail::until_goal::line(buffer_, limit), into}};
  }

  /// Gives a view of at least the next `count` bytes and takes none: what it shows is read again. Fewer at the end of
  /// the stream.
  read_awaiter<detail::view_goal> peek(std::size_t count) { return {*this, {buffer_, count, false}}; }

  /// Drops `rest` bytes, however many. It counts down to 0, so that after a cancel it tells how many are left. Throws
  /// end_of_stream_error if fewer come. Refers to `rest`.
  read_awaiter<detail::skip_goal> skip(std::uint64_t& rest) noexcept { return {*this, detail::skip_goal(rest)}; }

  // These do not suspend.

  /// What has come and was not taken. Valid as a view of a read is.
  std::span<const std::byte> buffered() const noexcept { return buffer_.bytes(); }
  /// Takes the first `count` of those. Throws std::out_of_range if there are fewer.
  void consume(std::size_t count) {
    if (count > buffer_.size()) {
      throw std::out_of_range("buffered_reader::consume: " + std::to_string(count) + " of " +
                              std::to_string(buffer_.size()) + " bytes");
    }
    buffer_.consume(count);
  }
  /// The stream has ended, and all that came was taken. False as long as the end was not read.
  bool at_end() const noexcept { return buffer_.ended() && buffer_.size() == 0; }

 private:
  Stream& stream_;
  detail::read_buffer buffer_;
  detail::step_loop<step> steps_;
};

/// Gathers small writes to a stream that it refers to, which must outlive it, and to which nobody else writes
/// meanwhile.
///
/// **Cancel.** One that comes while nothing was on its way has written nothing, and the writer can be used on. One that
/// stops a write which had begun, or an error of it, leaves an unknown part of it on its way: the writer `is_broken()`
/// then, drops what it held, and throws std::logic_error when it is used. Shield what must be whole.
///
/// **The end.** A destructor cannot await: flush before it. What is still buffered is lost, with a warning in the log;
/// without one if the writer is broken or `discard` was called, and while an exception or a cancel unwinds.
///
/// Neither copied nor moved; must outlive what awaits it (checked).
template <writable_stream Stream>
class buffered_writer {
  /// With a stream that gathers, what is buffered and what is too much for the buffer go out together.
  static constexpr bool gathers = gathering_stream<Stream>;
  using piece = std::conditional_t<gathers, const const_buffer, const std::byte>;
  using step = decltype(std::declval<Stream&>().write_all(std::span<piece>()));

  class [[nodiscard]] write_awaiter final : private detail::stepwise<step> {
   public:
    /// With `flushes`, until nothing is left in the buffer; else until `data` was taken over.
    write_awaiter(buffered_writer& writer, std::span<const std::byte> data, bool flushes) noexcept
        : writer_(writer), data_(data), flushes_(flushes) {}
    write_awaiter(const write_awaiter&) noexcept = default;
    ~write_awaiter() { writer_.steps_.leave(*this); }

    bool await_ready() {
      writer_.buffer_.require_intact();
      return writer_.steps_.enter(*this);
    }
    bool await_suspend(waiter& who) { return writer_.steps_.start(who); }
    void await_resume() {
      writer_.steps_.leave(*this);
      detail::step_loop<step>::throw_error(*this);
    }
    cancel_result await_cancel(cancel_reason why) noexcept { return writer_.steps_.cancel(why); }
    bool await_must_resume() const noexcept { return writer_.steps_.has_ended(); }
    void await_describe(task_writer& out) const { writer_.steps_.describe(out); }

   private:
    bool is_met() noexcept override {
      if (writer_.buffer_.append(data_)) data_ = {};
      return data_.empty() && !(flushes_ && writer_.buffer_.size() > 0);
    }
    step next() override {
      if constexpr (gathers) {
        direct_ = !data_.empty();
        pieces_ = {const_buffer(writer_.buffer_.bytes()), const_buffer(data_)};
        return writer_.stream_.write_all(std::span<const const_buffer>(pieces_));
      } else {
        direct_ = writer_.buffer_.size() == 0;
        return writer_.stream_.write_all(direct_ ? data_ : writer_.buffer_.bytes());
      }
    }
    void take(step& one) override {
      try {
        one.await_resume();
      } catch (...) {
        cut_off();
        throw;
      }
      if (direct_) data_ = {};
      writer_.buffer_.clear();
    }
    void cut_off() noexcept override { writer_.buffer_.break_off(); }

    buffered_writer& writer_;
    std::span<const std::byte> data_;
    bool flushes_;
    bool direct_ = false;                 ///< `data_` is part of the write that is under way
    std::array<const_buffer, 2> pieces_;  ///< of that write, where the stream gathers
  };

 public:
  /// Allocates `buffer_size` bytes.
  explicit buffered_writer(Stream& to, std::size_t buffer_size = default_buffer_size)
      : stream_(to), buffer_(buffer_size), steps_("buffered_writer") {}
  buffered_writer(const buffered_writer&) = delete;
  buffered_writer& operator=(const buffered_writer&) = delete;

  /// co_await it: copies `data` into the buffer. If there is no room for all of it, which suspends, what is buffered is
  /// written: together with `data`, from where that lies, if the stream gathers; else before it, and only what is
  /// larger than the whole buffer is written from where it lies.
  write_awaiter write(std::span<const std::byte> data) noexcept { return write_awaiter(*this, data, false); }
  write_awaiter write(std::string_view text) noexcept { return write(std::as_bytes(std::span(text))); }

  /// co_await it: comes back when all that was written is on its way. Does not suspend if nothing is buffered.
  write_awaiter flush() noexcept { return write_awaiter(*this, {}, true); }

  /// Bytes that wait for a flush.
  std::size_t buffered() const noexcept { return buffer_.size(); }
  /// Drops them.
  void discard() noexcept { buffer_.clear(); }
  bool is_broken() const noexcept { return buffer_.is_broken(); }

 private:
  Stream& stream_;
  detail::write_buffer buffer_;
  detail::step_loop<step> steps_;
};

}  // namespace ringmill

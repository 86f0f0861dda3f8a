// A call of a function in a worker, with its types: what `process_pool::run` gives.
//
//   std::string page = co_await pool.run<&render>(query);                  // the result is copied out
//
//   auto append = [&](std::string_view page) { archive.append(page); };    // it is looked at where it lies
//   co_await pool.run<&render>(query).read_in_place(append);
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringmill/offload/codec.hpp>
#include <ringmill/offload/detail/argument_sinks.hpp>
#include <ringmill/offload/pool_buffer.hpp>
#include <ringmill/offload/pool_options.hpp>
#include <ringmill/offload/pool_task.hpp>
#include <ringmill/offload/registry.hpp>
#include <ringmill/offload/result_view.hpp>
#include <ringmill/runtime/awaiter.hpp>
#include <ringmill/runtime/detail/functional.hpp>
#include <ringmill/runtime/result.hpp>

namespace ringmill::detail {

/// A pool_buffer as an argument: it is borrowed, so it is not a temporary, and the function looks at it.
template <class Param, class Arg>
constexpr bool check_buffer_argument() {
  if constexpr (is_pool_buffer<Arg>) {
    static_assert(
        std::is_lvalue_reference_v<Arg>,
        "a call borrows a pool_buffer, which has to stay until it has ended: name it, and pass it by that name");
    static_assert(!std::is_lvalue_reference_v<Arg> || codec_borrows<Param>,
                  "a pool_buffer is read where it lies by a function that takes a std::span<const std::byte> or a "
                  "std::string_view; for one that wants a copy, make that: std::string(buffer.text())");
  }
  return true;
}
template <class Params, class... Args>
constexpr bool check_buffer_arguments() {
  if constexpr (sizeof...(Args) == std::tuple_size_v<Params>) {
    return []<std::size_t... Index>(std::index_sequence<Index...>) {
      return (check_buffer_argument<std::tuple_element_t<Index, Params>, Args>() && ...);
    }
    (std::index_sequence_for<Args...>());
  }
  return true;
}

/// A call and its arguments, which are kept here until the task has ended; those that are views refer to the caller's
/// memory, which has to stay as it is until then.
template <auto Function>
class function_call : public pool_task {
 public:
  using types = signature_of<Function>;

  template <class... Args>
  function_call(pool_core& pool, const call_options& options, bool may_wait, Args&&... args)
      : pool_task(pool, registration<Function>::id(), options, may_wait), args_(std::forward<Args>(args)...) {
    static_assert(sizeof...(Args) == std::tuple_size_v<typename types::arguments>,
                  "pool.run<&function>(args...): the function takes another number of arguments");
    static_assert(check_buffer_arguments<typename types::arguments, Args...>());
    (check_if_buffer(args), ...);
  }
  function_call(function_call&&) = default;

 private:
  template <class Arg>
  void check_if_buffer(const Arg& argument) const {
    if constexpr (is_pool_buffer<Arg>) this->check_owner(argument);
  }

  std::size_t argument_bytes() const override { return argument_size(buffers(), args_); }
  void write_arguments(std::span<std::byte> memory) const override { write_argument(memory, buffers(), args_); }
  std::uint64_t argument_hash() const override { return hash_of_argument(args_); }

  typename types::arguments args_;
};

/// The awaiter of `read_in_place`.
template <auto Function, class Reader>
class [[nodiscard("a task runs when it is awaited")]] reading_call final : public function_call<Function> {
 public:
  using view_type = result_view<typename signature_of<Function>::result>;
  static_assert(std::is_invocable_v<Reader&, view_type&&>,
                "read_in_place(reader): the reader is called with a view of the function's result, as "
                "offload/result_view.hpp says");
  using result_type = std::invoke_result_t<Reader&, view_type&&>;
  static_assert(!shows_bytes<std::remove_cv_t<result_type>>,
                "read_in_place(reader): what the reader gives must not refer to the bytes, which are the worker's "
                "again: give a string, a vector, a number");
  static_assert(
      !requires(result_type & given) { given.operator co_await(); } && !awaiter<result_type>,
      "read_in_place(reader): the reader is a plain function, which cannot await: the bytes stay only while "
      "it runs");

  reading_call(function_call<Function> && call, Reader && reader)
      : function_call<Function>(std::move(call)), reader_(std::forward<Reader>(reader)) {
    this->looks_in_place();
  }
  reading_call(reading_call &&) = default;

  result_type await_resume() {
    this->rethrow_failure();
    if (view_) return detail::invoke(reader_, std::move(*view_));  // of the copy
    return std::move(given_).value();
  }

 private:
  void read_result(std::span<const std::byte> bytes) override { view_.emplace(decode<view_type>(bytes)); }
  void copy_result(std::span<const std::byte> bytes) override {
    copy_.assign(bytes.begin(), bytes.end());
    read_result(copy_);
  }
  void look_at_result() noexcept override {
    if (!view_) return;
    try {
      if constexpr (std::is_void_v<result_type>) {
        detail::invoke(reader_, std::move(*view_));
        given_ = std::monostate();
      } else {
        given_ = result<result_type>(detail::invoke(reader_, std::move(*view_)));
      }
    } catch (...) {
      given_ = result<result_type>(std::current_exception());
    }
    view_.reset();
  }

  Reader reader_;
  std::vector<std::byte> copy_;
  std::optional<view_type> view_;  ///< of the bytes that are still to be looked at
  result<result_type> given_;
};

/// The awaiter of `process_pool::run`.
template <auto Function>
class [[nodiscard("a task runs when it is awaited")]] pool_call : public function_call<Function> {
 public:
  using result_type = typename signature_of<Function>::result;

  using function_call<Function>::function_call;
  pool_call(pool_call &&) = default;

  result_type await_resume() {
    this->rethrow_failure();
    if constexpr (!std::is_void_v<result_type>) return std::move(*value_);
  }

  /// co_await it instead: calls `reader(view)` with a view of the result (offload/result_view.hpp) while that lies in
  /// the worker's memory, and gives what the reader gives. For results that are large and only passed on: a copy of
  /// them is spared, and memory for it. Or it is copied where the caller wants it.
  ///
  /// - The worker may be hostile, and can change the bytes while they are read. So read each of them once, and take it
  ///   for what it is: hash them, count them, append them to something. To make sense of them (parse, check, use as an
  ///   index) copy first. Where the views begin and end, and all that is no view, does not change.
  /// - The reader runs in the loop, between two tasks, and nothing else does meanwhile. It is called once, or not at
  ///   all if there is no result. The bytes are the worker's again when it returns.
  /// - When a call of the same worker is cancelled or its time is over, the worker has died or the pool is shut down,
  ///   results that are there count, and are copied: the task calls the reader when it goes on, with a view of the
  ///   copy.
  /// - It may start tasks, cancel any, and close things, but not destroy the pool.
  /// - What it throws, the task that awaits gets. By then the call has ended well, so it is not tried again.
  /// - A result that is there beats a cancel, as ever: it is read, and the task goes on to its next wait. The reader of
  ///   a call that was cancelled otherwise is not called.
  ///
  /// A reader that is an lvalue is referred to, and has to stay; any other is kept.
  template <class Reader>
  reading_call<Function, Reader> read_in_place(Reader && reader)&& {
    static_assert(!std::is_void_v<result_type>, "read_in_place(reader): the function gives nothing that could be read");
    static_assert(std::is_lvalue_reference_v<Reader> || std::is_trivially_destructible_v<Reader>,
                  "read_in_place(reader): GCC 12 destroys a temporary reader twice: name it, and pass it by that name");
    return reading_call<Function, Reader>(std::move(*this), std::forward<Reader>(reader));
  }

 private:
  void read_result(std::span<const std::byte> bytes) override {
    if constexpr (!std::is_void_v<result_type>) value_.emplace(decode<result_type>(bytes));
  }

  std::optional<stored_t<result_type>> value_;
};

}  // namespace ringmill::detail

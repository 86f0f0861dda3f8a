// run_stream: the values that a function gives one after the other in a worker, as they come.
//
//   rm::offload::generator<row> rows_of(std::string path);              // co_yield row{...};
//
//   auto rows = pool.run_stream<&rows_of>(path);
//   while (std::optional<row> next = co_await rows.next()) use(*next);
//
// The function returns an offload::generator, or any other range, of values that can cross: a std::vector, a
// std::generator, a lazy view of its arguments.
//
// A stream has a worker for itself from its first value to its last. Values cross in batches, at first of one, and of
// twice as many each time while that takes less than 200 us, up to 256 values and 64 KiB: so a slow function's values
// come one by one, and a fast one's cost little; but where a fast one pauses, what it gave last may wait for the next.
// While one batch is used the next is made; the function is held at that point until the first value of that batch is
// asked for. So a slow consumer holds it back, and never more than two batches wait.
//
// Leaving the loop before the end (the generator is destroyed) kills the worker, and what the function has there goes
// with it; so does a cancel. What the function throws comes after the values before it. If the worker dies, `next`
// throws worker_crashed: the values of the batches before were right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringmill/offload/detail/worker_lease.hpp>
#include <ringmill/offload/exception_codec.hpp>
#include <ringmill/offload/generator.hpp>
#include <ringmill/offload/in_worker.hpp>
#include <ringmill/offload/process_pool.hpp>
#include <ringmill/offload/worker_local.hpp>
#include <ringmill/runtime/detail/ranges.hpp>
#include <ringmill/runtime/generator.hpp>

namespace ringmill {

namespace detail {

/// What a function takes and gives, where that is a range.
template <class Function>
struct stream_signature {
  static_assert(always_false<Function>,
                "pool.run_stream<&function>: the template argument is the address of a plain function");
};
template <class Range, class... Params>
struct stream_signature<Range (*)(Params...)> {
  static_assert(std::ranges::input_range<Range>,
                "pool.run_stream<&function>: the function returns a range: an offload::generator, a vector, a view");
  static_assert(
      (!codec_borrows<std::remove_cvref_t<Params>> && ...),
      "a function that gives a stream cannot take a view: the bytes are gone when the first values are there; take a "
      "std::string or a std::vector");
  using range = Range;
  using item = std::ranges::range_value_t<Range>;
  using arguments = std::tuple<std::remove_cvref_t<Params>...>;
};
template <class Range, class... Params>
struct stream_signature<Range (*)(Params...) noexcept> : stream_signature<Range (*)(Params...)> {};
template <fixed_text Name, auto Function>
struct stream_signature<function_with_name<Name, Function>> : stream_signature<decltype(Function)> {};

template <auto Function>
using stream_of = stream_signature<std::remove_cv_t<decltype(Function)>>;

/// The values; whether they were the last; what was thrown after them, as encode_current_exception writes it.
template <class Item>
using stream_batch = std::tuple<std::vector<Item>, bool, std::vector<std::byte>>;

/// In the worker, between two calls: the function's arguments, which the range may refer to, and how far it was read.
template <auto Function>
class stream_source {
 public:
  using range_type = typename stream_of<Function>::range;
  using arguments_type = typename stream_of<Function>::arguments;
  using item = stream_item<Function>;

  explicit stream_source(arguments_type arguments)
      : arguments_(std::move(arguments)), range_(std::apply(Function, std::move(arguments_))) {}
  stream_source(const stream_source&) = delete;
  stream_source& operator=(const stream_source&) = delete;

  /// A worker has one stream at a time.
  static std::optional<stream_source>& here() {
    static worker_local<std::optional<stream_source>> source;
    return source.get();
  }

  stream_batch<item> next_batch(std::size_t most_bytes) {
    stream_batch<item> batch;
    auto& [values, has_ended, error] = batch;
    try {
      has_ended = !fill(values, most_bytes);
    } catch (const call_stopped&) {
      throw;
    } catch (...) {
      has_ended = true;
      std::byte text[4096];
      error.assign(text, text + encode_current_exception(text));
    }
    return batch;
  }

 private:
  /// False: that was all.
  bool fill(std::vector<item>& values, std::size_t most_bytes) {
    constexpr std::size_t most_values = 256;
    constexpr std::int64_t longest = 200'000;  // ns
    const std::int64_t begin = worker_nanoseconds();
    std::size_t bytes = 0;
    while (values.size() < wanted_) {
      if (!held_ && !read_on()) return false;
      bytes += encoded_size(*held_);
      if (!values.empty() && bytes > most_bytes) return true;
      values.push_back(std::move(*held_));
      held_.reset();
      if (worker_nanoseconds() - begin > longest) {
        wanted_ = 1;
        return true;
      }
    }
    wanted_ = std::min(wanted_ * 2, most_values);
    return true;
  }

  bool read_on() {
    if (position_) {
      ++*position_;
    } else {
      position_.emplace(std::ranges::begin(range_));
    }
    if (*position_ == std::ranges::end(range_)) return false;
    held_.emplace(**position_);
    return true;
  }

  arguments_type arguments_;
  range_type range_;
  std::optional<std::ranges::iterator_t<range_type>> position_;
  std::size_t wanted_ = 1;    ///< as many make a batch
  std::optional<item> held_;  ///< read, and not in a batch yet
};

template <auto Function>
stream_batch<stream_item<Function>> go_on_with_stream(std::uint64_t most_bytes) {
  auto& source = stream_source<Function>::here();
  if (!source) throw protocol_error("a worker was asked to go on with a stream that it does not have");
  auto batch = source->next_batch(most_bytes);
  if (std::get<1>(batch)) source.reset();
  return batch;
}
template <auto Function>
stream_batch<stream_item<Function>> begin_stream(typename stream_of<Function>::arguments arguments,
                                                 std::uint64_t most_bytes) {
  stream_source<Function>::here().emplace(std::move(arguments));
  return go_on_with_stream<Function>(most_bytes);
}

/// One call of a stream. It may be on its way before it is awaited.
template <auto Step>
class [[nodiscard]] stream_step final : public pool_call<Step> {
 public:
  template <class... Args>
  stream_step(pool_core& pool, const call_options& options, Args&&... args)
      : pool_call<Step>(pool, options, true, std::forward<Args>(args)...) {}
  stream_step(const stream_step&) = delete;
  stream_step& operator=(const stream_step&) = delete;
  ~stream_step() override { this->drop(); }
  using pool_task::start;
};

template <auto Function>
async_generator<stream_item<Function>> read_stream(pool_core& pool, call_options options, std::uint64_t most_bytes,
                                                   typename stream_of<Function>::arguments arguments) {
  using next_step = stream_step<&go_on_with_stream<Function>>;
  worker_lease lease(pool);
  stream_step<&begin_stream<Function>> first(pool, options, std::move(arguments), most_bytes);
  first.start(lease, true);
  options.idempotent(0);  // what was read from it cannot be read again elsewhere
  stream_batch<stream_item<Function>> batch = co_await std::move(first);
  std::optional<next_step> next;
  for (;;) {
    if (std::get<1>(batch)) {
      lease.give_back();
    } else {
      next.emplace(pool, options, most_bytes);
      next->start(lease, false);
    }
    for (auto&& value : std::get<0>(batch)) co_yield std::move(value);
    if (std::get<1>(batch)) break;
    batch = co_await std::move(*next);
  }
  if (const auto& error = std::get<2>(batch); !error.empty()) std::rethrow_exception(decode_exception(error));
}

}  // namespace detail

template <auto Function, class... Args>
requires(!detail::begins_with_options<Args...>)
    async_generator<detail::stream_item<Function>> process_pool::run_stream(Args&&... args) {
  return run_stream<Function>(call_options(), std::forward<Args>(args)...);
}

template <auto Function, class... Args>
async_generator<detail::stream_item<Function>> process_pool::run_stream(const call_options& options, Args&&... args) {
  return detail::read_stream<Function>(*core_, options, batch_bytes(),
                                       typename detail::stream_of<Function>::arguments(std::forward<Args>(args)...));
}

}  // namespace ringmill

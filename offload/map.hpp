// map: one function over a range of arguments, in chunks, on all workers of a pool.
//
//   std::vector<std::uint64_t> hashes = co_await pool.map<&hash_file>(paths);
//
//   co_await pool.map_each<&parse>(pages, [&](rm::completion<document> done) {
//     if (done.outcome()) keep(done.index(), std::move(done.outcome()).value());
//   }, rm::map_options().as_completed());
//
// The range is read as far as workers can use it, and no further: it may be endless, or made on the way. A call that
// crashes its worker takes the others of its chunk with it; those run again in smaller and smaller chunks, until only
// the guilty one is left: that one gets worker_crashed. So a function may run more than once for one element, unless
// call_options::at_most_once makes every chunk a single call.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringmill/offload/chunk.hpp>
#include <ringmill/offload/error.hpp>
#include <ringmill/offload/process_pool.hpp>
#include <ringmill/runtime/as_completed.hpp>
#include <ringmill/runtime/detail/ranges.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/result.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill {

namespace detail {

/// One map under way: runners take chunks from the range, the body hands out what they bring.
template <auto Function, class Range>
class map_run {
 public:
  using outcome = result<result_of<Function>>;
  using calls_type = std::vector<arguments_of<Function>>;
  using reference = std::ranges::range_reference_t<Range>;
  static_assert(
      std::is_lvalue_reference_v<reference> || !codec_borrows<arguments_of<Function>>,
      "map: the range makes its elements on the way, and the function takes a view of one, which would be gone "
      "before the worker has it; let the function take a std::string or std::vector");

  map_run(pool_core& pool, std::size_t workers, Range& range, const map_options& options)
      : pool_(pool),
        runners_(workers * 2 + 1),
        options_(options),
        next_(std::ranges::begin(range)),
        end_(std::ranges::end(range)),
        size_(options.call().is_at_most_once()) {}

  template <class Use>
  task<> run(Use& use) {
    co_await nursery_.run([this, &use]() -> task<> {
      for (std::size_t i = 0; i < runners_; ++i) nursery_.start(&map_run::carry, this);
      for (;;) {
        while (auto done = take()) {
          room_.set();
          if constexpr (std::is_void_v<std::invoke_result_t<Use&, completion<result_of<Function>>>>) {
            use(std::move(*done));
          } else {
            co_await use(std::move(*done));
          }
        }
        if (next_ == end_ && delivered_ == begun_) break;
        arrived_.reset();
        co_await arrived_.wait();
      }
      nursery_.cancel();  // runners that wait for room
    });
  }

 private:
  static task<> carry(map_run* self) { return self->carry_chunks(); }

  task<> carry_chunks() {
    while (next_ != end_) {
      if (begun_ - delivered_ >= options_.window()) {
        room_.reset();
        co_await room_.wait();
        continue;
      }
      calls_type calls;
      const std::size_t first = begun_;
      const std::size_t wanted = std::min(size_.next(), options_.window() - (begun_ - delivered_));
      for (; calls.size() < wanted && next_ != end_; ++next_) calls.push_back(arguments_from(*next_));
      begun_ += calls.size();
      co_await run_chunk(std::move(calls), first);
    }
    arrived_.set();
  }

  task<> run_chunk(calls_type calls, std::size_t first) {
    pool_chunk<Function> chunk(pool_, options_.call(), calls);
    chunk_end<Function> end = co_await std::move(chunk);
    if (!end.failure) {
      size_.record(calls.size(), end.took);
      for (std::size_t i = 0; i < calls.size(); ++i) bring(first + i, std::move(end.outcomes[i]));
    } else if (calls.size() == 1) {
      bring(first, outcome(end.failure));
    } else {
      const auto middle = calls.begin() + static_cast<std::ptrdiff_t>(calls.size() / 2);
      calls_type rest(std::make_move_iterator(middle), std::make_move_iterator(calls.end()));
      calls.erase(middle, calls.end());
      const std::size_t half = calls.size();
      co_await run_chunk(std::move(calls), first);
      co_await run_chunk(std::move(rest), first + half);
    }
  }

  template <class Element>
  static arguments_of<Function> arguments_from(Element&& element) {
    if constexpr (std::tuple_size_v<arguments_of<Function>> == 1) {
      return arguments_of<Function>(std::forward<Element>(element));
    } else {
      return std::apply([](auto&&... one) { return arguments_of<Function>(std::forward<decltype(one)>(one)...); },
                        std::forward<Element>(element));
    }
  }

  void bring(std::size_t index, outcome how) {
    here_.emplace(index, std::move(how));
    arrived_.set();
  }

  std::optional<completion<result_of<Function>>> take() {
    const auto first = here_.begin();
    if (first == here_.end() || (options_.is_ordered() && first->first != delivered_)) return std::nullopt;
    completion<result_of<Function>> done(first->first, std::move(first->second));
    here_.erase(first);
    ++delivered_;
    return done;
  }

  pool_core& pool_;
  std::size_t runners_;
  const map_options& options_;
  std::ranges::iterator_t<Range> next_;
  std::ranges::sentinel_t<Range> end_;
  chunk_size size_;
  std::size_t begun_ = 0;      ///< elements taken from the range
  std::size_t delivered_ = 0;  ///< elements handed out
  std::map<std::size_t, outcome> here_;
  event arrived_;
  event room_;
  nursery nursery_;
};

template <auto Function, class Range, class Use>
task<> run_map(pool_core& pool, std::size_t workers, Range range, map_options options, Use use) {
  map_run<Function, std::remove_reference_t<Range>> all(pool, workers, range, options);
  co_await all.run(use);
}

template <auto Function, class Range>
task<std::vector<result_of<Function>>> collect_map(pool_core& pool, std::size_t workers, Range range,
                                                   map_options options) {
  std::vector<result_of<Function>> values;
  auto keep = [&values](completion<result_of<Function>> done) { values.push_back(std::move(done.outcome()).value()); };
  map_run<Function, std::remove_reference_t<Range>> all(pool, workers, range, options);
  co_await all.run(keep);
  co_return values;
}

}  // namespace detail

template <auto Function, class Range>
task<std::vector<detail::result_of<Function>>> process_pool::map(Range&& range, map_options options) {
  static_assert(!std::is_void_v<detail::result_of<Function>>,
                "map gives values, and the function has none: use map_each");
  return detail::collect_map<Function, Range>(*core_, worker_count(), std::forward<Range>(range), std::move(options));
}

template <auto Function, class Range, class Use>
task<> process_pool::map_each(Range&& range, Use use, map_options options) {
  return detail::run_map<Function, Range>(*core_, worker_count(), std::forward<Range>(range), std::move(options),
                                          std::move(use));
}

}  // namespace ringmill

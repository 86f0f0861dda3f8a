// Many calls of one function as one task: what `process_pool::map` sends to a worker.
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <ringmill/offload/codec.hpp>
#include <ringmill/offload/detail/argument_sinks.hpp>
#include <ringmill/offload/exception_codec.hpp>
#include <ringmill/offload/in_worker.hpp>
#include <ringmill/offload/pool_task.hpp>
#include <ringmill/offload/registry.hpp>
#include <ringmill/runtime/result.hpp>

namespace ringmill::detail {

template <auto Function>
using arguments_of = typename signature_of<Function>::arguments;
template <auto Function>
using result_of = typename signature_of<Function>::result;

/// How one call of a chunk has ended, as it crosses: its value, or its exception as encode_current_exception writes it.
template <auto Function>
using chunk_item = std::pair<std::optional<stored_t<result_of<Function>>>, std::vector<std::byte>>;

/// Runs in the worker: one call after the other, and what one throws is its own.
template <auto Function>
std::vector<chunk_item<Function>> call_chunk(std::vector<arguments_of<Function>> calls) {
  std::vector<chunk_item<Function>> all;
  all.reserve(calls.size());
  for (auto& arguments : calls) {
    chunk_item<Function>& item = all.emplace_back();
    try {
      if constexpr (std::is_void_v<result_of<Function>>) {
        std::apply(Function, std::move(arguments));
        item.first.emplace();
      } else {
        item.first.emplace(std::apply(Function, std::move(arguments)));
      }
    } catch (const call_stopped&) {
      throw;
    } catch (...) {
      std::byte text[4096];
      item.second.assign(text, text + encode_current_exception(text));
    }
  }
  return all;
}

/// How a chunk has ended: with the outcomes of its calls, or with a failure that has cost all of them.
template <auto Function>
class chunk_end {
 public:
  chunk_end() noexcept {}
  std::vector<result<result_of<Function>>> outcomes;
  std::exception_ptr failure;
  duration took{0};
};

/// The awaiter of one chunk. `calls` has to stay.
template <auto Function>
class [[nodiscard]] pool_chunk final : public pool_task {
 public:
  using calls_type = std::vector<arguments_of<Function>>;

  pool_chunk(pool_core& pool, const call_options& options, const calls_type& calls)
      : pool_task(pool, registration<&call_chunk<Function>>::id(), options, true), calls_(&calls) {
    if (calls.size() > 1) is_several_calls();
  }
  pool_chunk(pool_chunk&&) = default;

  chunk_end<Function> await_resume() {
    chunk_end<Function> end;
    end.failure = take_failure();
    end.took = run_time();
    end.outcomes.reserve(items_.size());
    for (auto& [value, error] : items_) {
      if (value) {
        end.outcomes.emplace_back(std::move(*value));
      } else {
        end.outcomes.emplace_back(decode_exception(error));
      }
    }
    return end;
  }

 private:
  std::size_t argument_bytes() const override { return argument_size(buffers(), *calls_); }
  void write_arguments(std::span<std::byte> memory) const override { write_argument(memory, buffers(), *calls_); }
  std::uint64_t argument_hash() const override { return hash_of_argument(*calls_); }
  void read_result(std::span<const std::byte> bytes) override {
    items_ = decode<std::vector<chunk_item<Function>>>(bytes);
    if (items_.size() != calls_->size()) throw protocol_error("a chunk's results are not as many as its calls");
  }

  const calls_type* calls_;
  std::vector<chunk_item<Function>> items_;
};

/// How many calls make a chunk: as many as take about 200 us, by what the last ones took. The time of a round trip is
/// then a tenth of it at most, and a crash costs little.
class chunk_size {
 public:
  explicit chunk_size(bool always_one) noexcept : always_one_(always_one) {}

  std::size_t next() const noexcept { return always_one_ ? 1 : size_; }
  void record(std::size_t calls, duration took) noexcept {
    constexpr std::size_t most = 4096;
    constexpr std::size_t growth = 8;  // at most, at a time
    constexpr duration wanted = std::chrono::microseconds(200);
    const auto each = std::max<std::int64_t>(took.count() / static_cast<std::int64_t>(calls), 1);
    const auto fitting = static_cast<std::size_t>(std::max<std::int64_t>(wanted.count() / each, 1));
    size_ = std::min(std::min(fitting, most), size_ * growth);
  }

 private:
  bool always_one_;
  std::size_t size_ = 1;
};

}  // namespace ringmill::detail

// process_pool: CPU-bound work in worker processes, awaited like a read.
//
//   std::vector<std::string> extract_links(std::string_view html);      // an ordinary function
//
//   int main(int argc, char** argv) {
//     rm::process_init(argc, argv);                                      // first line
//     ...
//     rm::process_pool pool(rm::pool_options().workers(4));
//     auto links = co_await pool.run<&extract_links>(html);
//
// A task that crashes costs only itself: it gets worker_crashed, the worker is replaced. One that takes too long is
// killed: `co_await rm::with_timeout(2s, pool.run<&extract_links>(html))`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <ringmill/offload/codec.hpp>
#include <ringmill/offload/pool_task.hpp>
#include <ringmill/offload/process_init.hpp>
#include <ringmill/offload/registry.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/owned_ptr.hpp>

namespace ringmill {

/// How a pool is made.
class pool_options {
 public:
  pool_options() noexcept {}
  /// How many worker processes; by default as many as there are processors. At least 1.
  pool_options& workers(std::size_t count) noexcept { return workers_ = count ? count : 1, *this; }
  /// Most bytes that the arguments of a task take, 64 MiB by default, at most 1 GiB. Memory is used only as it is
  /// written.
  pool_options& input_capacity(std::size_t bytes) noexcept { return input_capacity_ = bytes, *this; }
  /// The same for a result, or the text of an exception.
  pool_options& output_capacity(std::size_t bytes) noexcept { return output_capacity_ = bytes, *this; }
  /// The workers' nice level, 5 by default, so that the loop's latency does not depend on how busy they are.
  pool_options& niceness(int level) noexcept { return niceness_ = level, *this; }

  std::size_t workers() const noexcept { return workers_; }
  std::size_t input_capacity() const noexcept { return input_capacity_; }
  std::size_t output_capacity() const noexcept { return output_capacity_; }
  int niceness() const noexcept { return niceness_; }

 private:
  static constexpr std::size_t default_capacity = std::size_t{64} << 20;
  RINGMILL_API static std::size_t default_workers() noexcept;

  std::size_t workers_ = default_workers();
  std::size_t input_capacity_ = default_capacity;
  std::size_t output_capacity_ = default_capacity;
  int niceness_ = 5;
};

/// What a pool has done; always counted.
class pool_statistics {
 public:
  std::uint64_t finished = 0;  ///< tasks that gave a value or threw their own exception
  std::uint64_t crashed = 0;   ///< tasks whose worker died
  std::uint64_t killed = 0;    ///< tasks cancelled while they ran
  std::uint64_t started = 0;   ///< workers started, replacements included
};

namespace detail {

/// The awaiter of `process_pool::run`. Arguments are kept here until they are encoded; those that are views refer to
/// the caller's memory, which has to stay until then.
template <auto Function>
class [[nodiscard("a task runs when it is awaited")]] pool_call final : public pool_task {
 public:
  using types = signature<decltype(Function)>;
  using result_type = typename types::result;

  template <class... Args>
  explicit pool_call(pool_core & pool, Args && ... args)
      : pool_task(pool, registration<Function>::id()), args_(std::forward<Args>(args)...) {}
  pool_call(pool_call &&) = default;

  result_type await_resume() {
    rethrow_failure();
    if constexpr (!std::is_void_v<result_type>) return std::move(*value_);
  }

 private:
  std::size_t argument_bytes() const override { return encoded_size(args_); }
  void write_arguments(std::span<std::byte> memory) const override { encode(memory, args_); }
  void read_result(std::span<const std::byte> bytes) override {
    if constexpr (!std::is_void_v<result_type>) value_.emplace(decode<result_type>(bytes));
  }

  typename types::arguments args_;
  std::optional<std::conditional_t<std::is_void_v<result_type>, std::monostate, result_type>> value_;
};

}  // namespace detail

/// A set of worker processes, each with a channel of its own, and one queue for all, first in, first out. Belongs to
/// the loop it is made on; must outlive its tasks. Its destructor kills the workers and waits until they are gone (some
/// ms).
class RINGMILL_API process_pool {
 public:
  /// Starts the workers. Throws std::logic_error outside of a loop or without process_init, and std::system_error.
  explicit process_pool(const pool_options& options = pool_options());
  ~process_pool();
  process_pool(const process_pool&) = delete;
  process_pool& operator=(const process_pool&) = delete;

  /// co_await it: `Function(args...)`, run in a worker. Gives its value or throws its exception (standard types as
  /// themselves, others as remote_error); worker_crashed when its worker died while it ran, payload_too_large,
  /// protocol_violation, pool_unavailable. A task that is cancelled in the queue never runs; one that runs is killed
  /// with its worker. Arguments and results cross as `codec` says.
  template <auto Function, class... Args>
  detail::pool_call<Function> run(Args&&... args) {
    return detail::pool_call<Function>(*core_, std::forward<Args>(args)...);
  }

  /// The processes that are there now.
  std::vector<int> worker_pids() const;
  const pool_statistics& statistics() const noexcept;

 private:
  detail::owned_ptr<detail::pool_core> core_;
};

}  // namespace ringmill

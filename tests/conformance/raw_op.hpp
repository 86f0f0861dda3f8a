// An operation that a scenario fills in as it likes, and of which every completion is kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ringmill/io/io_op.hpp>
#include <ringmill/runtime/run_queue.hpp>

#include "requests.hpp"

namespace conformance {

class scene;

class completion {
 public:
  completion(int result_of_it, std::uint32_t flags_of_it, unsigned rank) noexcept
      : result(result_of_it), flags(flags_of_it), order(rank) {}
  int result;
  std::uint32_t flags;
  unsigned order;  ///< among all of the scene
};

/// One request, in flight from `begin` to its final completion. Whoever wants a completion awaits `until`.
class raw_op final : public ringmill::io_op {
 public:
  raw_op(scene& where, request what) : scene_(where), request_(std::move(what)), nobody_(&ignore) {}

  void begin() { io_op::await_suspend(nobody_); }

  /// Waits until it has ended or has that many completions.
  class [[nodiscard]] until_awaiter {
   public:
    until_awaiter(raw_op& op, std::size_t count) noexcept : op_(op), count_(count) {}
    bool await_ready() const noexcept { return !op_.is_in_flight() || op_.seen().size() >= count_; }
    bool await_suspend(ringmill::waiter& who) noexcept {
      op_.listener_ = &who;
      op_.wanted_ = count_;
      return true;
    }
    void await_resume() const noexcept {}
    ringmill::cancel_result await_cancel(ringmill::cancel_reason) noexcept {
      op_.listener_ = nullptr;
      return ringmill::cancel_result::done();
    }
    bool await_must_resume() const noexcept { return true; }

   private:
    raw_op& op_;
    std::size_t count_;
  };
  until_awaiter until(std::size_t count) noexcept { return until_awaiter(*this, count); }
  until_awaiter end() noexcept { return until_awaiter(*this, SIZE_MAX); }

  const request& what() const noexcept { return request_; }
  const std::vector<completion>& seen() const noexcept { return seen_; }
  int last_result() const noexcept { return seen_.empty() ? 0 : seen_.back().result; }
  /// What a cancel names it by.
  std::uint64_t user_data() const noexcept { return reinterpret_cast<std::uintptr_t>(static_cast<const io_op*>(this)); }

 private:
  friend class scene;
  static void ignore(ringmill::callback_waiter&) noexcept {}
  void prepare(io_uring_sqe& entry) noexcept override;
  void describe(ringmill::task_writer& out) const override { out.text(request_.name()); }
  void completed(std::int32_t result, std::uint32_t flags, bool more) noexcept override;

  scene& scene_;
  request request_;
  ringmill::callback_waiter nobody_;  ///< stands where an operation has its task, and is never woken
  ringmill::waiter* listener_ = nullptr;
  std::size_t wanted_ = 0;
  std::vector<completion> seen_;
  std::size_t told_ = 0;  ///< of `seen_`, what the transcript has
};

}  // namespace conformance

// What a function that runs in a worker may ask and tell: was it cancelled, and how far has it got?
//
//   std::vector<float> solve(const std::vector<float>& in) {
//     for (int step = 0; step < steps; ++step) {
//       rm::offload::stop_if_cancelled();
//       rm::offload::report_progress(double(step) / steps);
//       ...
//
//   auto answer = co_await pool.run<&solve>(
//       rm::call_options().cancel_grace(50ms).on_progress([](double done) { show(done); }), in);
//
// All of them may be called anywhere: outside of a worker nothing is cancelled, and nobody listens.
#pragma once

#include <cstdint>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {
/// What ends a function by stop_if_cancelled; never leaves the worker.
class call_stopped {};

/// A worker's clock, while it runs a call.
RINGMILL_API std::int64_t worker_nanoseconds() noexcept;
}  // namespace ringmill::detail

namespace ringmill::offload {

/// Has the caller given up? A function that sees it may return early what it has: that result counts. It has as long as
/// call_options::cancel_grace says until its process is killed, by default no time at all. A few nanoseconds.
RINGMILL_API bool cancelled() noexcept;

/// If it was cancelled, ends the function, destroying what is on its stack, by an exception that must not be caught for
/// good.
RINGMILL_API void stop_if_cancelled();

/// How much is done, from 0 to 1, for call_options::on_progress. Passed on at most every 10 ms, and 1 always; else 30
/// ns.
RINGMILL_API void report_progress(double done) noexcept;

}  // namespace ringmill::offload

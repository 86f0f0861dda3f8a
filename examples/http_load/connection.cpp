#include "http_load/connection.hpp"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

namespace http_load {

namespace rm = ringmill;
using namespace std::chrono_literals;

rm::task<> connection::run(rm::time_point first_due) {
  if (work_.is_open_loop()) {
    due_ = first_due;
    interval_ = work_.interval();
  }
  rm::duration pause = 0ms;
  while (work_.has_requests()) {
    const std::uint64_t before = answered_;
    co_await try_once();
    stream_.close();
    work_.give_back_requests(std::exchange(pending_, 0));
    // A server that answers nothing is not asked as fast as it can refuse.
    pause = answered_ > before ? 0ms : std::clamp<rm::duration>(2 * pause, 10ms, 1s);
    co_await rm::sleep_for(pause);
  }
}

/// From connecting, if that is not done yet, to the end of the connection, however that comes.
rm::task<> connection::try_once() {
  auto stage = failure::connect;
  std::string why;
  try {
    if (!stream_) co_await connect();
    stage = failure::closed;
    co_await converse();
    co_return;
  } catch (const std::system_error& error) {
    why = error.what();
  } catch (const rm::timeout_error&) {
    why = "no connection in time";
  }
  if (stage == failure::closed && gave_up_) {
    stage = failure::timeout;
    why = "no answer in time";
  }
  work_.results.failed(stage, why);
}

rm::task<> connection::connect() {
  auto connecting = rm::tcp_stream::connect(work_.how.server);
  const std::chrono::duration<double> limit(work_.how.timeout);
  stream_ = co_await rm::with_timeout(limit, std::move(connecting));
}

rm::task<> connection::converse() {
  answers_ = work_.new_answers();
  gave_up_ = false;
  bool is_open = true;
  while (is_open && work_.has_requests()) {
    rm::time_point now = rm::loop::current().now();
    if (work_.is_open_loop()) {
      skip_backlog_of_warmup();
      while (due_ > now) {
        co_await rm::sleep_for(due_ - now);
        now = rm::loop::current().now();
      }
    } else {
      due_ = now;
    }
    pending_ = work_.take_requests(due_requests(now));
    waiting_since_ = now;
    co_await stream_.write_all(work_.wire(pending_));
    while (is_open && pending_ > 0) {
      const std::size_t count = co_await stream_.read_some(buffer_);
      is_open = count > 0 ? take({reinterpret_cast<const char*>(buffer_.data()), count}) : take_end();
    }
  }
}

/// Of the schedule, or as many as may be sent at once.
std::size_t connection::due_requests(rm::time_point now) noexcept {
  if (!work_.is_open_loop()) return work_.how.pipeline;
  const auto due = static_cast<std::uint64_t>((now - due_) / interval_) + 1;
  return static_cast<std::size_t>(std::min<std::uint64_t>(due, work_.how.pipeline));
}

/// What the server owes from before the measurement is not held against it.
void connection::skip_backlog_of_warmup() noexcept {
  const rm::duration behind = work_.results.started_at() - due_;
  if (behind > rm::duration::zero()) due_ += (behind / interval_ + 1) * interval_;
}

/// Gives, as the next ones do, whether the connection may be used further.
bool connection::take(std::string_view input) {
  const rm::time_point now = rm::loop::current().now();
  work_.results.received(input.size());
  while (!input.empty()) {
    if (pending_ == 0) return lose(failure::malformed, "more came back than was asked for");
    const answer made = answers_->take(input);
    if (made == answer::none) return true;
    if (!accept(made, now)) return false;
  }
  return true;
}

bool connection::take_end() {
  const answer made = answers_->end();
  if (made == answer::malformed) return lose(failure::closed, "the server closed a connection and owed an answer");
  return accept(made, rm::loop::current().now());
}

bool connection::accept(answer made, rm::time_point now) {
  if (made == answer::malformed) return lose(failure::malformed, "what came back is no answer");
  if (made == answer::good) {
    work_.results.answered(now - due_);
  } else {
    work_.results.refused(answers_->status());
  }
  ++answered_;
  --pending_;
  due_ += interval_;
  waiting_since_ = now;
  work_.one_answered();
  return !answers_->are_over();
}

bool connection::lose(failure how, const std::string& what) {
  work_.results.failed(how, what);
  return false;
}

void connection::give_up_if_late(rm::time_point now) noexcept {
  if (pending_ == 0 || now - waiting_since_ < std::chrono::duration<double>(work_.how.timeout)) return;
  gave_up_ = true;
  stream_.close();  // what is in flight on it ends with an error
}

void connection::count_unanswered(rm::time_point end) noexcept {
  for (; pending_ > 0; --pending_, due_ += interval_) work_.results.still_waiting(end - due_);
  skip_backlog_of_warmup();
  for (; due_ < end && work_.take_requests(1) == 1; due_ += interval_) work_.results.still_waiting(end - due_);
}

}  // namespace http_load

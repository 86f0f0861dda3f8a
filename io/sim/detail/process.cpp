#include <ringmill/io/sim/detail/process.hpp>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/runtime/async_stack.hpp>
#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/thread_state.hpp>

namespace ringmill::sim::detail {

namespace {

constinit thread_local process* running = nullptr;

bool is_ignored_by_default(int number) noexcept {
  return number == SIGCHLD || number == SIGURG || number == SIGWINCH || number == SIGCONT;
}

std::string last_words(std::exception_ptr error) {
  return "terminate called after throwing an exception: " + describe_error(std::move(error)) + "\n";
}

}  // namespace

process::process(sim_kernel& owner, int id, process* parent, process_setup setup, body program)
    : object(owner),
      id_(id),
      group_(setup.group == 0 ? id : setup.group),
      parent_(parent),
      setup_(std::move(setup)),
      program_(std::move(program)) {}

process::~process() { RINGMILL_CHECK(!is_started_ || has_ended(), "a simulated process was destroyed while it runs"); }

process* process::current() noexcept { return running; }
environment& process::around() const noexcept { return owner().around(); }

// From outside.

void process::start() {
  is_started_ = true;
  around().record(owner().host(), trace::kind::process_begin, static_cast<std::uint64_t>(id_));
  stack_ = std::make_unique<process_stack>([this] { run(); });
  resume_after(owner().draw_delay());
}

void process::signal(int number) {
  if (number == 0 || has_ended()) return;
  around().record(owner().host(), trace::kind::signal, static_cast<std::uint64_t>(id_), number);
  around().after(owner().draw_delay(), [self = weak_from_this(), number] {
    if (const auto there = self.lock()) static_cast<process&>(*there).deliver(number);
  });
}

void process::deliver(int number) {
  if (has_ended() || !is_started_) return;
  reaction how = reactions_[static_cast<std::size_t>(number)];
  if (number == SIGKILL) return kill(process_end::killed(number));
  if (number == SIGSTOP) {
    is_stopped_ = true;
    return;
  }
  if (number == SIGCONT && std::exchange(is_stopped_, false)) {
    if (std::exchange(is_due_, false)) resume_after(owner().draw_delay());
    for (int each = 1; each < _NSIG; ++each) {
      const auto index = static_cast<std::size_t>(each);
      if (reactions_[index] == reaction::by_default && std::exchange(pending_[index], false)) deliver(each);
    }
    if (has_ended()) return;
  }
  if (how == reaction::by_default && is_ignored_by_default(number)) return;
  if (number == SIGTERM && around().happens(fault::ignored_signal, owner().host())) how = reaction::ignored;
  if (how == reaction::ignored) return;
  if (how == reaction::by_default && !is_stopped_) return kill(process_end::killed(number));
  pending_[static_cast<std::size_t>(number)] = true;
  unpark();
}

void process::end_at_once() {
  if (is_started_ && !has_ended()) kill(process_end::killed(SIGKILL));
}

/// From outside of its stack. It is unwound, so that its memory is given back; what it does meanwhile is not seen.
void process::kill(process_end how) {
  if (has_ended()) return;
  fate_ = how;
  if (running == this) return;  // by its own doing: it comes to a step soon
  is_dying_ = true;
  ++turn_;
  resume();
}

void process::resume_after(duration delay) {
  around().after(delay, [self = weak_from_this(), turn = ++turn_] {
    const auto there = self.lock();
    if (!there) return;
    auto& here = static_cast<process&>(*there);
    if (here.turn_ != turn || here.has_ended()) return;
    if (here.is_stopped_) {
      here.is_due_ = true;
    } else {
      here.resume();
    }
  });
}

/// On the stack of the world.
void process::resume() {
  const auto alive = shared_from_this();
  // Its program is no part of the host's, whose ring and loop may be in the middle of something.
  const auto host = std::exchange(ringmill::detail::this_thread, {});
  process* const before = std::exchange(running, this);
  stack_->enter();
  running = before;
  ringmill::detail::this_thread = host;
  if (!stack_->has_returned()) return;
  stack_.reset();
  finish(*fate_);
}

void process::finish(process_end how) {
  end_ = how;
  around().record(owner().host(), trace::kind::process_end, static_cast<std::uint64_t>(id_), how.wait_status());
  for (const std::shared_ptr<process>& child : std::exchange(children_, {})) {
    child->parent_ = nullptr;
    child->was_reaped_ = true;  // by init
    child->signal(SIGKILL);
  }
  setup_.streams = {};
  if (parent_) parent_->child_ended(*this);
  changed();
  owner().child_has_ended(*this);
}

void process::child_ended(process&) { unpark(); }

// On its stack.

void process::run() {
  std::string words;
  try {
    throw_if_dying();
    const int code = program_(*this);
    if (!fate_) fate_ = process_end::exited(code);
  } catch (const unwinding&) {
  } catch (...) {
    if (!fate_) {
      fate_ = process_end::killed(SIGABRT);
      words = last_words(std::current_exception());
    }
  }
  program_ = nullptr;
  if (words.empty()) return;
  transfer text({}, 0);
  const iovec part{words.data(), words.size()};
  transfer from(std::span(&part, 1), 0);
  if (setup_.streams[2]) setup_.streams[2]->send(from);
}

void process::leave_stack() { stack_->leave(); }

void process::throw_if_dying() {
  // What is unwound already is not unwound twice.
  if (is_dying_ && std::uncaught_exceptions() == 0) throw unwinding();
}

std::optional<duration> process::fate_of_step() {
  environment& all = around();
  const std::uint32_t host = owner().host();
  if (all.happens(fault::process_crash, host)) {
    fate_ = process_end::killed(all.random.chance(500) ? SIGSEGV : SIGKILL);
    is_dying_ = true;
    return std::nullopt;
  }
  if (all.happens(fault::process_hang, host)) is_stopped_ = true;
  if (all.happens(fault::process_stall, host)) return std::chrono::microseconds(all.random.between(1, 200'000));
  // Most often nothing comes between two steps.
  if (all.random.chance(500)) return duration::zero();
  return duration(all.random.between(1, 2000));
}

void process::step_without_throwing() noexcept {
  if (is_dying_) return;
  const std::optional<duration> delay = fate_of_step();
  if (!delay || (*delay == duration::zero() && !is_stopped_)) return;
  resume_after(*delay);
  leave_stack();
}

void process::step() {
  step_without_throwing();
  throw_if_dying();
}

void process::sleep(duration length) {
  step();
  if (is_dying_) return;
  resume_after(std::max(length, duration::zero()));
  leave_stack();
  throw_if_dying();
}

void process::park() {
  if (!is_dying_ && !std::exchange(was_unparked_, false)) {
    is_parked_ = true;
    leave_stack();
    is_parked_ = false;
    was_unparked_ = false;
  }
  throw_if_dying();
}

void process::park_until(time_point when) {
  if (when != time_point::max()) {
    around().at(when, [self = weak_from_this()] {
      if (const auto there = self.lock()) static_cast<process&>(*there).unpark();
    });
  }
  park();
}

void process::unpark() {
  if (has_ended() || is_dying_) return;
  was_unparked_ = true;
  if (std::exchange(is_parked_, false)) resume_after(owner().draw_delay());
}

void process::wait_for_change(object& what) {
  if (!is_dying_) owner().add_sleeper(what, *this);
  park();
}

std::size_t process::read(object* from, std::span<std::byte> into) {
  for (;;) {
    step();
    if (!from || is_dying_) return 0;
    const iovec part{into.data(), into.size()};
    transfer wanted(std::span(&part, 1), 0);
    const int result = from->receive(wanted);
    if (result >= 0) return static_cast<std::size_t>(result);
    if (result != would_block) return 0;
    wait_for_change(*from);
  }
}

void process::write(object* to, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    step();
    if (!to || is_dying_) return;
    const iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    transfer all(std::span(&part, 1), 0);
    const int result = to->send(all);
    if (result >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(result));
    } else if (result == would_block) {
      wait_for_change(*to);
    } else {
      exit(process_end::killed(SIGPIPE));
    }
  }
}

void process::exit(process_end how) {
  if (!fate_) fate_ = how;
  is_dying_ = true;
  throw unwinding();
}

std::shared_ptr<process> process::fork(process_setup setup, body program) {
  step();
  std::shared_ptr<process> made = owner().make_process(this, std::move(setup), std::move(program));
  if (made) children_.push_back(made);
  return made;
}

std::shared_ptr<process> process::take_dead_child() {
  const auto found =
      std::find_if(children_.begin(), children_.end(), [](const auto& each) { return each->has_ended(); });
  if (found == children_.end()) return nullptr;
  std::shared_ptr<process> dead = std::move(*found);
  children_.erase(found);
  dead->reap();
  return dead;
}

void process::handle_signal(int number) { reactions_[static_cast<std::size_t>(number)] = reaction::handled; }
void process::ignore_signal(int number) { reactions_[static_cast<std::size_t>(number)] = reaction::ignored; }

int process::take_signal() noexcept {
  for (std::size_t number = 1; number < pending_.size(); ++number) {
    if (reactions_[number] == reaction::handled && std::exchange(pending_[number], false)) {
      return static_cast<int>(number);
    }
  }
  return 0;
}

}  // namespace ringmill::sim::detail

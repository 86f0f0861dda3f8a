#include <ringmill/runtime/fiber.hpp>

#include <cxxabi.h>

#include <boost/context/detail/fcontext.hpp>
#include <cerrno>
#include <cstring>
#include <new>

#include <ringmill/runtime/detail/sanitizers.hpp>
#include <ringmill/runtime/thread_state.hpp>

namespace ringmill::detail {

namespace {

/// What belongs to a stack besides the registers: errno, and the exceptions that are being thrown and handled, without
/// which two fibers suspended in handlers would rethrow each other's. The Itanium C++ ABI gives their place, two words.
/// A fiber stays on its thread, so both places are asked for once: four calls less for each round trip.
class ambient_state {
 public:
  void exchange() noexcept {
    unsigned char mine[sizeof exceptions_];
    std::memcpy(mine, threads_exceptions_, sizeof mine);
    std::memcpy(threads_exceptions_, exceptions_, sizeof mine);
    std::memcpy(exceptions_, mine, sizeof mine);
    errno_ = std::exchange(threads_errno_, errno_);
  }

 private:
  void* const threads_exceptions_ = abi::__cxa_get_globals();
  int& threads_errno_ = errno;
  unsigned char exceptions_[2 * sizeof(void*)] = {};
  int errno_ = 0;
};

namespace context = boost::context::detail;

}  // namespace

struct fiber_base::machine {
  explicit machine(const fiber_stack& stack) noexcept : mine(stack.bottom(), stack.size()) {}

  static machine* at_top_of(const fiber_stack& stack) noexcept {
    constexpr std::size_t size = (sizeof(machine) + 63) / 64 * 64;  // what is below stays aligned
    return new (stack.top() - size) machine(stack);
  }

  /// Onto the fiber's stack, and back when it waits or has ended.
  [[gnu::always_inline]] void jump_in(fiber_base& fiber) noexcept {
    ambient.exchange();
    carriers.leave_for(mine);
    there = context::jump_fcontext(there, &fiber).fctx;
    carriers.arrive_from(mine);
    ambient.exchange();
  }
  [[gnu::always_inline]] void jump_out() noexcept {
    mine.leave_for(carriers);
    there = context::jump_fcontext(there, nullptr).fctx;
    mine.arrive_from(carriers);
  }
  [[gnu::always_inline]] void jump_out_for_good() noexcept {
    mine.leave_for_good(carriers);
    context::jump_fcontext(there, nullptr);
  }

  context::fcontext_t there = nullptr;  ///< where the other side was left
  ambient_state ambient;                ///< of the side that does not run
  annotated_stack mine;
  annotated_stack carriers;
};

fiber_base::fiber_base(stack_size size, body_function body)
    : stack_(size), machine_(machine::at_top_of(stack_)), body_(body) {
  constexpr auto entry = [](context::transfer_t from) {
    auto& self = *static_cast<fiber_base*>(from.data);
    self.machine_->there = from.fctx;
    self.enter();
  };
  machine_->there = context::make_fcontext(
      machine_, static_cast<std::size_t>(reinterpret_cast<std::byte*>(machine_) - stack_.bottom()), entry);
}

fiber_base::~fiber_base() {
  RINGMILL_CHECK(ended_ || !started_, "a fiber was destroyed while it is suspended");
  machine_->~machine();
}

fiber_base& fiber_base::current() {
  fiber_base* const running = this_thread.fiber;
  if (!running) {
    throw std::logic_error(
        "fiber_await() outside of a fiber: in a coroutine co_await it, other code runs in co_await "
        "rm::fiber(function)");
  }
  return *running;
}

// On the fiber's stack.

void fiber_base::enter() noexcept {
  machine_->mine.arrive_from(machine_->carriers);
  body_(*this);
  ended_ = true;
  machine_->jump_out_for_good();
  std::terminate();
}

bool fiber_base::wait(const fiber_request& request, const std::source_location& where) {
  request_ = &request;
  where_ = where;
  machine_->jump_out();
  if (start_error_) std::rethrow_exception(std::exchange(start_error_, nullptr));
  return has_result_;
}

void fiber_base::unwind() {
  unwound_ = true;
  throw fiber_cancelled();
}

// On the carrier's stack.

/// True: it waits; false: it has ended.
bool fiber_base::run(promise_base& carrier) {
  carrier_ = &carrier;
  started_ = true;
  if (request_) settle();
  do {
    // While it runs it is still where it awaited last, as a coroutine is.
    if (where_.line() != 0) carrier.where_ = where_;
    this_thread.fiber = this;
    machine_->jump_in(*this);
    this_thread.fiber = nullptr;
    if (ended_) return false;
    carrier.where_ = where_;
  } while (!start());
  return true;
}

/// What it waited for has ended: how?
void fiber_base::settle() noexcept {
  has_result_ = !stopped_ && (!request_->awaiter_ || !carrier_->why_cancelled() ||
                              request_->operations_->must_resume(request_->awaiter_));
  stopped_ = false;
}

/// Starts what it waits for; true: the carrier will be woken.
bool fiber_base::start() {
  has_result_ = true;
  if (request_->awaiter_) {
    try {
      if (request_->start_(request_->awaiter_, *carrier_)) return true;
    } catch (...) {
      start_error_ = std::current_exception();
      return false;
    }
    if (request_->takes_budget_itself_ || take_inline_budget()) return false;
  }
  carrier_->wake();
  static const fiber_request nothing;
  request_ = &nothing;
  return true;
}

cancel_result fiber_base::cancel(cancel_reason why) noexcept {
  const cancel_result answer = request_->operations_->cancel(request_->awaiter_, why);
  if (!answer.is_done()) return answer;
  stopped_ = true;
  carrier_->wake();
  return cancel_result::pending();
}

void fiber_base::describe(task_writer& out) const {
  out.text("in a fiber");
  if (request_->operations_ && request_->operations_->describe)
    request_->operations_->describe(request_->awaiter_, out);
}

}  // namespace ringmill::detail

#include <ringmill/io/sim/detail/process_stack.hpp>

#include <cxxabi.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <utility>

#include <ringmill/version.hpp>

#if RINGMILL_HAS_FIBERS
#include <boost/context/detail/fcontext.hpp>
#else
#include <ucontext.h>
#endif

namespace ringmill::sim::detail {

#if RINGMILL_HAS_FIBERS
namespace context = boost::context::detail;
#endif

/// The Itanium C++ ABI gives the place of the exceptions, two words.
void process_stack::ambient_state::exchange() noexcept {
  void* const globals = abi::__cxa_get_globals();
  unsigned char mine[sizeof exceptions_];
  std::memcpy(mine, globals, sizeof mine);
  std::memcpy(globals, exceptions_, sizeof mine);
  std::memcpy(exceptions_, mine, sizeof mine);
  errno_ = std::exchange(errno, errno_);
}

#if RINGMILL_HAS_FIBERS

class process_stack::jump {
 public:
  explicit jump(process_stack& self) noexcept
      : self_(self), there_(context::make_fcontext(self.stack_.top(), self.stack_.size(), &start)) {}
  void over() noexcept { there_ = context::jump_fcontext(there_, this).fctx; }
  [[noreturn]] void over_for_good() noexcept {
    context::jump_fcontext(there_, nullptr);
    std::terminate();
  }

 private:
  static void start(context::transfer_t from) noexcept {
    auto& here = *static_cast<jump*>(from.data);
    here.there_ = from.fctx;
    here.self_.run();
  }

  process_stack& self_;
  context::fcontext_t there_;
};

#else

class process_stack::jump {
 public:
  explicit jump(process_stack& self) noexcept : self_(self) {
    ucontext_t& inside = sides_[1];
    getcontext(&inside);
    inside.uc_stack.ss_sp = self.stack_.bottom();
    inside.uc_stack.ss_size = self.stack_.size();
    inside.uc_link = nullptr;
    const auto address = reinterpret_cast<std::uintptr_t>(this);  // makecontext(3) passes ints
    makecontext(&inside, reinterpret_cast<void (*)()>(&start), 2, static_cast<unsigned>(address >> 32),
                static_cast<unsigned>(address));
  }
  void over() noexcept {
    ucontext_t& from = sides_[side_];
    side_ = 1 - side_;
    swapcontext(&from, &sides_[side_]);
  }
  [[noreturn]] void over_for_good() noexcept {
    setcontext(&sides_[0]);
    std::terminate();
  }

 private:
  static void start(unsigned high, unsigned low) noexcept {
    reinterpret_cast<jump*>((std::uintptr_t{high} << 32) | low)->self_.run();
  }

  process_stack& self_;
  std::array<ucontext_t, 2> sides_{};  ///< that of who enters, and its own
  std::size_t side_ = 0;               ///< which of them runs
};

#endif

process_stack::process_stack(std::function<void()> body)
    : body_(std::move(body)),
      stack_(stack_size()),
      jump_(std::make_unique<jump>(*this)),
      mine_(stack_.bottom(), stack_.size()) {}

process_stack::~process_stack() = default;

void process_stack::run() noexcept {
  mine_.arrive_from(carriers_);
  body_();
  has_returned_ = true;
  mine_.leave_for_good(carriers_);
  jump_->over_for_good();
}

void process_stack::enter() noexcept {
  ambient_.exchange();
  carriers_.leave_for(mine_);
  jump_->over();
  carriers_.arrive_from(mine_);
  ambient_.exchange();
}

void process_stack::leave() noexcept {
  mine_.leave_for(carriers_);
  jump_->over();
  mine_.arrive_from(carriers_);
}

}  // namespace ringmill::sim::detail

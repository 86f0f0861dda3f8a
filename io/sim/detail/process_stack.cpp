#include <ringmill/io/sim/detail/process_stack.hpp>

#include <cxxabi.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <exception>
#include <utility>

namespace ringmill::sim::detail {

/// The Itanium C++ ABI gives the place of the exceptions, two words.
void process_stack::ambient_state::exchange() noexcept {
  void* const globals = abi::__cxa_get_globals();
  unsigned char mine[sizeof exceptions_];
  std::memcpy(mine, globals, sizeof mine);
  std::memcpy(globals, exceptions_, sizeof mine);
  std::memcpy(exceptions_, mine, sizeof mine);
  errno_ = std::exchange(errno, errno_);
}

process_stack::process_stack(std::function<void()> body)
    : body_(std::move(body)), stack_(stack_size()), mine_(stack_.bottom(), stack_.size()) {
  getcontext(&inside_);
  inside_.uc_stack.ss_sp = stack_.bottom();
  inside_.uc_stack.ss_size = stack_.size();
  inside_.uc_link = nullptr;
  const auto self = reinterpret_cast<std::uintptr_t>(this);  // makecontext(3) passes ints
  makecontext(&inside_, reinterpret_cast<void (*)()>(&process_stack::start), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
}

void process_stack::start(unsigned high, unsigned low) noexcept {
  auto& self = *reinterpret_cast<process_stack*>((std::uintptr_t{high} << 32) | low);
  self.mine_.arrive_from(self.carriers_);
  self.body_();
  self.has_returned_ = true;
  self.mine_.leave_for_good(self.carriers_);
  setcontext(&self.outside_);
  std::terminate();
}

void process_stack::enter() noexcept {
  ambient_.exchange();
  carriers_.leave_for(mine_);
  swapcontext(&outside_, &inside_);
  carriers_.arrive_from(mine_);
  ambient_.exchange();
}

void process_stack::leave() noexcept {
  mine_.leave_for(carriers_);
  swapcontext(&inside_, &outside_);
  mine_.arrive_from(carriers_);
}

}  // namespace ringmill::sim::detail

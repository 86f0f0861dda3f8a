#include <ringmill/io/detail/calls.hpp>

#include <system_error>

#include <ringmill/io/detail/linux_calls.hpp>
#include <ringmill/io/ring.hpp>

namespace ringmill::detail {

file_calls& files() noexcept {
  kernel* const behind = ring::current_backend();
  return behind ? behind->files() : linux_files();
}

process_calls& processes() noexcept {
  kernel* const behind = ring::current_backend();
  return behind ? behind->processes() : linux_processes();
}

ipc_calls& ipc() noexcept {
  kernel* const behind = ring::current_backend();
  return behind ? behind->ipc() : linux_ipc();
}

int or_throw(int result, const std::string& what) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what);
  return result;
}

}  // namespace ringmill::detail

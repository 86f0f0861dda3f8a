#include <ringmill/io/signal_dump.hpp>

#include <cerrno>
#include <cstdio>
#include <new>
#include <string>
#include <system_error>

#include <ringmill/io/detail/signal_watch.hpp>
#include <ringmill/runtime/inspect.hpp>

namespace ringmill {

class signal_dump::impl {
 public:
  explicit impl(int signal) : signals_({signal}, [](int) { print(); }) {}
  ~impl() { signals_.take_pending(); }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

 private:
  static void print() noexcept {
    try {
      const std::string tree = dump_tasks();
      std::fprintf(stderr, "ringmill: the tasks of this loop\n%s", tree.c_str());
    } catch (const std::bad_alloc&) {
      std::fprintf(stderr, "ringmill: no memory to list the tasks of this loop\n");
    }
    std::fflush(stderr);
  }
  detail::signal_watch signals_;
};

signal_dump::signal_dump(int signal) {
  if (signal < 1 || signal > SIGRTMAX || signal == SIGKILL || signal == SIGSTOP) {
    throw std::system_error(EINVAL, std::generic_category(), "signal_dump: no program gets this signal");
  }
  impl_ = std::make_unique<impl>(signal);
}
signal_dump::~signal_dump() = default;

}  // namespace ringmill

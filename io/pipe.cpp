#include <ringmill/io/pipe.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace ringmill {

std::pair<pipe_reader, pipe_writer> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) throw std::system_error(errno, std::generic_category(), "pipe");
  return {pipe_reader(fd(ends[0])), pipe_writer(fd(ends[1]))};
}

}  // namespace ringmill

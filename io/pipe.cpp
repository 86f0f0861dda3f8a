#include <ringmill/io/pipe.hpp>

#include <array>

#include <ringmill/io/detail/calls.hpp>

namespace ringmill {

std::pair<pipe_reader, pipe_writer> make_pipe() {
  std::array<int, 2> ends{};
  detail::or_throw(detail::files().pipe(ends.data()), "pipe");
  return {pipe_reader(fd(ends[0])), pipe_writer(fd(ends[1]))};
}

}  // namespace ringmill

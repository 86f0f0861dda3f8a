#include <ringmill/io/run_process.hpp>

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <vector>

#include <ringmill/io/stream.hpp>
#include <ringmill/runtime/finally.hpp>
#include <ringmill/runtime/when_all.hpp>

namespace ringmill {

namespace {

task<> feed(pipe_writer& to, const std::string& text) {
  try {
    co_await to.write_all(text);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::broken_pipe) throw;  // it wanted no more
  }
  to.close();
}

task<> collect(pipe_reader& from, std::string& text, std::size_t most_bytes, const std::string& program) {
  try {
    co_await read_to_end(from, text, most_bytes);
  } catch (const too_long_error&) {
    throw std::length_error("run_process " + program + ": more than " + std::to_string(most_bytes) +
                            " bytes of output");
  }
}

void fill_in(process_options& options, const collect_options& how) {
  if (!options.standard_output()) options.standard_output(redirection::pipe());
  if (!options.standard_error()) options.standard_error(redirection::pipe());
  if (!how.input().empty()) {
    if (options.standard_input()) {
      throw std::invalid_argument("run_process: an input, and a redirection of standard input as well");
    }
    options.standard_input(redirection::pipe());
  } else if (!options.standard_input()) {
    options.standard_input(redirection::null());
  }
}

bool is_pipe(const std::optional<redirection>& where) noexcept {
  return where && where->what() == redirection::kind::pipe;
}

/// Talks to it until it has nothing more to say, and waits for its end.
task<> communicate(process& child, const process_options& options, const collect_options& how,
                   finished_process& result) {
  std::vector<task<>> parts;
  if (is_pipe(options.standard_input())) parts.push_back(feed(child.standard_input(), how.input()));
  if (is_pipe(options.standard_output())) {
    parts.push_back(collect(child.standard_output(), result.output, how.most_bytes(), options.program()));
  }
  if (is_pipe(options.standard_error())) {
    parts.push_back(collect(child.standard_error(), result.error_output, how.most_bytes(), options.program()));
  }
  co_await when_all(std::move(parts));
  result.status = co_await child.wait();
}

}  // namespace

task<finished_process> run_process(process_options options, collect_options how) {
  constexpr duration to_die = std::chrono::seconds(10);  // a process with much memory, after SIGKILL
  const duration to_end = std::min(how.grace(), duration::max() - to_die) + to_die;
  fill_in(options, how);
  finished_process result(exit_status::exited(0));
  process child = process::spawn(options);
  const auto body = [&]() -> task<> { co_await communicate(child, options, how, result); };
  const auto end = [&]() -> task<> { co_await child.terminate(how.grace()); };
  co_await async_finally(body, end, to_end);
  co_return result;
}

}  // namespace ringmill

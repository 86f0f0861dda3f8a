// The first line of main() in a program that has a process pool.
#pragma once

#include <ringmill/runtime/config.hpp>

namespace ringmill {

/// Workers are this program, started again: in such a process this call never returns. In the program itself it only
/// notes that it was made, and checks the table of functions; call it before anything else, above all before threads,
/// descriptors and output. Throws std::logic_error when two functions for workers have the same name.
///
///   int main(int argc, char** argv) {
///     rm::process_init(argc, argv);
///     ...
RINGMILL_API void process_init(int argc, char** argv);

namespace detail {

/// From now on a pool made in this process aborts: a worker that makes workers never ends.
void mark_as_worker() noexcept;
/// Throws std::logic_error, with the line to add, without process_init; aborts in a worker.
RINGMILL_API void require_process_init();

}  // namespace detail
}  // namespace ringmill

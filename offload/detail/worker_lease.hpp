// A worker that belongs to one stream, from the stream's first call on: what that has made there is still in the
// worker when it is called again.
#pragma once

#include <exception>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

class pool_core;
class worker_slot;

/// Lives in the stream's frame, longer than its calls.
class RINGMILL_API worker_lease {
 public:
  explicit worker_lease(pool_core& pool) noexcept;
  /// Kills the worker, unless it was given back: what the stream has left there goes with the process.
  ~worker_lease();
  worker_lease(const worker_lease&) = delete;
  worker_lease& operator=(const worker_lease&) = delete;

  /// The stream has ended, and left nothing there.
  void give_back() noexcept;

 private:
  friend class pool_core;
  pool_core& pool_;
  worker_slot* slot_ = nullptr;  ///< null before the first call has a worker, and when that is no more
  std::exception_ptr loss_;      ///< why it is no more
};

}  // namespace ringmill::detail

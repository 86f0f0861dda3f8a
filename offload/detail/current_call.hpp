// The call that this worker runs, for the functions of offload/in_worker.hpp.
#pragma once

#include <ringmill/offload/channel.hpp>

namespace ringmill::detail {

/// While it lives, the process runs that call.
class current_call {
 public:
  current_call(worker_channel& channel, const request_entry& request) noexcept;
  ~current_call();
  current_call(const current_call&) = delete;
  current_call& operator=(const current_call&) = delete;
};

}  // namespace ringmill::detail

// A file or directory that is open in the simulated kernel.
#pragma once

#include <poll.h>

#include <memory>
#include <utility>

#include <ringmill/io/sim/detail/object.hpp>
#include <ringmill/io/sim/memory_file_system.hpp>

namespace ringmill::sim::detail {

class disk_file final : public object {
 public:
  disk_file(sim_kernel& owner, std::shared_ptr<memory_file_system> disk, memory_file_system::open_ptr opened)
      : object(owner), disk_(std::move(disk)), opened_(std::move(opened)) {}

  /// It never waits.
  unsigned ready() const noexcept override { return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM; }
  /// Linux hands what would wait for the disk to one of several threads.
  bool keeps_order() const noexcept override { return false; }
  int receive(transfer& into) override;
  int send(transfer& from) override;

  open_file& opened() const noexcept { return *opened_; }

 private:
  std::shared_ptr<memory_file_system> disk_;  ///< which has to be there as long as a file of it is open
  memory_file_system::open_ptr opened_;
};

}  // namespace ringmill::sim::detail

// The tasks of a pool that wait for a worker: by priority, and first in, first out within one.
#pragma once

#include <array>
#include <cstddef>

#include <ringmill/offload/pool_task.hpp>

namespace ringmill::detail {

/// Links the tasks themselves: entering, leaving and taking the first are a few steps each.
class task_queue {
 public:
  bool empty() const noexcept { return count_ == 0; }
  std::size_t size() const noexcept { return count_; }
  std::size_t bytes() const noexcept { return bytes_; }

  pool_task* first() const noexcept {
    for (const list& one : lists_) {
      if (one.first) return one.first;
    }
    return nullptr;
  }
  void push_back(pool_task& task) noexcept {
    list& all = entered(task);
    task.next_ = nullptr;
    task.previous_ = all.last;
    (all.last ? all.last->next_ : all.first) = &task;
    all.last = &task;
  }
  /// For one that was out already: it does not wait behind those that came after it.
  void push_front(pool_task& task) noexcept {
    list& all = entered(task);
    task.previous_ = nullptr;
    task.next_ = all.first;
    (all.first ? all.first->previous_ : all.last) = &task;
    all.first = &task;
  }
  void remove(pool_task& task) noexcept {
    list& all = list_of(task);
    (task.previous_ ? task.previous_->next_ : all.first) = task.next_;
    (task.next_ ? task.next_->previous_ : all.last) = task.previous_;
    --count_;
    bytes_ -= task.size_;
  }

 private:
  struct list {
    pool_task* first = nullptr;
    pool_task* last = nullptr;
  };
  list& list_of(const pool_task& task) noexcept { return lists_[static_cast<std::size_t>(task.options_.priority())]; }
  list& entered(pool_task& task) noexcept {
    ++count_;
    bytes_ += task.size_;
    task.state_ = pool_task::state::queued;
    return list_of(task);
  }

  std::array<list, 3> lists_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace ringmill::detail

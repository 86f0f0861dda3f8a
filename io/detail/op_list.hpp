// Operations in a line.
#pragma once

namespace ringmill {
class io_op;
}

namespace ringmill::detail {

/// Intrusive, by links of the operations: each is in one list at most.
class op_list {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  io_op* first() const noexcept { return first_; }
  void append(io_op& op) noexcept;
  void remove(io_op& op) noexcept;

 private:
  io_op* first_ = nullptr;
  io_op* last_ = nullptr;
};

/// The same in no order, in one word.
class op_set {
 public:
  io_op* first() const noexcept { return first_; }
  void add(io_op& op) noexcept;
  void remove(io_op& op) noexcept;

 private:
  io_op* first_ = nullptr;
};

}  // namespace ringmill::detail

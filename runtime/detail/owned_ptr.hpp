// What a class keeps behind a pointer, so that its header need not know it.
//
// std::unique_ptr would do the same, and does where it is part of an interface; but on GCC 12 it brings in <ostream>,
// 6,200 lines after preprocessing on top of what a task needs.
#pragma once

namespace ringmill::detail {

/// Owns an object made by new. Neither copied nor moved. A T that is incomplete in the header wants a destructor of the
/// class around it in the .cpp.
template <class T>
class owned_ptr {
 public:
  /// `object` may be null.
  explicit owned_ptr(T* object) noexcept : object_(object) {}
  owned_ptr(const owned_ptr&) = delete;
  owned_ptr& operator=(const owned_ptr&) = delete;
  ~owned_ptr() {
    static_assert(sizeof(T) != 0, "T is incomplete here: define the destructor of the class around it in a .cpp");
    delete object_;
  }

  explicit operator bool() const noexcept { return object_ != nullptr; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }

 private:
  T* object_;
};

}  // namespace ringmill::detail

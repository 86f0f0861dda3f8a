// Counts objects that are alive: a test ends with as many as it began with.
#pragma once

namespace support {

/// Put one into a coroutine to see whether its frame has been destroyed.
class tracked {
 public:
  explicit tracked(int& alive) : alive_(&alive) { ++*alive_; }
  tracked(const tracked& other) : alive_(other.alive_) { ++*alive_; }
  tracked& operator=(const tracked&) = delete;
  ~tracked() { --*alive_; }

 private:
  int* alive_;
};

}  // namespace support

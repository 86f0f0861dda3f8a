// One fault at one place of the pool's protocol: what the sources of offload/, compiled with RINGMILL_FAULT_POINTS,
// call.
#pragma once

#include <string>

#include "../support/scratch.hpp"

namespace fault {

/// While it lives, the first process that comes to `where` (host, zygote or worker) does `how`: "kill", "stop", "exit",
/// "abort", "throw"; or, at a place of a shortage, "fail". Only the first, and only once: it takes the token, a file,
/// away. With `wait` there is none until `release`: for what is to happen when the pool is already there.
class armed_point {
 public:
  armed_point(const std::string& where, const std::string& how, bool wait = false);
  ~armed_point();
  armed_point(const armed_point&) = delete;
  armed_point& operator=(const armed_point&) = delete;
  void release();
  bool was_hit() const;

 private:
  support::scratch folder_;
};

}  // namespace fault

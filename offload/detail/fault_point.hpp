// Places at which a test may end or starve a process: in the build of tests/fault/offload_*, nowhere else. There the
// test program compiles offload/ itself, with RINGMILL_FAULT_POINTS, and defines the two functions.
#pragma once

#ifdef RINGMILL_FAULT_POINTS

namespace ringmill::detail {
/// May not return, and may throw.
void fault_point(const char* where);
/// True: act as if the call that follows had failed; errno is set.
bool shortage_point(const char* where) noexcept;
}  // namespace ringmill::detail
#define RINGMILL_FAULT_POINT(where) ::ringmill::detail::fault_point(where)
#define RINGMILL_SHORTAGE_POINT(where) ::ringmill::detail::shortage_point(where)

#else

#define RINGMILL_FAULT_POINT(where) static_cast<void>(0)
#define RINGMILL_SHORTAGE_POINT(where) false

#endif

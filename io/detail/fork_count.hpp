// Tells a forked child from its parent, for the price of a load.
#pragma once

namespace ringmill::detail {

/// How often this process was made by fork(2) since the program was started; counted from the first call on.
unsigned fork_count() noexcept;

}  // namespace ringmill::detail

// std::unique_ptr without the rest of <memory>.
//
// On GCC 12 <memory> adds 13,000 lines after preprocessing to what a task needs anyway: shared_ptr, the algorithms of
// ranges, those that run in parallel. The part of libstdc++ with std::unique_ptr, which <thread> includes too, adds
// 6,200.
#pragma once

#include <version>

#if defined(__GLIBCXX__) && __has_include(<bits/unique_ptr.h>)
#include <bits/unique_ptr.h>
#else
#include <memory>
#endif

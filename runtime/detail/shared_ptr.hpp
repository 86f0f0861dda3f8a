// std::shared_ptr without the rest of <memory>.
//
// On GCC 12 <memory> has the algorithms that run in parallel too, which with all that they need are 10,000 lines after
// preprocessing. libstdc++ has std::shared_ptr in a part of its own.
#pragma once

#include <version>

#if defined(__GLIBCXX__) && __has_include(<bits/shared_ptr.h>)
#include <bits/shared_ptr.h>
#else
#include <memory>
#endif

// std::ranges::begin, end and the types of a range, without the rest of <ranges>.
//
// On GCC 12 <ranges> brings in all views, and <algorithm> for them: thousands of lines after preprocessing. The part of
// libstdc++ with what a function needs that takes any range is included by <string_view>, and needs what that includes.
#pragma once

#include <string_view>
#include <version>

#if defined(__GLIBCXX__) && __has_include(<bits/ranges_base.h>)
#include <bits/ranges_base.h>
#else
#include <ranges>
#endif

// std::function and std::reference_wrapper without the rest of <functional>, and a std::invoke.
//
// On GCC 12 <functional> brings in <algorithm>'s searchers, <unordered_map> and <array>: 10,000 lines after
// preprocessing on top of what a task needs anyway. The part of libstdc++ with std::function, which <future> and
// <regex> include too, adds 400.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>
#include <version>

#if defined(__GLIBCXX__) && __has_include(<bits/std_function.h>) && __has_include(<bits/refwrap.h>)
#include <bits/refwrap.h>
#include <bits/std_function.h>
#else
#include <functional>
#endif

namespace ringmill::detail {

/// std::invoke, which is in <functional> only.
template <class Function, class... Args>
constexpr std::invoke_result_t<Function, Args...> invoke(Function&& function, Args&&... args) {
  return std::apply(std::forward<Function>(function), std::forward_as_tuple(std::forward<Args>(args)...));
}

}  // namespace ringmill::detail

// What is seen of a result while it still lies in its worker's memory: pool_call::read_in_place.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringmill/offload/codec.hpp>

namespace ringmill {

namespace detail {

template <class T>
struct result_view_of {
  using type = T;
};
template <>
struct result_view_of<std::string> {
  using type = std::string_view;
};
template <class T>
struct result_view_of<std::vector<T>> {
  using type = std::vector<typename result_view_of<T>::type>;
};
template <block T>
struct result_view_of<std::vector<T>> {
  using type = std::span<const T>;
};
template <class First, class Second>
struct result_view_of<std::pair<First, Second>> {
  using type = std::pair<typename result_view_of<First>::type, typename result_view_of<Second>::type>;
};
template <class... Elements>
struct result_view_of<std::tuple<Elements...>> {
  using type = std::tuple<typename result_view_of<Elements>::type...>;
};
template <class T>
struct result_view_of<std::optional<T>> {
  using type = std::optional<typename result_view_of<T>::type>;
};

/// Whether a T says where the bytes are, or is made of what does. A struct of views is not seen through.
template <class T>
inline constexpr bool shows_bytes = std::is_reference_v<T> || holds_address<T>;
template <class T, std::size_t Size>
inline constexpr bool shows_bytes<std::array<T, Size>> = shows_bytes<T>;
template <class T>
inline constexpr bool shows_bytes<std::vector<T>> = shows_bytes<T>;
template <class First, class Second>
inline constexpr bool shows_bytes<std::pair<First, Second>> = shows_bytes<First> || shows_bytes<Second>;
template <class... Elements>
inline constexpr bool shows_bytes<std::tuple<Elements...>> = (shows_bytes<Elements> || ...);
template <class T>
inline constexpr bool shows_bytes<std::optional<T>> = shows_bytes<T>;

}  // namespace detail

/// A std::string is seen as a std::string_view, a std::vector of trivially copyable elements as a std::span of const
/// ones. Vectors, pairs, tuples and optionals of these are made of their views; whatever else there is in a result is
/// copied out. Only what is copied, and where a view begins and ends, is certain: the bytes behind a view are the
/// worker's to change.
template <class T>
using result_view = typename detail::result_view_of<T>::type;

}  // namespace ringmill

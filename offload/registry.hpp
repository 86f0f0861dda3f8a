// Which functions may be called in a worker, and under which number.
//
// A function is known by a hash of the name of a type that carries it as a template argument. (__PRETTY_FUNCTION__
// gives the same text for overloads and for lambdas.) It registers itself before main() in every program that mentions
// it in `pool.run<&function>`; a worker, which is the same program, looks the number up in its own table: no address
// crosses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include <ringmill/offload/codec.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {

using function_id = std::uint64_t;

/// Where a worker puts the result of a call: into the first of two places if it fits there, else into the second, which
/// may have to be waited for.
class result_writer {
 public:
  using wait_function = void (*)(void* context);
  explicit result_writer(std::span<std::byte> memory) noexcept : small_(memory) {}
  result_writer(std::span<std::byte> small, std::span<std::byte> large, wait_function wait, void* context) noexcept
      : small_(small), large_(large), wait_for_large_(wait), context_(context) {}

  template <class T>
  void put(const T& value) {
    size_ = encoded_size(value);
    if (const std::span<std::byte> memory = place(); !memory.empty()) encode(memory, value);
  }
  /// The bytes that the result takes, written only if they fit somewhere.
  std::size_t size() const noexcept { return size_; }
  bool fits() const noexcept { return size_ <= small_.size() || size_ <= large_.size(); }
  std::span<const std::byte> written() const noexcept {
    return size_ <= small_.size() ? small_.first(size_) : large_.first(size_);
  }

 private:
  std::span<std::byte> place() {
    if (size_ <= small_.size()) return small_;
    if (size_ > large_.size()) return {};
    wait_for_large_(context_);
    return large_;
  }

  std::span<std::byte> small_;
  std::span<std::byte> large_;
  wait_function wait_for_large_ = nullptr;
  void* context_ = nullptr;
  std::size_t size_ = 0;
};

/// Reads the arguments, calls the function, writes its result; throws what the function throws.
using registered_call = void (*)(std::span<const std::byte> arguments, result_writer& result);

/// Before main(), or in dlopen, from static initialisers. `type`: the mangled name of a type that carries the function.
/// A function with linkage may be registered by several modules of the program.
RINGMILL_API bool add_to_registry(const char* name, const char* type, registered_call call) noexcept;
/// Is there a static function, an unnamed namespace or a lambda in the mangled name of a type (Itanium C++ ABI, 5.1)?
/// Two of one name are two functions then. What only looks like it makes nothing worse: two modules may not share it.
RINGMILL_API bool is_of_one_module(std::string_view type) noexcept;
/// The call behind a number, or null.
RINGMILL_API registered_call find_in_registry(function_id id) noexcept;
/// Throws std::logic_error when two different functions have the same number (two of one name, each in an unnamed
/// namespace or static, in two source files).
RINGMILL_API void check_registry();
/// Stands for the whole table and the layout of what is shared: equal in two processes that understand each other.
RINGMILL_API std::uint64_t registry_fingerprint() noexcept;

/// FNV-1a, 64 bits.
constexpr std::uint64_t hash_bytes(std::string_view text, std::uint64_t seed = 0xcbf29ce484222325U) noexcept {
  for (const char character : text) seed = (seed ^ static_cast<unsigned char>(character)) * 0x100000001b3U;
  return seed;
}

template <class Function>
struct signature {
  static_assert(always_false<Function>,
                "pool.run<&function>: the template argument is the address of a plain function");
};
template <class Result, class... Params>
struct signature<Result (*)(Params...)> {
  static_assert(
      !((std::is_lvalue_reference_v<Params> && !std::is_const_v<std::remove_reference_t<Params>>) || ...),
      "a function that runs in a worker cannot take a non-const reference: the caller would not see the change; "
      "return the value instead");
  static_assert(
      !(std::is_pointer_v<std::remove_cvref_t<Params>> || ...),
      "a function that runs in a worker cannot take a pointer, which means nothing in another process: take a "
      "string, a vector, a string_view or a span");
  static_assert(!std::is_pointer_v<Result> && !codec_borrows<std::remove_cvref_t<Result>>,
                "a function that runs in a worker cannot return a pointer or a view: return a string or a vector");
  using result = std::remove_cvref_t<Result>;
  using arguments = std::tuple<std::remove_cvref_t<Params>...>;
};
template <class Result, class... Params>
struct signature<Result (*)(Params...) noexcept> : signature<Result (*)(Params...)> {};

/// Text as a template argument.
template <std::size_t Size>
struct fixed_text {
  // Not explicit: it stands for a literal.
  constexpr fixed_text(const char (&text)[Size]) noexcept {
    for (std::size_t i = 0; i < Size; ++i) characters[i] = text[i];
  }
  char characters[Size] = {};
};

/// A function under another name.
template <fixed_text Name, auto Function>
class function_with_name {
 public:
  static constexpr fixed_text text = Name;
  template <class... Args>
  decltype(auto) operator()(Args&&... args) const {
    return Function(std::forward<Args>(args)...);
  }
};
template <fixed_text Name, auto Function>
struct signature<function_with_name<Name, Function>> : signature<decltype(Function)> {};

template <auto Function>
using signature_of = signature<std::remove_cv_t<decltype(Function)>>;

template <auto Function>
struct carrier {};

template <auto Function>
class registration {
  using types = signature_of<Function>;
  static const char* name() noexcept {
    if constexpr (requires { Function.text; }) return std::remove_cv_t<decltype(Function)>::text.characters;
    return typeid(carrier<Function>).name();
  }

  static void call(std::span<const std::byte> bytes, result_writer& result) {
    auto arguments = decode<typename types::arguments>(bytes);
    if constexpr (std::is_void_v<typename types::result>) {
      std::apply(Function, std::move(arguments));
    } else {
      result.put<typename types::result>(std::apply(Function, std::move(arguments)));
    }
  }

  static inline const bool registered = add_to_registry(name(), typeid(carrier<Function>).name(), &call);

 public:
  /// Looking at `registered` is what makes the program initialise it.
  static function_id id() noexcept {
    static const function_id number = hash_bytes(name());
    static_cast<void>(registered);
    return number;
  }
};

}  // namespace ringmill::detail

namespace ringmill {

/// A function under a name of its own choice: `pool.run<rm::named_function<"checksum", &checksum>>(data)`. Needed where
/// the program has two functions of one name (static ones, or in unnamed namespaces, of two source files).
template <detail::fixed_text Name, auto Function>
inline constexpr detail::function_with_name<Name, Function> named_function = {};

}  // namespace ringmill

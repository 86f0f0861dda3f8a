// Values as bytes: how arguments and results cross between processes of one program.
//
// The bytes are read by the same build on the same machine, so there is no byte order and no version; but they may have
// been written by a process that was taken over. Reading is bounds-checked, reads every length once, and allocates no
// more than the bytes at hand can fill (times sizeof(element) / encoded size, for elements larger than their encoding).
//
// A value is aligned as its type wants it, relative to the first byte, so that spans can be looked at in place.
//
// For a type of your own that is not trivially copyable:
//
//   template <>
//   struct rm::codec<my::point_list> {
//     template <class Sink>
//     static void write(Sink& sink, const my::point_list& value) { rm::write_value(sink, value.points()); }
//     static my::point_list read(rm::byte_reader& in) { return my::point_list(rm::read_value<std::vector<point>>(in));
//     }
//   };
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <ringmill/offload/error.hpp>
#include <ringmill/runtime/config.hpp>
#include <ringmill/runtime/detail/functional.hpp>

namespace ringmill {

/// A sink that only counts: the size comes from the same code as the bytes.
class byte_counter {
 public:
  void align(std::size_t alignment) noexcept { size_ = (size_ + alignment - 1) / alignment * alignment; }
  void bytes(const void*, std::size_t size) noexcept { size_ += size; }
  std::size_t size() const noexcept { return size_; }

 private:
  std::size_t size_ = 0;
};

/// A sink that writes into memory of the caller's. Throws protocol_error when it is full.
class byte_writer {
 public:
  explicit byte_writer(std::span<std::byte> memory) noexcept : memory_(memory) {}

  void align(std::size_t alignment) {
    static constexpr std::byte zeros[64] = {};
    bytes(zeros, (alignment - size_ % alignment) % alignment);
  }
  void bytes(const void* data, std::size_t size) {
    if (size > memory_.size() - size_) throw protocol_error("a value grew while it was written");
    if (size != 0) std::memcpy(memory_.data() + size_, data, size);
    size_ += size;
  }
  std::size_t size() const noexcept { return size_; }

 private:
  std::span<std::byte> memory_;
  std::size_t size_ = 0;
};

/// Reads what a byte_writer wrote. The memory may be shared with a process that changes it meanwhile: what is checked
/// is read once. Throws protocol_error at the end of the bytes.
class byte_reader {
 public:
  explicit byte_reader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  std::size_t remaining() const noexcept { return bytes_.size() - position_; }
  void align(std::size_t alignment) { take((alignment - position_ % alignment) % alignment); }
  /// The next `size` bytes, in place.
  const std::byte* take(std::size_t size) {
    if (size > remaining()) throw protocol_error("a value is cut short");
    const std::byte* here = bytes_.data() + position_;
    position_ += size;
    return here;
  }
  std::uint64_t number() {
    align(alignof(std::uint64_t));
    std::uint64_t value = 0;
    std::memcpy(&value, take(sizeof value), sizeof value);
    asm volatile("" : "+r"(value));  // the compiler must not fetch it again after a check
    return value;
  }
  /// A number of elements, each of which takes at least `element_size` bytes of what remains.
  std::size_t length(std::size_t element_size) { return checked_length(number(), element_size); }
  std::size_t checked_length(std::uint64_t count, std::size_t element_size) const {
    if (count > remaining() / std::max<std::size_t>(element_size, 1))
      throw protocol_error("a length exceeds its bytes");
    return static_cast<std::size_t>(count);
  }
  void expect_end() const {
    if (remaining() != 0) throw protocol_error("bytes are left over after a value");
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

namespace detail {

template <class T>
inline constexpr bool always_false = false;

/// Types that are trivially copyable and yet mean nothing in another process.
template <class T>
inline constexpr bool holds_address = std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>;
template <class T>
inline constexpr bool holds_address<std::reference_wrapper<T>> = true;
template <class Char>
inline constexpr bool holds_address<std::basic_string_view<Char>> = true;
template <class T, std::size_t Size>
inline constexpr bool holds_address<std::span<T, Size>> = true;
template <class T, std::size_t Size>
inline constexpr bool holds_address<std::array<T, Size>> = holds_address<T>;

template <class T>
concept plain = std::is_trivially_copyable_v<T> && std::is_object_v<T> && !holds_address<T> && alignof(T) <= 16;

}  // namespace detail

/// How a T is written and read. `borrows`: what is read points into the bytes, good for an argument, not for a result.
/// `minimum`: the fewest bytes that a T can take. Both may be left out: false and 1.
template <class T>
struct codec {
  static_assert(!std::is_pointer_v<T>,
                "a pointer means nothing in another process: pass the value, a string or a span");
  static_assert(!std::is_reference_v<T>, "a reference means nothing in another process: pass the value");
  static_assert(std::is_pointer_v<T> || std::is_reference_v<T> || detail::always_false<T>,
                "this type cannot cross to a worker: specialise rm::codec for it (offload/codec.hpp)");
};

template <class T>
inline constexpr bool codec_borrows = [] {
  if constexpr (requires { codec<T>::borrows; }) return codec<T>::borrows;
  return false;
}();
template <class T>
inline constexpr std::size_t codec_minimum = [] {
  if constexpr (requires { codec<T>::minimum; }) return std::max<std::size_t>(codec<T>::minimum, 1);
  return std::size_t{1};
}();

template <class T, class Sink>
void write_value(Sink& sink, const T& value) {
  codec<T>::write(sink, value);
}
template <class T>
T read_value(byte_reader& in) {
  return codec<T>::read(in);
}

/// Trivially copyable values, as they lie in memory. What only the type's author can know (an enum's range, a pointer
/// inside a struct) is not checked.
template <detail::plain T>
struct codec<T> {
  static constexpr std::size_t minimum = sizeof(T);
  template <class Sink>
  static void write(Sink& sink, const T& value) {
    sink.align(alignof(T));
    sink.bytes(&value, sizeof value);
  }
  static T read(byte_reader& in) {
    in.align(alignof(T));
    std::array<std::byte, sizeof(T)> copy;
    std::memcpy(copy.data(), in.take(sizeof(T)), sizeof(T));
    return std::bit_cast<T>(copy);
  }
};

/// One byte, 0 or 1: any other value in a bool would be undefined behaviour.
template <>
struct codec<bool> {
  template <class Sink>
  static void write(Sink& sink, const bool& value) {
    const unsigned char byte = value ? 1 : 0;
    sink.bytes(&byte, 1);
  }
  static bool read(byte_reader& in) {
    auto byte = std::to_integer<unsigned>(*in.take(1));
    asm volatile("" : "+r"(byte));
    if (byte > 1) throw protocol_error("a bool is neither 0 nor 1");
    return byte == 1;
  }
};

/// The result of a function that has none: no bytes.
template <>
struct codec<void> {};

namespace detail {

/// Elements that can be copied as one block.
template <class T>
concept block = plain<T> && !std::is_same_v<T, bool>;

template <class Sink>
void write_length(Sink& sink, std::size_t length) {
  codec<std::uint64_t>::write(sink, static_cast<std::uint64_t>(length));
}

/// A length and a block of elements.
template <class T, class Sink>
void write_block(Sink& sink, std::span<const T> elements) {
  write_length(sink, elements.size());
  sink.align(alignof(T));
  sink.bytes(elements.data(), elements.size_bytes());
}
/// In the length of a block that lies in a buffer of the pool: its offset there follows in its stead.
inline constexpr std::uint64_t lies_in_buffer = std::uint64_t{1} << 63;

/// A part of the pool's buffers, as this worker sees them. Throws protocol_error if they do not have it; in other
/// processes they have nothing.
RINGMILL_API std::span<const std::byte> buffer_bytes(std::uint64_t offset, std::uint64_t count,
                                                     std::size_t element_size);

/// A block, or where it lies, if that is in a buffer of the pool that the bytes are for.
template <class T, class Sink>
void write_view(Sink& sink, std::span<const T> elements) {
  if constexpr (requires { sink.place_of(nullptr, 0); }) {
    if (const std::optional<std::uint64_t> offset = sink.place_of(elements.data(), elements.size_bytes())) {
      write_length(sink, elements.size() | lies_in_buffer);
      return codec<std::uint64_t>::write(sink, *offset);
    }
  }
  write_block<T>(sink, elements);
}

template <class T>
std::span<const std::byte> read_block(byte_reader& in) {
  const std::uint64_t said = in.number();
  if ((said & lies_in_buffer) != 0) return buffer_bytes(in.number(), said & ~lies_in_buffer, sizeof(T));
  const std::size_t count = in.checked_length(said, sizeof(T));
  in.align(alignof(T));
  return {in.take(count * sizeof(T)), count * sizeof(T)};
}

}  // namespace detail

template <>
struct codec<std::string> {
  static constexpr std::size_t minimum = sizeof(std::uint64_t);
  template <class Sink>
  static void write(Sink& sink, const std::string& value) {
    detail::write_block<char>(sink, value);
  }
  static std::string read(byte_reader& in) {
    const auto bytes = detail::read_block<char>(in);
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
};

/// As an argument only: it is a view of the shared memory, or of a pool_buffer, valid during the call.
template <>
struct codec<std::string_view> {
  static constexpr bool borrows = true;
  static constexpr std::size_t minimum = sizeof(std::uint64_t);
  template <class Sink>
  static void write(Sink& sink, const std::string_view& value) {
    detail::write_view<char>(sink, value);
  }
  static std::string_view read(byte_reader& in) {
    const auto bytes = detail::read_block<char>(in);
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
};

/// As an argument only, like string_view; of const elements, since what a worker would write is not seen by the caller.
template <detail::block T>
struct codec<std::span<const T>> {
  static constexpr bool borrows = true;
  static constexpr std::size_t minimum = sizeof(std::uint64_t);
  template <class Sink>
  static void write(Sink& sink, const std::span<const T>& value) {
    detail::write_view<T>(sink, value);
  }
  static std::span<const T> read(byte_reader& in) {
    const auto bytes = detail::read_block<T>(in);
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(T) != 0) throw protocol_error("a span is not aligned");
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

template <class T>
struct codec<std::vector<T>> {
  static constexpr bool borrows = codec_borrows<T>;
  static constexpr std::size_t minimum = sizeof(std::uint64_t);
  template <class Sink>
  static void write(Sink& sink, const std::vector<T>& value) {
    if constexpr (detail::block<T>) {
      detail::write_block<T>(sink, value);
    } else {
      detail::write_length(sink, value.size());
      for (const auto& element : value) codec<T>::write(sink, element);
    }
  }
  static std::vector<T> read(byte_reader& in) {
    std::vector<T> value;
    if constexpr (detail::block<T> && std::is_default_constructible_v<T>) {
      const auto bytes = detail::read_block<T>(in);
      if constexpr (std::is_copy_assignable_v<T>) {
        if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(T) == 0) {
          const auto* const elements = reinterpret_cast<const T*>(bytes.data());
          value.assign(elements, elements + bytes.size() / sizeof(T));  // no zeros first: a third less for 1 MiB
          return value;
        }
      }
      value.resize(bytes.size() / sizeof(T));
      if (!bytes.empty()) std::memcpy(value.data(), bytes.data(), bytes.size());
    } else {
      const std::size_t count = in.length(codec_minimum<T>);
      if constexpr (detail::block<T>) in.align(alignof(T));
      value.reserve(std::min(count, in.remaining() / sizeof(T) + 1));
      for (std::size_t index = 0; index < count; ++index) value.push_back(codec<T>::read(in));
    }
    return value;
  }
};

template <class First, class Second>
struct codec<std::pair<First, Second>> {
  static constexpr bool borrows = codec_borrows<First> || codec_borrows<Second>;
  static constexpr std::size_t minimum = codec_minimum<First> + codec_minimum<Second>;
  template <class Sink>
  static void write(Sink& sink, const std::pair<First, Second>& value) {
    codec<First>::write(sink, value.first);
    codec<Second>::write(sink, value.second);
  }
  static std::pair<First, Second> read(byte_reader& in) {
    First first = codec<First>::read(in);
    return {std::move(first), codec<Second>::read(in)};
  }
};

template <class... Elements>
struct codec<std::tuple<Elements...>> {
  static constexpr bool borrows = (codec_borrows<Elements> || ...);
  static constexpr std::size_t minimum = (codec_minimum<Elements> + ... + 0);
  template <class Sink>
  static void write(Sink& sink, const std::tuple<Elements...>& value) {
    std::apply([&](const Elements&... element) { (codec<Elements>::write(sink, element), ...); }, value);
  }
  static std::tuple<Elements...> read([[maybe_unused]] byte_reader& in) {
    return std::tuple<Elements...>{codec<Elements>::read(in)...};  // braces: from left to right
  }
};

template <class T>
struct codec<std::optional<T>> {
  static constexpr bool borrows = codec_borrows<T>;
  template <class Sink>
  static void write(Sink& sink, const std::optional<T>& value) {
    codec<bool>::write(sink, value.has_value());
    if (value) codec<T>::write(sink, *value);
  }
  static std::optional<T> read(byte_reader& in) {
    if (!codec<bool>::read(in)) return std::nullopt;
    return codec<T>::read(in);
  }
};

template <class Key, class Value, class Compare>
struct codec<std::map<Key, Value, Compare>> {
  static constexpr bool borrows = codec_borrows<Key> || codec_borrows<Value>;
  static constexpr std::size_t minimum = sizeof(std::uint64_t);
  template <class Sink>
  static void write(Sink& sink, const std::map<Key, Value, Compare>& value) {
    detail::write_length(sink, value.size());
    for (const auto& [key, mapped] : value) {
      codec<Key>::write(sink, key);
      codec<Value>::write(sink, mapped);
    }
  }
  static std::map<Key, Value, Compare> read(byte_reader& in) {
    std::map<Key, Value, Compare> value;
    const std::size_t count = in.length(codec_minimum<Key> + codec_minimum<Value>);
    for (std::size_t index = 0; index < count; ++index) {
      Key key = codec<Key>::read(in);
      value.insert_or_assign(std::move(key), codec<Value>::read(in));
    }
    return value;
  }
};

/// The number of bytes that `value` takes.
template <class T>
std::size_t encoded_size(const T& value) {
  byte_counter counter;
  codec<T>::write(counter, value);
  return counter.size();
}

/// Writes `value` into `memory`, which has at least encoded_size(value) bytes; gives the number written.
template <class T>
std::size_t encode(std::span<std::byte> memory, const T& value) {
  byte_writer writer(memory);
  codec<T>::write(writer, value);
  return writer.size();
}

/// The value that is all of `bytes`. Throws protocol_error if they are not exactly that.
template <class T>
T decode(std::span<const std::byte> bytes) {
  byte_reader in(bytes);
  T value = codec<T>::read(in);
  in.expect_end();
  return value;
}

}  // namespace ringmill

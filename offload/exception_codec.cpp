#include <ringmill/offload/exception_codec.hpp>

#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>

#include <ringmill/offload/codec.hpp>
#include <ringmill/offload/error.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill::detail {

namespace {

constexpr std::size_t longest_text = 64 * 1024;

/// A type that comes back as itself: made from its text alone.
struct known_type {
  const std::type_info* type;
  std::exception_ptr (*make)(const std::string&);
};

template <class Exception>
constexpr known_type from_text() {
  return {&typeid(Exception), [](const std::string& what) { return std::make_exception_ptr(Exception(what)); }};
}

/// The position is what crosses: both sides are the same program.
const std::array known_types = {
    from_text<std::runtime_error>(),
    from_text<std::logic_error>(),
    from_text<std::invalid_argument>(),
    from_text<std::domain_error>(),
    from_text<std::length_error>(),
    from_text<std::out_of_range>(),
    from_text<std::range_error>(),
    from_text<std::overflow_error>(),
    from_text<std::underflow_error>(),
    from_text<protocol_error>(),
    known_type{&typeid(std::bad_alloc), [](const std::string&) { return std::make_exception_ptr(std::bad_alloc()); }},
    known_type{&typeid(timeout_error),
               [](const std::string& what) { return std::make_exception_ptr(timeout_error(what)); }},
};

enum class form : std::uint32_t { known, system, other };

struct description {
  form how = form::other;
  std::uint32_t number = 0;  ///< index of the known type, or an error code
  bool system_category = false;
  std::string type;
  std::string what;

  template <class Sink>
  void write(Sink& sink) const {
    write_value(sink, static_cast<std::uint32_t>(how));
    write_value(sink, number);
    write_value(sink, system_category);
    write_value(sink, type);
    write_value(sink, what);
  }
};

std::string readable_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                         &std::free);
  return text ? text.get() : type.name();
}

description describe(const std::system_error& error) {
  description about;
  about.how = form::system;
  about.number = static_cast<std::uint32_t>(error.code().value());
  about.system_category = error.code().category() == std::system_category();
  about.what = error.what();
  // The constructor appends the code's message: what is left without it makes the same text again.
  const std::string tail = ": " + error.code().message();
  if (about.what.ends_with(tail)) about.what.resize(about.what.size() - tail.size());
  return about;
}

description describe(const std::exception& error) {
  description about;
  about.what = error.what();
  for (std::size_t index = 0; index < known_types.size(); ++index) {
    if (typeid(error) != *known_types[index].type) continue;
    about.how = form::known;
    about.number = static_cast<std::uint32_t>(index);
    return about;
  }
  about.type = readable_name(typeid(error));
  return about;
}

description describe_current() {
  try {
    throw;
  } catch (const std::system_error& error) {
    const std::error_category& category = error.code().category();
    const bool portable = category == std::generic_category() || category == std::system_category();
    if (portable && typeid(error) == typeid(std::system_error)) return describe(error);
    return describe(static_cast<const std::exception&>(error));
  } catch (const std::exception& error) {
    return describe(error);
  } catch (...) {
    description about;
    const std::type_info* type = abi::__cxa_current_exception_type();
    about.type = type ? readable_name(*type) : "unknown";
    about.what = "an exception of type " + about.type;
    return about;
  }
}

}  // namespace

std::size_t encode_current_exception(std::span<std::byte> memory) noexcept {
  try {
    description about = describe_current();
    about.type.resize(std::min(about.type.size(), std::min(longest_text, memory.size() / 4)));
    about.what.resize(std::min(about.what.size(), std::min(longest_text, memory.size() / 4)));
    byte_writer writer(memory);
    about.write(writer);
    return writer.size();
  } catch (...) {
    return 0;  // out of memory, or no room even for the lengths
  }
}

std::exception_ptr decode_exception(std::span<const std::byte> bytes) {
  if (bytes.empty())
    return std::make_exception_ptr(remote_error("unknown", "an exception that could not be described"));
  byte_reader in(bytes);
  const auto how = static_cast<form>(read_value<std::uint32_t>(in));
  const auto number = read_value<std::uint32_t>(in);
  const bool system_category = read_value<bool>(in);
  auto type = read_value<std::string>(in);
  const auto what = read_value<std::string>(in);
  in.expect_end();
  switch (how) {
    case form::known:
      if (number >= known_types.size()) break;
      return known_types[number].make(what);
    case form::system: {
      const std::error_category& category = system_category ? std::system_category() : std::generic_category();
      return std::make_exception_ptr(std::system_error(static_cast<int>(number), category, what));
    }
    case form::other:
      return std::make_exception_ptr(remote_error(std::move(type), what));
  }
  throw protocol_error("an exception of no known form");
}

}  // namespace ringmill::detail

#include <ringmill/offload/registry.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <cxxabi.h>

#include <ringmill/offload/channel_layout.hpp>

namespace ringmill::detail {

namespace {

struct entry {
  function_id id;
  registered_call call;
  const char* name;
  std::uint64_t type;  ///< a hash of its type's name
  bool has_one_module;

  /// The same function, registered by two modules, each with a copy of `call`.
  bool is_again(const entry& other) const noexcept {
    return call == other.call || (type == other.type && !has_one_module && !other.has_one_module);
  }
};

/// A function-local static: filled by static initialisers of other files, in any order. Never destroyed, since a worker
/// may be asked while its process exits.
std::vector<entry>& entries() {
  static auto* all = new std::vector<entry>();
  return *all;
}

}  // namespace

bool is_of_one_module(std::string_view type) noexcept {
  for (std::size_t at = 0; at + 1 < type.size(); ++at) {
    if (type[at] == 'L' && type[at + 1] >= '0' && type[at + 1] <= '9') return true;
  }
  return type.find("_GLOBAL__N_") != type.npos || type.find("Ul") != type.npos;
}

bool add_to_registry(const char* name, const char* type, registered_call call) noexcept {
  std::vector<entry>& all = entries();
  const entry made{hash_bytes(name), call, name, hash_bytes(type), is_of_one_module(type)};
  const auto place = std::lower_bound(all.begin(), all.end(), made.id,
                                      [](const entry& known, function_id id) { return known.id < id; });
  // The first stays: a module that comes later may go again.
  if (place == all.end() || place->id != made.id || !place->is_again(made)) all.insert(place, made);
  return true;
}

registered_call find_in_registry(function_id id) noexcept {
  const std::vector<entry>& all = entries();
  const auto place = std::lower_bound(all.begin(), all.end(), id,
                                      [](const entry& known, function_id wanted) { return known.id < wanted; });
  return place != all.end() && place->id == id ? place->call : nullptr;
}

void check_registry() {
  const std::vector<entry>& all = entries();
  const auto twice =
      std::adjacent_find(all.begin(), all.end(), [](const entry& a, const entry& b) { return a.id == b.id; });
  if (twice == all.end()) return;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(twice->name, nullptr, nullptr, nullptr),
                                                         &std::free);
  throw std::logic_error(
      std::string("two functions for workers have one name: ") + (text ? text.get() : twice->name) +
      "; rename one (a static function, or one in an unnamed namespace, is not told apart by its file)");
}

std::uint64_t registry_fingerprint() noexcept {
  std::uint64_t hash = hash_bytes("ringmill channel 2");
  const auto mix = [&hash](std::uint64_t number) {
    hash = hash_bytes(std::string_view(reinterpret_cast<const char*>(&number), sizeof number), hash);
  };
  mix(sizeof(request_page));
  mix(sizeof(response_page));
  for (const entry& known : entries()) mix(known.id);
  return hash;
}

}  // namespace ringmill::detail

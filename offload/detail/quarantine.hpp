// Which calls, by function and arguments, have killed workers, and are not run again for a while.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <ringmill/offload/error.hpp>
#include <ringmill/offload/registry.hpp>
#include <ringmill/runtime/driver.hpp>

namespace ringmill::detail {

/// Arguments are known by their hash. Costs nothing while no worker has died: ask for a hash only when it `knows` the
/// function.
class quarantine {
 public:
  /// `length` zero: none.
  explicit quarantine(duration length) noexcept : length_(length) {}

  bool is_on() const noexcept { return length_ > duration::zero(); }
  /// Has a call of this function killed a worker lately?
  bool knows(function_id function) const noexcept;
  /// A call has killed its worker in this way.
  void note(function_id function, std::uint64_t arguments, time_point now, const worker_crashed& death);
  /// The last of the deaths, if such a call is not to be run now.
  std::optional<worker_crashed> refuses(function_id function, std::uint64_t arguments, time_point now);

 private:
  static constexpr unsigned most_deaths = 2;
  static constexpr std::size_t most_entries = 256;  ///< the oldest is forgotten first
  struct entry {
    function_id function;
    std::uint64_t arguments;  ///< their hash
    unsigned deaths;
    time_point until;
    worker_crashed last;
  };
  entry* find(function_id function, std::uint64_t arguments) noexcept;

  duration length_;
  std::vector<entry> entries_;
};

}  // namespace ringmill::detail

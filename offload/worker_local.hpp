// worker_local<T>: what a worker keeps from one task to the next: a parser's tables, a compiled pattern, a large
// buffer.
//
//   rm::worker_local<html_parser> parser;                     // a global, or a static
//
//   std::vector<std::string> links(std::string_view page) {   // runs in workers
//     return parser->links_of(page);
//   }
#pragma once

#include <atomic>

#include <ringmill/runtime/config.hpp>

namespace ringmill::detail {
/// Since offload/sim_workers.hpp was used: several workers are in this process.
RINGMILL_API extern constinit std::atomic<bool> workers_are_simulated;
/// Where the simulated worker that runs now keeps a value; outside of one, the process's own place. `destroy` is called
/// when that worker has ended.
RINGMILL_API void*& simulated_place_of(const void* key, void (*destroy)(void* value));
}  // namespace ringmill::detail

namespace ringmill {

/// A T for each process, made at its first use there: never in the zygote, so that no worker begins with a copy of it,
/// and never destroyed, since a worker has no orderly end. For one thread. A worker that is replaced (it crashed, or
/// was recycled) begins with a new one, so it may hold nothing that has to last.
template <class T>
class worker_local {
 public:
  using maker = T* (*)();
  constexpr worker_local() noexcept : make_([] { return new T(); }) {}
  /// `make` gives a T made with new, where its default constructor is not what is wanted.
  constexpr explicit worker_local(maker make) noexcept : make_(make) {}
  worker_local(const worker_local&) = delete;
  worker_local& operator=(const worker_local&) = delete;

  /// Throws what making the T throws; then the next use tries again.
  T& get() {
    void*& place = detail::workers_are_simulated.load(std::memory_order_relaxed)
                       ? detail::simulated_place_of(this, [](void* value) { delete static_cast<T*>(value); })
                       : value_;
    if (!place) place = make_();
    return *static_cast<T*>(place);
  }
  T& operator*() { return get(); }
  T* operator->() { return &get(); }

 private:
  maker make_;
  void* value_ = nullptr;
};

}  // namespace ringmill

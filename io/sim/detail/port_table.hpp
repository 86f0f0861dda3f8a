// The ports of one host and protocol: who is bound to which.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <ringmill/io/address.hpp>
#include <ringmill/io/sim/random.hpp>

namespace ringmill::sim::detail {

class socket;

class port_table {
 public:
  /// Binds to a port of its own if that of `where` is 0. The port, or -EADDRINUSE.
  int bind(socket& who, const address& where, random_source& random);
  void release(const socket& who) noexcept;
  /// Whom what comes to `where` is for: bound to that very address, else to all; several are those that share it. One
  /// that listens is preferred to none: with `only_listening` the others do not count.
  std::vector<socket*> find(const address& where, bool only_listening) const;

 private:
  struct place {
    address where;
    socket* who;
  };
  static bool conflict(const place& old, socket& who, const address& where);

  std::multimap<std::uint16_t, place> places_;
};

}  // namespace ringmill::sim::detail

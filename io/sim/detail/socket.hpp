// What sockets of all kinds have in common: their options, their names, an error that waits to be told.
#pragma once

#include <sys/stat.h>

#include <map>
#include <utility>
#include <vector>

#include <ringmill/io/sim/detail/object.hpp>

namespace ringmill::sim::detail {

class socket : public object {
 public:
  socket(sim_kernel& owner, int domain, int type) noexcept;

  bool is_socket() const noexcept override { return true; }
  unsigned mode() const noexcept override { return S_IFSOCK | 0777; }
  int set_option(int level, int option, std::span<const std::byte> value) override;
  int get_option(int level, int option, std::span<std::byte> value, socklen_t& length) override;
  int local_name(socket_name& name) const override;
  int peer_name(socket_name& name) const override;

  int domain() const noexcept { return domain_; }
  int type() const noexcept { return type_; }
  bool is_unix() const noexcept override { return domain_ == AF_UNIX; }
  virtual bool is_listening() const noexcept { return false; }
  /// The first integer of an option that was set, or `otherwise`.
  int option_or(int level, int option, int otherwise) const noexcept;
  const socket_name& local() const noexcept { return local_; }
  const socket_name& peer() const noexcept { return peer_; }

 protected:
  void inherit_options(const socket& from) { options_ = from.options_; }
  int bind_ip(const socket_name& where, class port_table& ports);
  /// Chooses a port, and the address that `peer` is reached from, where there are none.
  int bind_for(const address& peer, class port_table& ports);
  int bind_unix(const socket_name& where);
  /// Gives what was bound free again.
  void unbind() noexcept;

  /// What goes wrong outside is told once: a negated errno, or 0.
  int take_error() noexcept { return std::exchange(error_, 0); }
  void set_error(int negated_errno) noexcept { error_ = negated_errno; }
  bool has_error() const noexcept { return error_ != 0; }
  void set_local(const socket_name& name) { local_ = name; }
  void set_peer(const socket_name& name) { peer_ = name; }

 private:
  int domain_;
  int type_;
  int error_ = 0;
  socket_name local_;
  socket_name peer_;
  class port_table* ports_ = nullptr;  ///< that it has a place in
  std::map<std::pair<int, int>, std::vector<std::byte>> options_;
};

}  // namespace ringmill::sim::detail

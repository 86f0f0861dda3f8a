// The simulated kernel: takes submission entries as io_uring does, tries each operation on the object that it is for,
// and answers in any order that the real one may.
//
// Deliberately not here: what objects do (object.hpp and what derives from it), and what is between hosts
// (network.hpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <ringmill/io/kernel.hpp>
#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/event_counter.hpp>
#include <ringmill/io/sim/detail/operation.hpp>
#include <ringmill/io/sim/detail/port_table.hpp>
#include <ringmill/io/sim/detail/sim_files.hpp>
#include <ringmill/io/sim/detail/sim_ipc.hpp>
#include <ringmill/io/sim/detail/sim_processes.hpp>
#include <ringmill/runtime/config.hpp>

namespace ringmill::sim::detail {

class socket;

class RINGMILL_API sim_kernel final : public kernel {
 public:
  /// Numbers of descriptors begin here: one that outlives its kernel, and is closed with close(2), shall hit nothing.
  static constexpr int first_descriptor = 1'000'000'000;

  /// `address`: of its own, beside loopback; may be empty. Without a disk it has one that goes with it.
  sim_kernel(std::shared_ptr<environment> around, std::uint32_t host, std::string address, const ring_options& sizes,
             std::shared_ptr<memory_file_system> disk = nullptr);
  ~sim_kernel() override;

  const ring_arrays& arrays() const noexcept override { return arrays_; }
  time_point now() noexcept override;
  duration wall_clock() noexcept override;
  int random(void* bytes, std::size_t size) override;
  file_calls& files() noexcept override { return files_; }
  process_calls& processes() noexcept override { return processes_; }
  ipc_calls& ipc() noexcept override { return ipc_; }
  int enter(unsigned to_submit, bool wait, std::optional<duration> timeout) override;
  void wake() noexcept override;
  int wake_descriptor() const noexcept override { return first_descriptor; }
  int poll_descriptor() override { return first_descriptor - 1; }
  void clear_poll_descriptor() noexcept override { is_notified_.store(false, std::memory_order_relaxed); }
  bool supports(unsigned opcode) const noexcept override;
  int register_buffer_ring(io_uring_buf_ring* ring, unsigned entries, unsigned group) override;
  int unregister_buffer_ring(unsigned group) noexcept override;

  int socket(int domain, int type, int protocol) override;
  int socket_pair(int domain, int type, int protocol, int* ends) override;
  int bind(int fd, const sockaddr* address, socklen_t length) override;
  int listen(int fd, int backlog) override;
  int connect(int fd, const sockaddr* address, socklen_t length) override;
  int set_option(int fd, int level, int option, const void* value, socklen_t length) override;
  int get_option(int fd, int level, int option, void* value, socklen_t* length) override;
  int local_address(int fd, sockaddr* address, socklen_t* length) override;
  int peer_address(int fd, sockaddr* address, socklen_t* length) override;
  int shutdown(int fd, int how) override;
  int close(int fd) noexcept override;

  // Calls that Linux has and the seam has not yet.

  int pipe(int* ends);
  int event_counter(std::uint64_t start);
  int set_non_blocking(int fd, bool on);
  int send_message(int fd, const msghdr& message, int flags);
  int receive_message(int fd, msghdr& message, int flags);

  // For objects.

  environment& around() const noexcept { return *around_; }
  std::uint32_t host() const noexcept { return host_; }
  std::uint32_t number() const noexcept { return number_; }
  port_table& tcp_ports() noexcept { return tcp_ports_; }
  port_table& udp_ports() noexcept { return udp_ports_; }
  /// Gives a Unix socket a name: a path makes a file, which stays until it is removed.
  int bind_unix(const socket_name& name, class socket& who);
  void unbind_unix(const class socket& who) noexcept;
  /// Who has that name. Null: `error` says why there is nobody.
  class socket* find_unix(const socket_name& name, int& error);
  socket_name next_unix_name();
  bool has_address(const address& where) const;
  address address_towards(const address& peer) const;
  std::shared_ptr<object> object_of(int fd) const noexcept;
  int install(std::shared_ptr<object> what);
  bool is_dead() const noexcept { return is_dead_; }
  /// Operations, and processes that sleep.
  void try_again(const std::vector<std::uint64_t>& waiters);
  std::shared_ptr<futex_word> find_futex(const std::uint32_t* address) const noexcept;
  std::shared_ptr<futex_word> make_futex(const std::uint32_t* address);
  void forget_futex(const std::uint32_t* address) noexcept { futexes_.erase(address); }

  // For processes.

  std::shared_ptr<process> make_process(process* parent, process_setup setup, process::body program) {
    return processes_.make(parent, std::move(setup), std::move(program));
  }
  void child_has_ended(process& dead) { processes_.has_ended(dead); }
  /// It is unparked when `what` has changed.
  void add_sleeper(object& what, process& who);
  duration draw_delay();

  // For the world.

  sim_processes& children() noexcept { return processes_; }
  memory_file_system& disk() noexcept { return files_.disk(); }

  void try_operation(std::uint64_t number);
  /// Would a host be told to call its loop?
  bool is_notified() const noexcept { return is_notified_.load(std::memory_order_relaxed); }
  /// All that it has is gone; connections find themselves reset. Whatever it is asked from here on is cancelled.
  void power_off();
  int descriptors() const noexcept;
  std::size_t operations_in_flight() const noexcept { return operations_.size(); }

 private:
  struct buffer_group {
    io_uring_buf_ring* ring;
    unsigned entries;
    std::uint16_t head;
  };

  // Descriptors.
  bool is_full() const noexcept;

  // Submission and cancel.
  void submit(const io_uring_sqe& entry);
  int find_objects(operation& op);
  void scribble(const operation& op);
  void submit_cancel(const io_uring_sqe& entry, std::uint64_t number);
  std::vector<std::uint64_t> targets_of(const io_uring_sqe& cancel) const;
  void cancel(std::uint64_t user_data, std::uint64_t number, std::uint64_t target);
  void cancel_all(std::uint64_t user_data, std::uint64_t number, const std::vector<std::uint64_t>& targets);
  void forget(std::uint64_t number);
  duration draw_sync_delay();

  // One try: a result, or object::would_block.
  int perform(operation& op, std::uint32_t& flags);
  int receive(operation& op, const iovec* parts, std::size_t count, int message_flags, msghdr* message);
  int receive_into_group(operation& op, std::uint32_t& flags);
  int send(operation& op, const iovec* parts, std::size_t count, int message_flags, const msghdr* message);
  int take_descriptors_of(const msghdr& message, transfer& into) const;
  void give_message(msghdr& message, transfer& from);
  int accept(operation& op);
  int splice(operation& op);
  static int wait_for_futex(operation& op);
  void maybe_break(const operation& op);
  bool wants_not_to_wait(const operation& op) const;
  bool goes_on(const operation& op, int result);

  // Answers.
  void finish(std::uint64_t user_data, std::uint64_t number, std::int32_t result, std::uint32_t flags);
  void finish_later(std::uint64_t user_data, std::uint64_t number, std::int32_t result);
  void flush();
  bool has_completions() const noexcept;
  void take_wakes();

  std::shared_ptr<environment> around_;
  std::uint32_t host_;
  std::uint32_t number_;
  std::string address_;
  sim_files files_;
  sim_processes processes_;
  sim_ipc ipc_;
  bool has_futex_;  ///< else it is older than Linux 6.7
  bool is_dead_ = false;
  duration wall_clock_is_ahead_{};
  bool defers_;  ///< as with IORING_SETUP_DEFER_TASKRUN: completions show when the kernel is entered

  // The arrays.
  ring_arrays arrays_;
  unsigned sq_head_ = 0;
  unsigned sq_tail_ = 0;
  unsigned sq_flags_ = 0;
  unsigned cq_head_ = 0;
  unsigned cq_tail_ = 0;
  std::vector<io_uring_sqe> sqes_;
  std::vector<io_uring_cqe> cqes_;

  port_table tcp_ports_;
  port_table udp_ports_;
  std::map<std::string, class socket*> unix_names_;  ///< of a path: the number of its file
  unsigned unix_names_given_ = 0;
  std::map<unsigned, buffer_group> buffer_groups_;

  std::uint64_t last_number_ = 0;
  std::pmr::unsynchronized_pool_resource memory_;  ///< of these two, which change with each operation
  std::pmr::map<std::uint64_t, operation> operations_{&memory_};
  std::pmr::unordered_multimap<std::uint64_t, std::uint64_t> by_user_data_{&memory_};  ///< only looked up
  std::deque<answer> answers_;                                                         ///< that do not show yet
  std::shared_ptr<detail::event_counter> wake_counter_;
  std::map<std::uint64_t, std::weak_ptr<object>> sleepers_;             ///< processes
  std::unordered_map<const void*, std::weak_ptr<futex_word>> futexes_;  ///< only looked up
  std::vector<std::shared_ptr<object>> descriptors_;
  std::atomic<unsigned> wakes_ = 0;
  std::atomic<bool> is_notified_ = false;
};

}  // namespace ringmill::sim::detail

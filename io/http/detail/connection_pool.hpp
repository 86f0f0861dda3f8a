// The connections of a client: how many there may be for an origin, and which idle ones can be used again.
//
// No background work: an idle connection that is too old is closed when the pool is next used, and the client looks
// then whether the server has closed it, or said something, meanwhile.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ringmill/io/http/parser.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/runtime/detail/chrono.hpp>
#include <ringmill/runtime/driver.hpp>
#include <ringmill/runtime/semaphore.hpp>
#include <ringmill/runtime/task.hpp>

namespace ringmill::http::detail {

/// A connection to a server, with what was received on it and not yet parsed.
class client_connection {
 public:
  client_connection(tcp_stream connected, const parser_limits& limits)
      : stream(std::move(connected)), parser(limits), buffer(buffer_size) {}

  static constexpr std::size_t buffer_size = 16 * 1024;
  tcp_stream stream;
  response_parser parser;
  std::vector<char> buffer;
  std::size_t begin = 0;  ///< of the bytes in `buffer` that wait for the parser
  std::size_t end = 0;
  bool is_reusable = false;  ///< fit for another request: not closed when its lease dies
};

/// Belongs to one loop; must outlive its leases and whoever waits for one.
class connection_pool {
 private:
  struct origin;
  struct idle_connection {
    origin* owner;
    std::unique_ptr<client_connection> connection;
    time_point since;
  };
  using idle_list = std::list<idle_connection>;  // the longest idle first

  struct origin {
    explicit origin(std::size_t connections) : slots(connections) {}
    semaphore slots;
    std::size_t users = 0;
    const std::string* key = nullptr;
    std::vector<idle_list::iterator> idle;  // in the same order
  };

  /// Keeps an origin alive.
  class use {
   public:
    use(connection_pool& pool, origin& used) noexcept : pool_(&pool), origin_(&used) { ++origin_->users; }
    use(use&& other) noexcept : pool_(other.pool_), origin_(std::exchange(other.origin_, nullptr)) {}
    use& operator=(use&&) = delete;
    ~use() {
      if (origin_ && --origin_->users == 0) pool_->forget_if_unused(*origin_);
    }
    connection_pool& pool() const noexcept { return *pool_; }
    origin& used() const noexcept { return *origin_; }

   private:
    connection_pool* pool_;
    origin* origin_;
  };

 public:
  /// One of the connections that an origin may have. When it dies, it closes it, or puts it back if it is reusable.
  class lease {
   public:
    lease(lease&&) noexcept = default;
    lease& operator=(lease&&) = delete;
    ~lease();

    /// Takes an idle connection, in place of what the lease had; null if there is none.
    client_connection* reuse();
    /// A new one takes the place of what the lease had.
    client_connection& adopt(std::unique_ptr<client_connection> connection) noexcept;

   private:
    friend class connection_pool;
    lease(use used, semaphore::permit permit) noexcept : use_(std::move(used)), permit_(std::move(permit)) {}
    use use_;
    semaphore::permit permit_;
    std::unique_ptr<client_connection> connection_;
  };

  connection_pool(std::size_t per_host, std::size_t max_idle, duration idle_timeout) noexcept
      : per_host_(per_host), max_idle_(max_idle), idle_timeout_(idle_timeout) {}
  connection_pool(const connection_pool&) = delete;
  connection_pool& operator=(const connection_pool&) = delete;

  /// Waits until the origin has a place for one more connection.
  task<lease> acquire(std::string origin_key);
  std::size_t idle() const noexcept { return idle_.size(); }

 private:
  void put(origin& owner, std::unique_ptr<client_connection> connection);
  void close_old(time_point now);
  void close_oldest();
  void forget_if_unused(origin& candidate) noexcept;

  std::size_t per_host_;
  std::size_t max_idle_;
  duration idle_timeout_;
  std::unordered_map<std::string, origin> origins_;
  idle_list idle_;
};

}  // namespace ringmill::http::detail

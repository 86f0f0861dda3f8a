#include <ringmill/io/http/detail/connection_pool.hpp>

#include <ringmill/runtime/loop.hpp>

namespace ringmill::http::detail {

task<connection_pool::lease> connection_pool::acquire(std::string origin_key) {
  const auto [where, is_new] = origins_.try_emplace(std::move(origin_key), per_host_);
  origin& wanted = where->second;
  wanted.key = &where->first;
  use used(*this, wanted);
  semaphore::permit permit = co_await wanted.slots.acquire();
  lease taken(std::move(used), std::move(permit));
  co_return taken;
}

connection_pool::lease::~lease() {
  if (!connection_ || !connection_->is_reusable) return;
  try {
    use_.pool().put(use_.used(), std::move(connection_));
  } catch (const std::bad_alloc&) {
    // It is closed instead.
  }
}

client_connection* connection_pool::lease::reuse() {
  connection_pool& pool = use_.pool();
  pool.close_old(loop::current().now());
  auto& idle = use_.used().idle;
  if (idle.empty()) return nullptr;
  const auto youngest = idle.back();
  idle.pop_back();
  connection_ = std::move(youngest->connection);
  pool.idle_.erase(youngest);
  connection_->is_reusable = false;
  return connection_.get();
}

client_connection& connection_pool::lease::adopt(std::unique_ptr<client_connection> connection) noexcept {
  connection_ = std::move(connection);
  return *connection_;
}

void connection_pool::put(origin& owner, std::unique_ptr<client_connection> connection) {
  const time_point now = loop::current().now();
  close_old(now);
  if (max_idle_ == 0) return;
  if (idle_.size() >= max_idle_) close_oldest();
  owner.idle.reserve(owner.idle.size() + 1);
  idle_.push_back(idle_connection{&owner, std::move(connection), now});
  owner.idle.push_back(std::prev(idle_.end()));
}

void connection_pool::close_old(time_point now) {
  while (!idle_.empty() && now - idle_.front().since >= idle_timeout_) close_oldest();
}

void connection_pool::close_oldest() {
  origin& owner = *idle_.front().owner;
  owner.idle.erase(owner.idle.begin());  // the oldest of all is the oldest of its origin
  idle_.pop_front();
  if (owner.users == 0) forget_if_unused(owner);
}

void connection_pool::forget_if_unused(origin& candidate) noexcept {
  if (candidate.users == 0 && candidate.idle.empty()) origins_.erase(*candidate.key);
}

}  // namespace ringmill::http::detail

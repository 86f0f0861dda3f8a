#include <ringmill/offload/detail/shared_buffers.hpp>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/io/ring.hpp>
#include <ringmill/offload/detail/argument_sinks.hpp>
#include <ringmill/offload/detail/fault_point.hpp>

namespace ringmill::detail {

namespace {

fd make_memory(std::size_t size) {
  constexpr std::size_t most = std::size_t{64} << 30;
  if (size > most) throw std::invalid_argument("pool_options::buffer_capacity is at most 64 GiB");
  const int made = RINGMILL_SHORTAGE_POINT("buffers_memfd") ? -errno : ipc().make_memory("ringmill buffers", size);
  return fd(or_throw(made, "memory for the buffers of a process pool"));
}

}  // namespace

shared_buffers::shared_buffers(std::size_t capacity, ring& on)
    : shared_buffers((capacity + unit - 1) / unit * unit, make_memory((capacity + unit - 1) / unit * unit), on) {}

shared_buffers::shared_buffers(std::size_t rounded, fd memory, ring& on)
    : memory_(std::move(memory)),
      mapping_(memory_.number(), rounded, true),
      blocks_(static_cast<block>(rounded / unit)),
      ring_(on) {
  // This mapping stays writable; nobody can make another one that is, or shrink it under a reader (SIGBUS).
  constexpr int seals = F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  or_throw(ipc().seal_memory(memory_.number(), seals), "sealing the buffers of a process pool");
}

shared_buffers::~shared_buffers() {
  RINGMILL_CHECK(waiters_.empty(), "a process_pool was destroyed while tasks wait for its buffers");
}

std::span<std::byte> shared_buffers::take(std::size_t size) noexcept {
  if (size > largest()) return {};
  const std::optional<block> found = blocks_.take(static_cast<block>((size + unit - 1) / unit));
  if (!found) return {};
  return {mapping_.data() + *found * unit, blocks_.size_of(*found) * unit};
}

void shared_buffers::give_back(const std::byte* memory) noexcept {
  let_go(static_cast<block>(static_cast<std::size_t>(memory - mapping_.data()) / unit));
}

void shared_buffers::let_go(block one) noexcept {
  if (blocks_.let_go(one)) serve();
}

void shared_buffers::serve() noexcept {
  while (!waiters_.empty() && buffer_awaiter::grant(static_cast<buffer_awaiter::place&>(*waiters_.front()))) {
    waiters_.wake_front();
  }
}

std::optional<std::uint64_t> shared_buffers::place_of(const void* data, std::size_t size) const noexcept {
  const auto offset = reinterpret_cast<std::uintptr_t>(data) - reinterpret_cast<std::uintptr_t>(mapping_.data());
  if (size == 0 || offset >= capacity()) return std::nullopt;
  const std::optional<block> of = blocks_.block_of(static_cast<block>(offset / unit));
  if (!of || size > (std::size_t{*of} + blocks_.size_of(*of)) * unit - offset) return std::nullopt;
  return offset;
}

std::optional<std::uint64_t> shared_buffers::note(const void* data, std::size_t size) {
  const std::optional<std::uint64_t> offset = place_of(data, size);
  if (!offset) return offset;
  const block of = *blocks_.block_of(static_cast<block>(*offset / unit));
  if (std::find(noted_.begin(), noted_.end(), of) == noted_.end()) noted_.push_back(of);
  return offset;
}

std::optional<std::uint64_t> place_in(shared_buffers* buffers, const void* data, std::size_t size, bool keep) {
  return keep ? buffers->note(data, size) : buffers->place_of(data, size);
}

void buffer_uses::begin(shared_buffers& memory, std::uint32_t sequence) {
  if (memory.noted_.empty()) return;
  uses_.reserve(uses_.size() + memory.noted_.size());
  memory_ = &memory;
  for (const shared_buffers::block one : memory.noted_) {
    memory.blocks_.hold(one);
    if (memory.uses_++ == 0) memory.ring_.work_sent_out();  // who waits for the block is woken when it is let go
    uses_.push_back({sequence, one});
  }
  memory.noted_.clear();
}

void buffer_uses::end(std::uint32_t sequence) noexcept {
  std::erase_if(uses_, [this, sequence](const use& one) {
    if (one.sequence != sequence) return false;
    let_go(one);
    return true;
  });
}

void buffer_uses::clear() noexcept {
  for (const use& one : std::exchange(uses_, {})) let_go(one);
}

void buffer_uses::let_go(const use& one) noexcept {
  if (--memory_->uses_ == 0) memory_->ring_.work_returned();
  memory_->let_go(one.block);
}

}  // namespace ringmill::detail

#include <ringmill/offload/detail/simulated_worker.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/offload/detail/serve_call.hpp>

namespace ringmill::detail {

namespace {

simulated_worker& here() noexcept {
  return *static_cast<simulated_worker*>(sim::detail::process::current()->attachment());
}

template <class Page>
Page& page_in(const sim::detail::memory_object& memory) noexcept {
  return *reinterpret_cast<Page*>(memory.address());
}

}  // namespace

bool stepped_memory::step() {
  simulated_worker& worker = here();
  if (worker.may_throw()) {
    worker.self().step();
  } else {
    worker.self().step_without_throwing();
  }
  return !worker.self().is_dying();
}

void stepped_memory::write(response_entry& shared, const response_entry& value) {
  if (!step()) return;
  shared = value;
  sim::detail::process& self = here().self();
  if (self.around().happens(sim::fault::worker_lie, self.owner().host())) here().distort(shared);
}

void stepped_memory::wait(const word& futex, std::uint32_t expected) {
  if (!step()) return;
  sim::detail::process& self = here().self();
  const auto waited_for = self.owner().make_futex(futex.address());
  if (waited_for->value() == expected) self.wait_for_change(*waited_for);
}

void stepped_memory::wake_host(const word& futex, int doorbell) {
  if (!step()) return;
  if (doorbell >= 0) return here().ring_the_bell();
  if (const auto waited_for = here().self().owner().find_futex(futex.address())) waited_for->wake();
}

void stepped_memory::pause(const word&) { here().self().sleep(std::chrono::microseconds(20)); }

simulated_worker::simulated_worker(sim::detail::process& self, const worker_memory& memory)
    : call_host(last_report_),
      self_(self),
      memory_(memory),
      protocol_(page_in<request_page_of<stepped_memory>>(*memory.requests),
                page_in<response_page_of<stepped_memory>>(*memory.responses), memory.doorbell ? 0 : -1),
      places_(page_in<request_page>(*memory.requests).output_capacity) {
  self_.attach(this);
}

simulated_worker::~simulated_worker() {
  for (const auto& [key, kept] : kept_) {
    if (kept.first) kept.second(kept.first);
  }
  self_.attach(nullptr);
}

int simulated_worker::run(std::uint64_t initializer) {
  try {
    initialize_worker(initializer);
  } catch (const std::exception& error) {
    const std::string text = std::string("ringmill: a worker could not start: ") + error.what() + "\n";
    self_.write(self_.setup().streams[2].get(), std::as_bytes(std::span(text)));
    return 1;
  }
  protocol_.announce_ready();
  for (;;) {
    const request_entry request = protocol_.next();
    request_ = request;
    serve_call(*this, request);
    request_.reset();
  }
}

std::span<const std::byte> simulated_worker::input(const request_entry& request) const noexcept {
  return {memory_.requests->address() + request.input_offset, request.input_length};
}

std::span<std::byte> simulated_worker::memory_at(place where) const noexcept {
  return {memory_.responses->address() + where.offset, where.length};
}
std::span<std::byte> simulated_worker::small_output(const request_entry& request) const noexcept {
  return memory_at(output_places::small(request.sequence));
}
std::span<std::byte> simulated_worker::large_output() const noexcept { return memory_at(places_.large()); }

void simulated_worker::answer(const request_entry& request, response_status status, std::span<const std::byte> payload,
                              std::uint64_t needed, std::uint32_t run_time) {
  place where = output_places::small(request.sequence);
  if (!payload.empty()) where.offset = static_cast<std::uint32_t>(payload.data() - memory_.responses->address());
  where.length = static_cast<std::uint32_t>(payload.size());
  protocol_.answer(request, status, where, needed, run_time);
}

bool simulated_worker::is_asked_to_stop() const noexcept {
  is_quiet_ = true;
  const bool is_asked = protocol_.is_asked_to_stop(*request_);
  is_quiet_ = false;
  return is_asked;
}

void simulated_worker::report_progress(float done) noexcept {
  is_quiet_ = true;
  protocol_.report_progress(*request_, done);
  is_quiet_ = false;
}

std::int64_t simulated_worker::nanoseconds() const noexcept { return self_.around().age().count(); }

std::span<const std::byte> simulated_worker::buffers() const noexcept {
  if (!memory_.buffers) return {};
  return {memory_.buffers->address(), memory_.buffers->size()};
}

void*& simulated_worker::place_of(const void* key, void (*destroy)(void* value)) {
  return kept_.try_emplace(key, nullptr, destroy).first->second.first;
}

/// Each of these is against the rules whatever the host has asked: an answer that may be true is believed.
void simulated_worker::distort(response_entry& entry) {
  sim::random_source& random = self_.around().random;
  const auto other = [&](std::uint32_t than) { return than + 1 + static_cast<std::uint32_t>(random.below(1000)); };
  switch (random.below(7)) {
    case 0:
      entry.sequence = other(entry.sequence);
      break;
    case 1:
      entry.generation = other(entry.generation);
      break;
    case 2:
      entry.status = random.chance(500) ? 0 : 7 + static_cast<std::uint32_t>(random.below(1U << 30));
      break;
    case 3:  // ready once more, or a value before it was ready
      entry.status = static_cast<std::uint32_t>(entry.status == static_cast<std::uint32_t>(response_status::ready)
                                                    ? response_status::value
                                                    : response_status::ready);
      break;
    case 4:
      entry.offset = other(entry.offset);
      break;
    case 5:
      entry.length = other(std::max(places_.large().length, static_cast<std::uint32_t>(small_place)));
      break;
    default:
      entry.status = static_cast<std::uint32_t>(response_status::too_large);
      entry.needed = random.below(places_.large().length);
      break;
  }
}

}  // namespace ringmill::detail

#include <ringmill/offload/detail/simulated_zygote.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <span>
#include <utility>

#include <ringmill/io/sim/detail/shared_memory.hpp>
#include <ringmill/offload/detail/simulated_worker.hpp>
#include <ringmill/offload/program_fingerprint.hpp>

namespace ringmill::detail {

namespace {
constexpr int would_block = sim::detail::object::would_block;
}

void simulated_zygote::run() {
  if (!link_) return;
  zygote_message hello;
  hello.fingerprint = program_fingerprint();
  hello.pid = self_.id();
  tell(hello);
  while (!is_over_) {
    reap();
    zygote_message message;
    objects descriptors;
    if (!receive(message, descriptors)) {
      self_.wait_for_change(*link_);  // or until a child has ended
    } else if (message.kind == message_kind::spawn) {
      spawn(message, descriptors);
    }
  }
  for (const child& each : children_) each.process->signal(SIGKILL);
  while (!children_.empty()) {
    if (self_.take_dead_child()) {
      std::erase_if(children_, [](const child& each) { return each.process->has_ended(); });
    } else {
      self_.park();
    }
  }
}

void simulated_zygote::tell(const zygote_message& message, const objects& descriptors) {
  for (;;) {
    self_.step();
    if (self_.is_dying()) return;
    const iovec part{const_cast<zygote_message*>(&message), sizeof message};
    sim::detail::transfer from(std::span(&part, 1), 0);
    from.descriptors = descriptors;
    const int result = link_->send(from);
    if (result >= 0) return;
    if (result != would_block) {
      is_over_ = true;
      return;
    }
    self_.wait_for_change(*link_);
  }
}

bool simulated_zygote::receive(zygote_message& message, objects& descriptors) {
  self_.step();
  const iovec part{&message, sizeof message};
  sim::detail::transfer into(std::span(&part, 1), 0);
  into.wants_message = true;
  into.most_descriptors = most_descriptors;
  const int result = link_->receive(into);
  if (result == would_block) return false;
  is_over_ = result != static_cast<int>(sizeof message);
  descriptors = std::move(into.descriptors);
  return !is_over_;
}

void simulated_zygote::spawn(const zygote_message& wanted, const objects& descriptors) {
  sim::detail::process_setup setup;
  setup.arguments = {wanted.name[0] != '\0' ? std::string(wanted.name.data()) : std::string("rm-worker")};
  setup.streams[2] = descriptors.at(2);
  worker_memory memory;
  memory.requests = std::static_pointer_cast<sim::detail::memory_object>(descriptors.at(0));
  memory.responses = std::static_pointer_cast<sim::detail::memory_object>(descriptors.at(1));
  std::size_t next = 3;
  if (wanted.has_doorbell != 0) {
    memory.doorbell = std::static_pointer_cast<sim::detail::event_counter>(descriptors.at(next++));
  }
  if (wanted.has_buffers != 0) {
    memory.buffers = std::static_pointer_cast<sim::detail::memory_object>(descriptors.at(next++));
  }
  auto made = self_.fork(std::move(setup), [memory, initializer = wanted.initializer](sim::detail::process& self) {
    return simulated_worker(self, memory).run(initializer);
  });
  zygote_message reply;
  reply.slot = wanted.slot;
  reply.generation = wanted.generation;
  if (!made) {
    reply.kind = message_kind::spawn_failed;
    reply.status = EAGAIN;
    return tell(reply);
  }
  children_.push_back({made, reply.slot, reply.generation});
  reply.kind = message_kind::spawned;
  reply.pid = made->id();
  tell(reply, {made});
}

void simulated_zygote::reap() {
  while (const auto dead = self_.take_dead_child()) {
    const auto found =
        std::find_if(children_.begin(), children_.end(), [&dead](const child& each) { return each.process == dead; });
    zygote_message report;
    report.kind = message_kind::exited;
    report.slot = found->slot;
    report.generation = found->generation;
    report.pid = dead->id();
    report.status = dead->end().wait_status();
    children_.erase(found);
    tell(report);
  }
}

}  // namespace ringmill::detail

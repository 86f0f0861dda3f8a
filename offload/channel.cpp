#include <ringmill/offload/channel.hpp>

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string>
#include <utility>

#include <ringmill/io/detail/calls.hpp>
#include <ringmill/offload/detail/fault_point.hpp>

namespace ringmill::detail {

namespace {

constexpr std::size_t largest_capacity = std::size_t{1} << 30;

fd make_memory(const char* name, std::size_t header, std::size_t capacity) {
  if (capacity > largest_capacity) {
    throw std::invalid_argument("the memory shared with a worker is at most 1 GiB in each direction");
  }
  const int made = RINGMILL_SHORTAGE_POINT("memfd") ? -errno : ipc().make_memory(name, header + capacity);
  return fd(or_throw(made, "make shared memory"));
}

void seal(const fd& memory, int seals) {
  constexpr int always = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  or_throw(ipc().seal_memory(memory.number(), seals | always), "seal shared memory");
}

std::size_t size_of_file(int memory) {
  struct stat about {};
  or_throw(fstat(memory, &about) < 0 ? -errno : 0, "fstat of shared memory");
  return static_cast<std::size_t>(about.st_size);
}

template <class Page>
Page& page_at(const mapping& memory) noexcept {
  return *reinterpret_cast<Page*>(memory.data());
}

/// Tells the processor that this is a loop that waits for memory.
void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

const std::uint32_t* address_of(const shared_memory::word& futex) noexcept {
  return reinterpret_cast<const std::uint32_t*>(&futex);
}

}  // namespace

void violated(const char* what) {
  throw protocol_violation(std::string("a worker wrote an answer that no worker writes: ") + what);
}

void shared_memory::wait(const word& futex, std::uint32_t expected) noexcept {
  syscall(SYS_futex, address_of(futex), FUTEX_WAIT, expected, nullptr, nullptr, 0);
}

void shared_memory::wake(const word& futex) noexcept { ipc().wake(address_of(futex)); }

void shared_memory::wake_host(const word& futex, int doorbell) noexcept {
  if (doorbell < 0) return wake(futex);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(doorbell, &one, sizeof one);
}

void shared_memory::pause(const word&) noexcept {
  constexpr timespec moment{0, 20'000};
  nanosleep(&moment, nullptr);
}

mapping::mapping(int memory, std::size_t size, bool writable) : size_(size) {
  or_throw(RINGMILL_SHORTAGE_POINT("mmap") ? -errno : ipc().map_memory(memory, size, writable, address_),
           "mmap of shared memory");
}

mapping::~mapping() {
  if (address_) ipc().unmap_memory(address_, size_);
}

void mapping::make_writable(std::size_t size) {
  or_throw(ipc().make_writable(address_, size), "mprotect of shared memory");
}

host_channel::host_channel(std::size_t input_capacity, std::size_t output_capacity, std::uint32_t generation)
    : host_channel(input_capacity, output_capacity, generation,
                   make_memory("ringmill requests", page_size, input_capacity),
                   make_memory("ringmill responses", output_places::large_offset, output_capacity)) {}

host_channel::host_channel(std::size_t input_capacity, std::size_t output_capacity, std::uint32_t generation,
                           fd requests, fd responses)
    : request_memory_(std::move(requests)),
      response_memory_(std::move(responses)),
      requests_(request_memory_.number(), page_size + input_capacity, true),
      responses_(response_memory_.number(), output_places::large_offset + output_capacity, false),
      protocol_(page_at<request_page>(requests_), page_at<response_page>(responses_), generation,
                output_places(output_capacity)),
      input_(input_capacity) {
  responses_.make_writable(page_size);  // for `worker_asleep` and for the futex; it writes nothing else there
  // The host's own mapping stays writable; nobody can make another one, or shrink it under the reader (SIGBUS).
  seal(request_memory_, F_SEAL_FUTURE_WRITE);
  seal(response_memory_, 0);
}

void host_channel::forget_descriptors() noexcept {
  request_memory_.reset();
  response_memory_.reset();
}

std::byte* host_channel::reserve(std::size_t argument_bytes) noexcept {
  if (!protocol_.has_room()) return nullptr;
  const std::optional<std::size_t> found = input_.find(argument_bytes);
  if (!found) return nullptr;
  reserved_ = page_size + *found;
  return requests_.data() + reserved_;
}

std::uint32_t host_channel::stage(std::uint64_t function, std::size_t argument_bytes) noexcept {
  input_.take(reserved_ - page_size, argument_bytes);
  return protocol_.stage(function, {static_cast<std::uint32_t>(reserved_), static_cast<std::uint32_t>(argument_bytes)});
}

std::optional<response> host_channel::take() {
  const std::optional<checked_answer> answer = protocol_.take();
  if (!answer) return std::nullopt;
  if (answer->status != response_status::ready) input_.give_back();
  return response{answer->status,
                  answer->sequence,
                  answer->run_time,
                  {responses_.data() + answer->where.offset, answer->where.length},
                  answer->needed};
}

const std::uint32_t* host_channel::futex_word() const noexcept { return address_of(protocol_.futex()); }

worker_channel::worker_channel(int request_memory, int response_memory, int doorbell)
    : requests_(request_memory, size_of_file(request_memory), false),
      responses_(response_memory, size_of_file(response_memory), true),
      protocol_(page_at<const request_page>(requests_), page_at<response_page>(responses_), doorbell) {}

void worker_channel::spin() noexcept {
  constexpr int looks_per_clock_read = 32;
  if (!backoff_.is_due(last_run_, spin_)) return;
  const time_point until = saturating_add(std::chrono::steady_clock::now(), spin_);
  do {
    for (int look = 0; look < looks_per_clock_read; ++look) {
      if (protocol_.has_call()) return backoff_.has_helped();
      relax();
    }
  } while (std::chrono::steady_clock::now() < until);
  backoff_.was_in_vain();
}

std::span<const std::byte> worker_channel::input(const request_entry& request) const noexcept {
  return {requests_.data() + request.input_offset, request.input_length};
}

std::span<std::byte> worker_channel::memory_at(place where) const noexcept {
  return {responses_.data() + where.offset, where.length};
}

std::span<std::byte> worker_channel::small_output(const request_entry& request) const noexcept {
  return memory_at(output_places::small(request.sequence));
}

std::span<std::byte> worker_channel::large_output() const noexcept { return memory_at(protocol_.places().large()); }

void worker_channel::answer(const request_entry& request, response_status status, std::span<const std::byte> payload,
                            std::uint64_t needed, std::uint32_t run_time) noexcept {
  last_run_ = std::chrono::nanoseconds(run_time);
  place where = output_places::small(request.sequence);
  if (!payload.empty()) where.offset = static_cast<std::uint32_t>(payload.data() - responses_.data());
  where.length = static_cast<std::uint32_t>(payload.size());
  protocol_.answer(request, status, where, needed, run_time);
}

}  // namespace ringmill::detail

#include <ringmill/offload/channel.hpp>
#include <ringmill/offload/detail/fault_point.hpp>

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string>
#include <system_error>

namespace ringmill::detail {

namespace {

constexpr std::size_t largest_capacity = std::size_t{1} << 30;
/// Of the large place, in the worker's memory.
constexpr std::size_t output_begin = page_size + ring_entries * small_place;

constexpr std::size_t small_begin(std::uint32_t sequence) noexcept {
  return page_size + sequence % ring_entries * small_place;
}

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

fd make_memory(const char* name, std::size_t size) {
  fd memory(RINGMILL_SHORTAGE_POINT("memfd") ? -1 : memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) fail("memfd_create");
  if (ftruncate(memory.number(), static_cast<off_t>(size)) < 0) fail("ftruncate of shared memory");
  return memory;
}

void seal(const fd& memory, int seals) {
  if (fcntl(memory.number(), F_ADD_SEALS, seals | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
    fail("sealing shared memory");
}

void futex_wake(const std::atomic<std::uint32_t>& word) noexcept {
  syscall(SYS_futex, reinterpret_cast<const std::uint32_t*>(&word), FUTEX_WAKE, 1, nullptr, nullptr, 0);
}
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  syscall(SYS_futex, reinterpret_cast<const std::uint32_t*>(&word), FUTEX_WAIT, expected, nullptr, nullptr, 0);
}

/// From memory that another process may write meanwhile: after this the compiler cannot look there again for the copy.
template <class T>
T copy_once(const T& shared) noexcept {
  T copy;
  std::memcpy(&copy, &shared, sizeof copy);
  asm volatile("" ::: "memory");
  return copy;
}

[[noreturn]] void violated(const char* what) {
  throw protocol_violation(std::string("a worker wrote an answer that no worker writes: ") + what);
}

}  // namespace

mapping::mapping(int memory, std::size_t size, bool writable) : size_(size) {
  address_ = RINGMILL_SHORTAGE_POINT("mmap")
                 ? MAP_FAILED
                 : mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, memory, 0);
  if (address_ == MAP_FAILED) {
    address_ = nullptr;
    fail("mmap of shared memory");
  }
}

mapping::~mapping() {
  if (address_) munmap(address_, size_);
}

host_channel::host_channel(std::size_t input_capacity, std::size_t output_capacity, std::uint32_t generation)
    : output_capacity_(output_capacity), generation_(generation), input_(input_capacity) {
  if (input_capacity > largest_capacity || output_capacity > largest_capacity) {
    throw std::invalid_argument("the memory shared with a worker is at most 1 GiB in each direction");
  }
  request_memory_ = make_memory("ringmill requests", page_size + input_capacity);
  response_memory_ = make_memory("ringmill responses", output_begin + output_capacity);
  requests_ = mapping(request_memory_.number(), page_size + input_capacity, true);
  responses_ = mapping(response_memory_.number(), output_begin + output_capacity, true);
  // The host's own mapping stays writable; nobody can make another one, or shrink it under the reader (SIGBUS).
  seal(request_memory_, F_SEAL_FUTURE_WRITE);
  seal(response_memory_, 0);
  request_page& header = request_header();
  header.generation = generation;
  header.input_capacity = static_cast<std::uint32_t>(input_capacity);
  header.output_capacity = static_cast<std::uint32_t>(output_capacity);
}

void host_channel::forget_descriptors() noexcept {
  request_memory_.reset();
  response_memory_.reset();
}

std::byte* host_channel::reserve(std::size_t argument_bytes) noexcept {
  if (in_flight() == ring_entries) return nullptr;
  const std::optional<std::size_t> place = input_.find(argument_bytes);
  if (!place) return nullptr;
  reserved_ = *place;
  return requests_.data() + page_size + *place;
}

std::uint32_t host_channel::stage(std::uint64_t function, std::size_t argument_bytes) noexcept {
  input_.take(reserved_, argument_bytes);
  request_page& header = request_header();
  const std::uint32_t sequence = requests_posted_ + 1;
  request_entry& entry = header.ring[requests_posted_ % ring_entries];
  entry.sequence = sequence;
  entry.generation = generation_;
  entry.function = function;
  entry.input_offset = static_cast<std::uint32_t>(reserved_);
  entry.input_length = static_cast<std::uint32_t>(argument_bytes);
  RINGMILL_FAULT_POINT("host_request_written");
  header.wish[sequence % ring_entries].store(static_cast<std::uint32_t>(call_wish::run), std::memory_order_relaxed);
  requests_posted_ = sequence;
  return sequence;
}

void host_channel::publish() noexcept {
  request_page& header = request_header();
  header.tail.store(requests_posted_, std::memory_order_seq_cst);
  RINGMILL_FAULT_POINT("host_request_published");
  // Advice of the worker's: if it lies, it is not woken.
  if (response_header().worker_asleep.load(std::memory_order_seq_cst) != 0) futex_wake(header.tail);
}

// The worker says that it begins, then looks at the wish; the host says its wish, then looks whether it has begun. One
// of the two sees the other.
bool host_channel::revoke(std::uint32_t sequence) noexcept {
  request_header().wish[sequence % ring_entries].store(static_cast<std::uint32_t>(call_wish::skip),
                                                       std::memory_order_seq_cst);
  return !has_started(sequence);
}

void host_channel::ask_to_stop(std::uint32_t sequence) noexcept {
  request_header().wish[sequence % ring_entries].store(static_cast<std::uint32_t>(call_wish::stop),
                                                       std::memory_order_relaxed);
}

bool host_channel::was_called_back(std::uint32_t sequence) const noexcept {
  return request_header().wish[sequence % ring_entries].load(std::memory_order_relaxed) !=
         static_cast<std::uint32_t>(call_wish::run);
}

bool host_channel::has_started(std::uint32_t sequence) const noexcept {
  const std::uint32_t started = response_header().started.load(std::memory_order_seq_cst);
  return static_cast<std::int32_t>(started - sequence) >= 0;
}

float host_channel::progress_of(std::uint32_t sequence) const noexcept {
  const std::uint64_t said = response_header().progress.load(std::memory_order_relaxed);
  if (static_cast<std::uint32_t>(said >> 32) != sequence) return -1;
  const float done = std::bit_cast<float>(static_cast<std::uint32_t>(said));
  return done >= 0 && done <= 1 ? done : -1;  // not a number: neither
}

std::optional<response> host_channel::take() {
  response_page& header = response_header();
  // The first answer says that the worker is ready; after it there is one for each request.
  const std::uint32_t owed = requests_posted_ + 1 - responses_taken_;
  const std::uint32_t count = header.tail.load(std::memory_order_acquire) - responses_taken_;
  if (count == 0) return std::nullopt;
  if (count > owed) violated("more answers than requests");

  const response_entry entry = copy_once(header.ring[responses_taken_ % ring_entries]);
  if (entry.generation != generation_) violated("its generation");
  if (entry.sequence != responses_taken_) violated("its sequence number");
  const auto status = static_cast<response_status>(entry.status);
  if (status < response_status::ready || status > response_status::stopped) violated("its status");
  if ((status == response_status::ready) != (entry.sequence == 0)) violated("its status");
  const std::size_t size = entry.offset == output_begin ? output_capacity_ : small_place;
  if (entry.offset != output_begin && entry.offset != small_begin(entry.sequence)) violated("its place in memory");
  if (entry.length > size) violated("its length");
  if (status == response_status::too_large && entry.needed <= output_capacity_) violated("the size that it needs");
  ++responses_taken_;
  RINGMILL_FAULT_POINT("host_answer_taken");
  if (entry.sequence != 0) input_.give_back();
  return response{
      status, entry.sequence, entry.run_time, {responses_.data() + entry.offset, entry.length}, entry.needed};
}

void host_channel::done_reading() noexcept {
  request_header().answers_read.store(responses_taken_, std::memory_order_release);
}

const std::uint32_t* host_channel::futex_word() const noexcept {
  return reinterpret_cast<const std::uint32_t*>(&response_header().tail);
}

namespace {
std::size_t size_of_file(int memory) {
  struct stat about {};
  if (fstat(memory, &about) < 0) fail("fstat of shared memory");
  return static_cast<std::size_t>(about.st_size);
}
}  // namespace

worker_channel::worker_channel(int request_memory, int response_memory, int doorbell)
    : doorbell_(doorbell),
      requests_(request_memory, size_of_file(request_memory), false),
      responses_(response_memory, size_of_file(response_memory), true) {}

request_entry worker_channel::next() {
  const request_page& header = request_header();
  std::atomic<std::uint32_t>& asleep = response_header().worker_asleep;
  while (header.tail.load(std::memory_order_acquire) == requests_taken_) {
    asleep.store(1, std::memory_order_seq_cst);
    if (header.tail.load(std::memory_order_seq_cst) == requests_taken_) futex_wait(header.tail, requests_taken_);
    asleep.store(0, std::memory_order_relaxed);
  }
  return header.ring[requests_taken_++ % ring_entries];
}

std::span<const std::byte> worker_channel::input(const request_entry& request) const noexcept {
  return {requests_.data() + page_size + request.input_offset, request.input_length};
}

bool worker_channel::begin(const request_entry& request) noexcept {
  response_header().started.store(request.sequence, std::memory_order_seq_cst);
  return request_header().wish[request.sequence % ring_entries].load(std::memory_order_seq_cst) !=
         static_cast<std::uint32_t>(call_wish::skip);
}

bool worker_channel::is_asked_to_stop(const request_entry& request) const noexcept {
  return request_header().wish[request.sequence % ring_entries].load(std::memory_order_relaxed) ==
         static_cast<std::uint32_t>(call_wish::stop);
}

void worker_channel::report_progress(const request_entry& request, float done) noexcept {
  const std::uint64_t said = std::uint64_t{request.sequence} << 32 | std::bit_cast<std::uint32_t>(done);
  response_header().progress.store(said, std::memory_order_relaxed);
  wake_host();
}

std::span<std::byte> worker_channel::small_output(const request_entry& request) const noexcept {
  return {responses_.data() + small_begin(request.sequence), small_place};
}

std::span<std::byte> worker_channel::large_output() const noexcept {
  return {responses_.data() + output_begin, request_header().output_capacity};
}

void worker_channel::wait_for_large_output(const request_entry& request) const noexcept {
  // Rare: it takes a result of more than small_place just behind another one that the host has not looked at.
  constexpr timespec moment{0, 20'000};
  while (request_header().answers_read.load(std::memory_order_acquire) != request.sequence) {
    nanosleep(&moment, nullptr);
  }
}

void worker_channel::answer(const request_entry& request, response_status status, std::span<const std::byte> payload,
                            std::uint64_t needed, std::uint32_t run_time) {
  const std::size_t offset =
      payload.empty() ? small_begin(request.sequence) : static_cast<std::size_t>(payload.data() - responses_.data());
  publish({request.sequence, request.generation, static_cast<std::uint32_t>(status), static_cast<std::uint32_t>(offset),
           static_cast<std::uint32_t>(payload.size()), run_time, needed});
}

void worker_channel::announce_ready() {
  publish({0, request_header().generation, static_cast<std::uint32_t>(response_status::ready),
           static_cast<std::uint32_t>(small_begin(0)), 0, 0, 0});
}

void worker_channel::publish(const response_entry& entry) {
  response_page& header = response_header();
  RINGMILL_FAULT_POINT("answer_made");
  header.ring[responses_posted_ % ring_entries] = entry;
  RINGMILL_FAULT_POINT("answer_written");
  header.tail.store(++responses_posted_, std::memory_order_seq_cst);
  RINGMILL_FAULT_POINT("answer_published");
  wake_host();
}

void worker_channel::wake_host() noexcept {
  if (request_header().host_asleep.load(std::memory_order_seq_cst) == 0) return;
  if (doorbell_ < 0) {
    futex_wake(response_header().tail);
  } else {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(doorbell_, &one, sizeof one);
  }
}

}  // namespace ringmill::detail

#include <ringmill/offload/channel.hpp>

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>

namespace ringmill::detail {

namespace {

constexpr std::size_t largest_capacity = std::size_t{1} << 30;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

fd make_memory(const char* name, std::size_t size) {
  fd memory(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
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
  address_ = mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, memory, 0);
  if (address_ == MAP_FAILED) {
    address_ = nullptr;
    fail("mmap of shared memory");
  }
}

mapping::~mapping() {
  if (address_) munmap(address_, size_);
}

host_channel::host_channel(std::size_t input_capacity, std::size_t output_capacity, std::uint32_t generation)
    : input_capacity_(input_capacity), output_capacity_(output_capacity), generation_(generation) {
  if (input_capacity > largest_capacity || output_capacity > largest_capacity) {
    throw std::invalid_argument("the memory shared with a worker is at most 1 GiB in each direction");
  }
  request_memory_ = make_memory("ringmill requests", page_size + input_capacity);
  response_memory_ = make_memory("ringmill responses", page_size + output_capacity);
  requests_ = mapping(request_memory_.number(), page_size + input_capacity, true);
  responses_ = mapping(response_memory_.number(), page_size + output_capacity, true);
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

void host_channel::post(std::uint64_t function, std::size_t argument_bytes) {
  request_page& header = request_header();
  request_entry& entry = header.ring[requests_posted_ % ring_entries];
  entry.sequence = ++requests_posted_;
  entry.generation = generation_;
  entry.function = function;
  entry.input_offset = 0;
  entry.input_length = static_cast<std::uint32_t>(argument_bytes);
  entry.output_offset = 0;
  entry.output_capacity = static_cast<std::uint32_t>(output_capacity_);
  header.tail.store(requests_posted_, std::memory_order_seq_cst);
  // Advice of the worker's: if it lies, it is not woken.
  if (response_header().worker_asleep.load(std::memory_order_seq_cst) != 0) futex_wake(header.tail);
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
  if (status < response_status::ready || status > response_status::too_large) violated("its status");
  if ((status == response_status::ready) != (entry.sequence == 0)) violated("its status");
  if (entry.offset > output_capacity_ || entry.length > output_capacity_ - entry.offset)
    violated("its place in memory");
  if (status == response_status::too_large && entry.needed <= output_capacity_) violated("the size that it needs");
  ++responses_taken_;
  return response{status, {responses_.data() + page_size + entry.offset, entry.length}, entry.needed};
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

std::span<std::byte> worker_channel::output(const request_entry& request) const noexcept {
  return {responses_.data() + page_size + request.output_offset, request.output_capacity};
}

void worker_channel::answer(const request_entry& request, response_status status, std::size_t length,
                            std::uint64_t needed) {
  publish({request.sequence, request.generation, static_cast<std::uint32_t>(status), request.output_offset,
           static_cast<std::uint32_t>(length), 0, needed});
}

void worker_channel::announce_ready() {
  publish({0, request_header().generation, static_cast<std::uint32_t>(response_status::ready), 0, 0, 0, 0});
}

void worker_channel::publish(const response_entry& entry) {
  response_page& header = response_header();
  header.ring[responses_posted_ % ring_entries] = entry;
  header.tail.store(++responses_posted_, std::memory_order_seq_cst);
  if (request_header().host_asleep.load(std::memory_order_seq_cst) == 0) return;
  if (doorbell_ < 0) {
    futex_wake(header.tail);
  } else {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(doorbell_, &one, sizeof one);
  }
}

}  // namespace ringmill::detail

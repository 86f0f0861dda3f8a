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
#include <utility>

namespace ringmill::detail {

namespace {

constexpr std::size_t largest_capacity = std::size_t{1} << 30;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

/// A page of header and an arena.
fd make_memory(const char* name, std::size_t capacity) {
  if (capacity > largest_capacity) {
    throw std::invalid_argument("the memory shared with a worker is at most 1 GiB in each direction");
  }
  fd memory(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) fail("memfd_create");
  if (ftruncate(memory.number(), static_cast<off_t>(page_size + capacity)) < 0) fail("ftruncate of shared memory");
  return memory;
}

void seal(const fd& memory, int seals) {
  if (fcntl(memory.number(), F_ADD_SEALS, seals | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
    fail("sealing shared memory");
}

std::size_t size_of_file(int memory) {
  struct stat about {};
  if (fstat(memory, &about) < 0) fail("fstat of shared memory");
  return static_cast<std::size_t>(about.st_size);
}

template <class Page>
Page& page_at(const mapping& memory) noexcept {
  return *reinterpret_cast<Page*>(memory.data());
}

}  // namespace

void violated(const char* what) {
  throw protocol_violation(std::string("a worker wrote an answer that no worker writes: ") + what);
}

void shared_memory::wait(const word& futex, std::uint32_t expected) noexcept {
  syscall(SYS_futex, reinterpret_cast<const std::uint32_t*>(&futex), FUTEX_WAIT, expected, nullptr, nullptr, 0);
}

void shared_memory::wake(const word& futex) noexcept {
  syscall(SYS_futex, reinterpret_cast<const std::uint32_t*>(&futex), FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

void shared_memory::wake_host(const word& futex, int doorbell) noexcept {
  if (doorbell < 0) return wake(futex);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(doorbell, &one, sizeof one);
}

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
    : host_channel(input_capacity, output_capacity, generation, make_memory("ringmill requests", input_capacity),
                   make_memory("ringmill responses", output_capacity)) {}

host_channel::host_channel(std::size_t input_capacity, std::size_t output_capacity, std::uint32_t generation,
                           fd requests, fd responses)
    : input_capacity_(input_capacity),
      output_capacity_(output_capacity),
      request_memory_(std::move(requests)),
      response_memory_(std::move(responses)),
      requests_(request_memory_.number(), page_size + input_capacity, true),
      responses_(response_memory_.number(), page_size + output_capacity, false),
      protocol_(page_at<request_page>(requests_), page_at<const response_page>(responses_), generation) {
  // The host's own mapping stays writable; nobody can make another one, or shrink it under the reader (SIGBUS).
  seal(request_memory_, F_SEAL_FUTURE_WRITE);
  seal(response_memory_, 0);
}

void host_channel::forget_descriptors() noexcept {
  request_memory_.reset();
  response_memory_.reset();
}

std::uint32_t host_channel::add(const call& what) {
  const auto lies_within = [](const place& piece, std::size_t capacity) {
    return piece.offset <= capacity && piece.length <= capacity - piece.offset;
  };
  RINGMILL_CHECK(lies_within(what.input, input_capacity_) && lies_within(what.output, output_capacity_),
                 "a call's places lie outside of the memory shared with its worker");
  return protocol_.add(what);
}

void host_channel::post(std::uint64_t function, std::size_t argument_bytes) {
  add({function, {0, static_cast<std::uint32_t>(argument_bytes)}, {0, static_cast<std::uint32_t>(output_capacity_)}});
  publish();
}

std::optional<response> host_channel::take() {
  const std::optional<checked_answer> answer = protocol_.take();
  if (!answer) return std::nullopt;
  return response{answer->sequence,
                  answer->status,
                  {responses_.data() + page_size + answer->where.offset, answer->where.length},
                  answer->needed};
}

const std::uint32_t* host_channel::futex_word() const noexcept {
  return reinterpret_cast<const std::uint32_t*>(&protocol_.futex());
}

worker_channel::worker_channel(int request_memory, int response_memory, int doorbell)
    : requests_(request_memory, size_of_file(request_memory), false),
      responses_(response_memory, size_of_file(response_memory), true),
      protocol_(page_at<const request_page>(requests_), page_at<response_page>(responses_), doorbell) {}

std::span<const std::byte> worker_channel::input(const request_entry& request) const noexcept {
  return {requests_.data() + page_size + request.input_offset, request.input_length};
}

std::span<std::byte> worker_channel::output(const request_entry& request) const noexcept {
  return {responses_.data() + page_size + request.output_offset, request.output_capacity};
}

}  // namespace ringmill::detail

#include <ringmill/io/sim/detail/pipe.hpp>

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace ringmill::sim::detail {

pipe_reader_end::pipe_reader_end(sim_kernel& owner, std::shared_ptr<pipe_buffer> between)
    : object(owner), between_(std::move(between)) {
  between_->reader = this;
}

pipe_reader_end::~pipe_reader_end() {
  between_->reader = nullptr;
  if (between_->writer) between_->writer->other_changed();
}

unsigned pipe_reader_end::ready() const noexcept {
  return (between_->bytes.empty() ? 0U : POLLIN) | (between_->writer ? 0U : POLLHUP);
}

int pipe_reader_end::receive(transfer& into) {
  std::deque<std::byte>& bytes = between_->bytes;
  if (into.size() == 0) return 0;
  if (bytes.empty()) return between_->writer ? would_block : 0;
  const std::size_t count = std::min(bytes.size(), into.size());
  into.put(0, std::vector<std::byte>(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count)));
  take_out(count);
  return static_cast<int>(count);
}

void pipe_reader_end::take_out(std::size_t count) {
  const auto begin = between_->bytes.begin();
  between_->bytes.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
  if (between_->writer) between_->writer->other_changed();
}

pipe_writer_end::pipe_writer_end(sim_kernel& owner, std::shared_ptr<pipe_buffer> between)
    : object(owner), between_(std::move(between)) {
  between_->writer = this;
}

pipe_writer_end::~pipe_writer_end() {
  between_->writer = nullptr;
  if (between_->reader) between_->reader->other_changed();
}

unsigned pipe_writer_end::ready() const noexcept {
  const bool has_room = between_->capacity - between_->bytes.size() >= pipe_buffer::atomic_size;
  return (has_room || !between_->reader ? POLLOUT : 0U) | (between_->reader ? 0U : POLLERR);
}

int pipe_writer_end::send(transfer& from) {
  if (!between_->reader) return -EPIPE;
  if (from.size() == 0) return 0;
  const std::size_t room = between_->capacity - between_->bytes.size();
  // What is small goes whole or not at all.
  if (room == 0 || (from.size() <= pipe_buffer::atomic_size && room < from.size())) return would_block;
  const std::vector<std::byte> bytes = from.get(std::min(room, from.size()));
  put_in(bytes);
  return static_cast<int>(bytes.size());
}

void pipe_writer_end::put_in(std::span<const std::byte> bytes) {
  between_->bytes.insert(between_->bytes.end(), bytes.begin(), bytes.end());
  between_->reader->other_changed();
}

std::pair<std::shared_ptr<object>, std::shared_ptr<object>> make_pipe(sim_kernel& owner) {
  const auto between = std::make_shared<pipe_buffer>();
  auto reader = std::make_shared<pipe_reader_end>(owner, between);
  auto writer = std::make_shared<pipe_writer_end>(owner, between);
  return {std::move(reader), std::move(writer)};
}

}  // namespace ringmill::sim::detail

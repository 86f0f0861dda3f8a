// pipe(7): two ends with 64 KiB between them.
#pragma once

#include <sys/stat.h>

#include <cerrno>
#include <deque>
#include <memory>
#include <utility>

#include <ringmill/io/sim/detail/object.hpp>

namespace ringmill::sim::detail {

class pipe_reader_end;
class pipe_writer_end;

/// What is between the ends. An end that has gone is null.
class pipe_buffer {
 public:
  static constexpr std::size_t atomic_size = 4096;  ///< PIPE_BUF
  std::size_t capacity = 65536;
  std::deque<std::byte> bytes;
  pipe_reader_end* reader = nullptr;
  pipe_writer_end* writer = nullptr;
};

class pipe_reader_end final : public object {
 public:
  pipe_reader_end(sim_kernel& owner, std::shared_ptr<pipe_buffer> between);
  ~pipe_reader_end() override;
  unsigned mode() const noexcept override { return S_IFIFO | 0600; }
  unsigned ready() const noexcept override;
  int receive(transfer& into) override;
  int send(transfer&) override { return -EBADF; }
  bool may_be_short(std::size_t) const noexcept override { return true; }
  void take_out(std::size_t count);
  pipe_buffer& between() noexcept { return *between_; }
  void other_changed() { changed(); }

 private:
  std::shared_ptr<pipe_buffer> between_;
};

class pipe_writer_end final : public object {
 public:
  pipe_writer_end(sim_kernel& owner, std::shared_ptr<pipe_buffer> between);
  ~pipe_writer_end() override;
  unsigned mode() const noexcept override { return S_IFIFO | 0600; }
  unsigned ready() const noexcept override;
  int send(transfer& from) override;
  int receive(transfer&) override { return -EBADF; }
  bool may_be_short(std::size_t size) const noexcept override { return size > pipe_buffer::atomic_size; }
  void put_in(std::span<const std::byte> bytes);
  pipe_buffer& between() noexcept { return *between_; }
  void other_changed() { changed(); }

 private:
  std::shared_ptr<pipe_buffer> between_;
};

/// The end to read from, and the one to write to.
std::pair<std::shared_ptr<object>, std::shared_ptr<object>> make_pipe(sim_kernel& owner);

}  // namespace ringmill::sim::detail

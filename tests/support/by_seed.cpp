#include "by_seed.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <ringmill/io/ring.hpp>
#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>
#include <ringmill/io/sim/options.hpp>
#include <ringmill/io/sim/random.hpp>
#include <ringmill/runtime/testing.hpp>

#include "failing_memory.hpp"
#include "forwarding_kernel.hpp"

namespace support {

namespace {

namespace rm = ringmill;
namespace sim = ringmill::sim;

/// A test that takes longer will never end.
constexpr std::uint64_t most_turns = 3'000'000;

/// What ringmill hides from its users. A connection that breaks, or a read of fewer bytes, is none of that, nor an
/// operation that takes 100 ms: tests have limits of time.
constexpr std::array unnoticed = {
    sim::fault::multishot_end, sim::fault::interrupted_enter, sim::fault::busy_enter, sim::fault::partial_submit,
    sim::fault::missed_cancel, sim::fault::late_cancel,       sim::fault::no_buffer,
};

sim::options world_of(std::uint64_t seed, harm what) {
  sim::options drawn = sim::options::swarm(seed);
  drawn.stream_capacity(sim::options().stream_capacity());  // there are tests that send megabytes
  if (what != harm::none) return drawn;
  sim::options made;
  for (const sim::fault kind : unnoticed) made.fault(kind, drawn.rate(kind));
  return made.completion_delay(drawn.completion_delay()).sync_delay(drawn.sync_delay()).ring(drawn.ring());
}

/// How many times something happens before the harm is done: few as often as many.
long draw_moment(sim::random_source& random) {
  return static_cast<long>(random.below(std::uint64_t{1} << random.between(1, 10)));
}

/// Memory fails above the seam, not below it.
class files_with_memory final : public rm::file_calls {
 public:
  explicit files_with_memory(rm::file_calls& behind) noexcept : behind_(behind) {}
  int pipe(int* ends) override {
    return paused([&] { return behind_.pipe(ends); });
  }
  int pipe_capacity(int pipe, int wanted) override {
    return paused([&] { return behind_.pipe_capacity(pipe, wanted); });
  }
  int open(int directory, const char* path, int flags) override {
    return paused([&] { return behind_.open(directory, path, flags); });
  }
  int unlink(int directory, const char* path, int flags) override {
    return paused([&] { return behind_.unlink(directory, path, flags); });
  }
  int read_directory(int directory, void* entries, std::size_t size) override {
    return paused([&] { return behind_.read_directory(directory, entries, size); });
  }
  int status(const char* path, int flags, struct ::statx& found) override {
    return paused([&] { return behind_.status(path, flags, found); });
  }
  int truncate(int fd, std::int64_t size) override {
    return paused([&] { return behind_.truncate(fd, size); });
  }
  int write_at_once(int fd, const void* data, std::size_t size) override {
    return paused([&] { return behind_.write_at_once(fd, data, size); });
  }
  int set_mode(int fd, unsigned mode) override {
    return paused([&] { return behind_.set_mode(fd, mode); });
  }
  int set_mode(const char* path, unsigned mode) override {
    return paused([&] { return behind_.set_mode(path, mode); });
  }
  int make_watch() override {
    return paused([&] { return behind_.make_watch(); });
  }
  int add_watch(int fd, const char* path, std::uint32_t events) override {
    return paused([&] { return behind_.add_watch(fd, path, events); });
  }
  int remove_watch(int fd, int watch) override {
    return paused([&] { return behind_.remove_watch(fd, watch); });
  }

 private:
  template <class Call>
  static int paused(Call call) {
    const failing_memory::pause here;
    return call();
  }

  rm::file_calls& behind_;
};

class kernel_with_memory final : public forwarding_kernel {
 public:
  explicit kernel_with_memory(std::unique_ptr<rm::kernel> behind) noexcept
      : forwarding_kernel(std::move(behind)), files_(forwarding_kernel::files()) {}
  rm::file_calls& files() noexcept override { return files_; }
  int enter(unsigned to_submit, bool wait, std::optional<rm::duration> timeout) override {
    const failing_memory::pause here;
    return forwarding_kernel::enter(to_submit, wait, timeout);
  }
  rm::time_point now() noexcept override {
    const failing_memory::pause here;
    return forwarding_kernel::now();
  }
  rm::duration wall_clock() noexcept override {
    const failing_memory::pause here;
    return forwarding_kernel::wall_clock();
  }
  int random(void* bytes, std::size_t size) override {
    const failing_memory::pause here;
    return forwarding_kernel::random(bytes, size);
  }
  int socket(int domain, int type, int protocol) override {
    const failing_memory::pause here;
    return forwarding_kernel::socket(domain, type, protocol);
  }
  int socket_pair(int domain, int type, int protocol, int* ends) override {
    const failing_memory::pause here;
    return forwarding_kernel::socket_pair(domain, type, protocol, ends);
  }
  int bind(int fd, const sockaddr* address, socklen_t length) override {
    const failing_memory::pause here;
    return forwarding_kernel::bind(fd, address, length);
  }
  int listen(int fd, int backlog) override {
    const failing_memory::pause here;
    return forwarding_kernel::listen(fd, backlog);
  }
  int connect(int fd, const sockaddr* address, socklen_t length) override {
    const failing_memory::pause here;
    return forwarding_kernel::connect(fd, address, length);
  }
  int set_option(int fd, int level, int option, const void* value, socklen_t length) override {
    const failing_memory::pause here;
    return forwarding_kernel::set_option(fd, level, option, value, length);
  }
  int get_option(int fd, int level, int option, void* value, socklen_t* length) override {
    const failing_memory::pause here;
    return forwarding_kernel::get_option(fd, level, option, value, length);
  }
  int local_address(int fd, sockaddr* address, socklen_t* length) override {
    const failing_memory::pause here;
    return forwarding_kernel::local_address(fd, address, length);
  }
  int peer_address(int fd, sockaddr* address, socklen_t* length) override {
    const failing_memory::pause here;
    return forwarding_kernel::peer_address(fd, address, length);
  }
  int shutdown(int fd, int how) override {
    const failing_memory::pause here;
    return forwarding_kernel::shutdown(fd, how);
  }
  int close(int fd) noexcept override {
    const failing_memory::pause here;
    return forwarding_kernel::close(fd);
  }
  int register_buffer_ring(io_uring_buf_ring* ring, unsigned entries, unsigned group) override {
    const failing_memory::pause here;
    return forwarding_kernel::register_buffer_ring(ring, entries, group);
  }

 private:
  files_with_memory files_;
};

}  // namespace

class seeded_case::state {
 public:
  state(std::uint64_t seed, harm what_is_done)
      : random(sim::detail::mix(seed)), what(what_is_done), world(world_of(seed, what_is_done)) {}

  sim::random_source random;
  harm what;
  bool harm_is_over = false;
  bool was_cancelled = false;
  sim::options world;
  std::uint64_t runs = 0;
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
};

seeded_case::seeded_case(std::uint64_t seed, harm what) : state_(new state(seed, what)) { current_ = this; }
seeded_case::~seeded_case() { current_ = nullptr; }

void seeded_case::not_by_seeds() {
  if (current_) throw not_simulated();
}
void seeded_case::without_harm() {
  if (!current_) return;
  if (current_->state_->was_cancelled) throw already_harmed();
  current_->state_->harm_is_over = true;
  failing_memory::is_on = false;
}
std::size_t seeded_case::draw(std::size_t count) noexcept { return state_->random.below(count); }
harm seeded_case::what() const noexcept { return state_->what; }
bool seeded_case::was_used() const noexcept { return state_->runs > 0; }
std::uint64_t seeded_case::hash() const noexcept { return state_->hash; }
std::uint64_t seeded_case::events() const noexcept { return state_->events; }

/// Between the loop and its ring: knows when nothing is ready, and cancels.
class seeded_loop::parts final : public rm::testing::watched_driver {
 public:
  parts(seeded_case::state& around, const rm::ring_options& sizes, bool is_exact)
      : case_(around),
        is_exact_(is_exact),
        world_(make_world(around, sizes)),
        ring_(std::make_unique<kernel_with_memory>(
            std::make_unique<sim::detail::sim_kernel>(world_, 0, std::string(), world_->settings.ring()))),
        scope_(ring_) {
    ++case_.runs;
    case_.was_cancelled = false;
    turns_until_cancel_ = case_.what == harm::cancel ? draw_moment(case_.random) : -1;
    if (case_.what == harm::no_memory && !case_.harm_is_over) {
      failing_memory::left = draw_moment(case_.random);
      failing_memory::for_ever = case_.random.chance(200);
      failing_memory::spares_doctest = true;
      failing_memory::is_on = true;
    }
  }
  ~parts() override {
    loop.reset();
    failing_memory::is_on = false;
    case_.events += world_->events() + world_->lines.count() + resumed;
    case_.hash = sim::detail::mix(case_.hash ^ world_->lines.hash() ^ resumed);
  }

  rm::time_point now() noexcept override { return is_exact_ ? exact_now_ : ring_.now(); }
  std::uint64_t random() override { return ring_.random(); }
  void poll() override {
    if (!cancels_now()) ring_.poll();
  }
  void wait(std::optional<rm::time_point> deadline) override {
    if (cancels_now() || wake_watchers()) return;
    ring_.wait(deadline);
    if (is_exact_ && deadline && *deadline > exact_now_ && ring_.now() >= *deadline) exact_now_ = *deadline;
  }
  bool can_wake() const noexcept override { return watched_driver::can_wake() || ring_.can_wake(); }
  void wake() noexcept override { ring_.wake(); }

  std::optional<rm::loop> loop;
  std::uint64_t resumed = 0;

 private:
  static std::shared_ptr<sim::detail::environment> make_world(seeded_case::state& around,
                                                              const rm::ring_options& sizes) {
    const failing_memory::pause here;
    sim::options how = around.world;
    const rm::ring_options usual;
    const bool asks_for_a_size =
        sizes.entries() != usual.entries() || sizes.completion_entries() != usual.completion_entries();
    if (asks_for_a_size) how.ring(sizes);
    return std::make_shared<sim::detail::environment>(around.random(), how);
  }

  /// Once a turn.
  bool cancels_now() {
    if (++turns_ > most_turns) {
      std::fputs("a test case takes turns for ever\n", stderr);
      std::abort();
    }
    if (case_.harm_is_over || turns_until_cancel_ < 0 || turns_until_cancel_-- > 0) return false;
    case_.was_cancelled = true;
    loop->cancel_root();
    return true;
  }

  seeded_case::state& case_;
  bool is_exact_;
  rm::time_point exact_now_{};
  std::shared_ptr<sim::detail::environment> world_;
  rm::ring ring_;
  rm::ring_scope scope_;
  long turns_until_cancel_;
  std::uint64_t turns_ = 0;
};

seeded_loop::seeded_loop() : parts_(new parts(*seeded_case::current()->state_, rm::ring_options(), true)) {
  parts_->loop.emplace(*parts_);
}
seeded_loop::seeded_loop(const rm::ring_options& sizes)
    : parts_(new parts(*seeded_case::current()->state_, sizes, false)) {
  parts_->loop.emplace(*parts_);
}
seeded_loop::~seeded_loop() {
  failing_memory::is_on = false;
  parts_->resumed = parts_->loop->statistics().resumed;
}
rm::loop& seeded_loop::loop() noexcept { return *parts_->loop; }

}  // namespace support

#include <ringmill/io/sim/detail/machine.hpp>

#include <algorithm>
#include <utility>

#include <ringmill/io/sim/detail/disk.hpp>
#include <ringmill/io/sim/detail/world_state.hpp>

namespace ringmill::sim::detail {

machine::running::running(std::unique_ptr<ringmill::kernel> behind, sim_kernel& plain)
    : kernel(&plain), ring(std::move(behind)), loop(ring) {}

/// A task of one host may start something on another one: so there may be a ring and a loop already, in a turn.
class machine::presence {
 public:
  explicit presence(running& here)
      : before_(std::exchange(ringmill::detail::this_thread, {})), ring_(here.ring), loop_(here.loop) {}
  ~presence() {
    loop_.reset();
    ringmill::detail::this_thread = before_;
  }
  presence(const presence&) = delete;
  presence& operator=(const presence&) = delete;

 private:
  class attached {
   public:
    explicit attached(loop& here) { attachment_.emplace(here); }
    void reset() { attachment_.reset(); }

   private:
    std::optional<loop::attachment> attachment_;
  };

  ringmill::detail::thread_state before_;
  ring_scope ring_;
  attached loop_;
};

machine::machine(world_state& around, std::uint32_t number, std::string name, std::string address)
    : around_(around),
      number_(number),
      name_(std::move(name)),
      address_(std::move(address)),
      face_(*this),
      disk_(make_disk(around.around(), number)) {}

machine::~machine() {
  if (up_) go_down();
}

void machine::boot() {
  environment& around = *around_.around();
  auto plain = std::make_unique<sim_kernel>(around_.around(), number_, address_, around.settings.ring(), disk_);
  sim_kernel& kernel = *plain;
  up_ = std::make_unique<running>(around_.wrap(std::move(plain)), kernel);
  kernel.children().when_killed([this] { ask_to_crash(); });
  const presence here(*up_);
  up_->ring.poll_fd();  // it is driven as a host's own loop would
  note_deadline();
}

void machine::go_down() {
  {
    const presence here(*up_);
    up_->loop.shutdown();
  }
  up_.reset();
}

void machine::begin(task<> program, bool is_main) {
  if (around_.is_ending()) return;
  if (is_main) around_.main_began();
  if (is_dying_ || shall_crash_) {
    to_begin_.emplace_back(std::move(program), is_main);
    return;
  }
  try {
    if (!up_) boot();
    detach(std::move(program), is_main);
  } catch (...) {
    if (is_main) around_.main_ended();
    throw;
  }
}

void machine::detach(task<> program, bool is_main) {
  const presence here(*up_);
  task<> supervised = supervise(std::move(program), is_main);  // here, where its frame finds memory
  up_->loop.detach([](task<> given) { return given; }, std::move(supervised));
  note_deadline();
}

namespace {

class main_count {
 public:
  main_count(world_state& around, bool counts) noexcept : around_(around), counts_(counts) {}
  ~main_count() {
    if (counts_) around_.main_ended();
  }
  main_count(const main_count&) = delete;
  main_count& operator=(const main_count&) = delete;

 private:
  world_state& around_;
  bool counts_;
};

}  // namespace

task<> machine::supervise(task<> program, bool is_main) {
  const main_count one(around_, is_main);
  try {
    auto until_cut = up_->programs.run(std::move(program));
    co_await std::move(until_cut);
  } catch (...) {
    if (!is_dying_) around_.fail_with(std::current_exception(), name_);
  }
}

void machine::crash() {
  shall_crash_ = false;
  is_dying_ = true;
  around_.around()->record(number_, trace::kind::crash, 0);
  up_->kernel->power_off();
  crash_disk(*disk_, *around_.around());
  cancel_all();
}

/// What was started since the last crash waits for the tasks of before to end, and is lost without a beginning, as on a
/// machine that crashes while it boots.
void machine::crash_again() {
  ask_to_crash();
  for (const auto& [program, is_main] : std::exchange(to_begin_, {})) {
    if (is_main) around_.main_ended();
  }
}

void machine::cancel_all() {
  if (!up_) return;
  const presence here(*up_);
  up_->programs.cancel(cancel_reason("its simulated host goes down"));
  note_deadline();
}

void machine::signal(int number) {
  if (is_up() && !up_->kernel->children().raise(number)) ask_to_crash();
}

bool machine::has_work() {
  if (!up_ || stalled_until_ > around_.around()->now()) return false;
  if (has_ended() || up_->kernel->is_notified() || up_->ring.has_unsubmitted()) return true;
  return deadline_ && *deadline_ <= around_.around()->now();
}

std::optional<time_point> machine::next_time() {
  if (!up_) return std::nullopt;
  std::optional<time_point> next = deadline_;
  if (has_ended() || up_->kernel->is_notified() || up_->ring.has_unsubmitted()) next = time_point();
  if (next) next = std::max(*next, stalled_until_);
  return next;
}

void machine::turn() {
  {
    const presence here(*up_);
    const frame_faults::turn frames(around_.frames(), number_);
    try {
      up_->loop.run_once(time_point::min());
    } catch (...) {
      note_deadline();
      throw;
    }
    note_deadline();
  }
  if (!has_ended()) return;
  go_down();
  is_dying_ = false;
  if (around_.is_ending()) to_begin_.clear();
  for (auto& [program, is_main] : std::exchange(to_begin_, {})) {
    if (!up_) boot();
    detach(std::move(program), is_main);
  }
}

std::string machine::tasks() {
  if (!up_) return {};
  const presence here(*up_);
  return up_->loop.dump_tasks() + up_->kernel->children().text();
}

}  // namespace ringmill::sim::detail

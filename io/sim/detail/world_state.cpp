#include <ringmill/io/sim/detail/world_state.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include <ringmill/io/sim/detail/socket_name.hpp>
#include <ringmill/runtime/async_stack.hpp>
#include <ringmill/runtime/log.hpp>

namespace ringmill::sim::detail {

namespace {

constexpr duration cost_of_a_turn = std::chrono::nanoseconds(300);
constexpr duration patience_at_the_end = std::chrono::minutes(5);

std::string in_seconds(duration length) { return std::to_string(std::chrono::duration<double>(length).count()) + " s"; }

}  // namespace

world_state::world_state(std::uint64_t seed, const options& how)
    : seed_(seed),
      around_(std::make_shared<environment>(seed, how)),
      frames_(*around_),
      random_of_programs_(mix(seed ^ 0x70726f6772616dU)),
      face_(*this) {}

world_state::~world_state() = default;

report world_state::run(const std::function<void(world&)>& program) {
  try {
    program(face_);
  } catch (...) {
    fail("the program could not be started: " + describe_error(std::current_exception()), std::current_exception());
  }
  run_until_over();
  const report found = summary();  // what comes now is no part of the run
  const std::string text = has_failed_ ? text_of_failure() : std::string();
  const bool had_failed = has_failed_;
  wind_down();
  if (had_failed) throw failure(text, found, cause_);
  if (has_failed_) throw failure(text_of_failure(), found, cause_);
  return found;
}

machine& world_state::find_or_make(const std::string& name, std::string_view wanted) {
  const auto found = std::find_if(machines_.begin(), machines_.end(),
                                  [&](const std::unique_ptr<machine>& each) { return each->name() == name; });
  if (found != machines_.end()) return **found;
  const auto number = static_cast<std::uint32_t>(machines_.size());
  const std::string text = wanted.empty() ? "10.0.0." + std::to_string(number + 1) : std::string(wanted);
  const std::optional<address> parsed = address::parse(text, 0);
  if (!parsed || is_loopback(*parsed) || is_unspecified(*parsed)) {
    throw std::invalid_argument("sim::world::host: no address for a host: " + text);
  }
  for (const auto& each : machines_) {
    if (each->address() == parsed->host()) {
      throw std::invalid_argument("sim::world::host: " + text + " is the address of " + each->name());
    }
  }
  around_->lines.name_host(number, name);
  machines_.push_back(std::make_unique<machine>(*this, number, name, parsed->host()));
  return *machines_.back();
}

void world_state::run_until_over() {
  while (mains_ > 0 && !has_failed_) {
    if (!step()) {
      return fail(
          "deadlock: every task waits for another one, and no timer, operation or packet is left to wake any\n" +
          all_tasks());
    }
    const options& limits = around_->settings;
    if (around_->age() - around_->jumped() > limits.time_limit()) {
      return fail("it has not ended within " + in_seconds(limits.time_limit()) + " of virtual time\n" + all_tasks());
    }
    if (turns_ > limits.turn_limit()) {
      return fail("it has not ended within " + std::to_string(limits.turn_limit()) + " turns\n" + all_tasks());
    }
  }
}

bool world_state::step() {
  for (const auto& each : machines_) {
    if (each->shall_crash()) each->crash();
  }
  ready_.clear();
  for (const auto& each : machines_) {
    if (each->has_work()) ready_.push_back(each.get());
  }
  if (ready_.empty()) return let_time_pass();
  machine& chosen = *ready_[around_->random.below(ready_.size())];
  if (around_->happens(fault::stalled_host, chosen.number())) {
    chosen.stall_until(around_->now() + std::chrono::milliseconds(around_->random.between(1, 200)));
    return true;
  }
  if (around_->happens(fault::clock_jump, chosen.number())) {
    chosen.stall_until(around_->now() + around_->draw_jump());
    return true;
  }
  ++turns_;
  around_->pass(cost_of_a_turn);
  try {
    chosen.turn();
  } catch (...) {
    fail_with(std::current_exception(), chosen.name());
  }
  return true;
}

bool world_state::let_time_pass() {
  std::optional<time_point> next = around_->next_event();
  for (const auto& each : machines_) {
    const std::optional<time_point> wanted = each->next_time();
    if (wanted && (!next || *wanted < *next)) next = wanted;
  }
  if (!next) return false;
  around_->advance_to(*next);
  return true;
}

/// Everything ends, in peace.
void world_state::wind_down() {
  is_ending_ = true;
  around_->faults.stop();
  around_->net.heal_all();
  for (const auto& each : machines_) each->cancel_all();
  const time_point limit = around_->now() + patience_at_the_end;
  const auto has_tasks = [](const std::unique_ptr<machine>& each) { return each->has_tasks(); };
  while (std::any_of(machines_.begin(), machines_.end(), has_tasks)) {
    if (step() && around_->now() <= limit) continue;
    fail("tasks refuse to end after they were cancelled\n" + all_tasks());
    log(log_level::error, failure_);
    break;
  }
  machines_.clear();
}

void world_state::fail_with(std::exception_ptr why, const std::string& where) {
  fail("on host " + where + ": " + describe_error(why), why);
}

/// The first one counts.
void world_state::fail(const std::string& how, std::exception_ptr why) {
  if (std::exchange(has_failed_, true)) return;
  failure_ = how;
  cause_ = std::move(why);
}

std::string world_state::all_tasks() {
  std::string text;
  for (const auto& each : machines_) text += "host " + each->name() + ":\n" + each->tasks();
  return text;
}

report world_state::summary() const {
  report made;
  made.hash = around_->lines.hash();
  made.events = around_->events();
  made.operations = around_->lines.count();
  made.turns = turns_;
  made.length = around_->age();
  made.faults = around_->faults.taken();
  if (around_->settings.keeps_whole_trace()) made.trace = around_->lines.text();
  return made;
}

std::string world_state::text_of_failure() const {
  std::string faults;
  for (const fault_number& each : around_->faults.taken()) {
    faults += ' ' + std::string(name_of(each.kind)) + '#' + std::to_string(each.index);
    if (faults.size() > 400) {
      faults += " ...";
      break;
    }
  }
  return failure_ + "\nseed " + std::to_string(seed_) + ", after " + in_seconds(around_->age()) + " and " +
         std::to_string(turns_) + " turns (a sweep runs it alone with RINGMILL_SIM_SEED=" + std::to_string(seed_) +
         ")\noptions: " + around_->settings.to_string() + "\nfaults:" + (faults.empty() ? " none" : faults) +
         "\nthe last that happened:\n" + around_->lines.text();
}

}  // namespace ringmill::sim::detail

#include "model_checker.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace model {

namespace {

/// Ends a run of a thread at its first new operation.
class new_operation {};
class failure {
 public:
  std::string what;
};

constexpr std::size_t most_states = 20'000'000;
constexpr std::size_t most_steps = 2'000;

checker* present = nullptr;

number mix(number hash, number value) noexcept {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 29);
}

bool releases(std::memory_order order) noexcept {
  return order == std::memory_order_release || order == std::memory_order_seq_cst;
}
bool acquires(std::memory_order order) noexcept {
  return order == std::memory_order_acquire || order == std::memory_order_seq_cst;
}

const char* name_of(kind what) noexcept {
  constexpr const char* names[] = {"load", "store", "wait", "wake", "pause", "ring", "wait for bell", "read", "write"};
  return names[static_cast<int>(what)];
}

}  // namespace

void expect(bool condition, const char* what) {
  if (!condition) throw failure{what};
}

checker::checker() { present = this; }
checker::~checker() { present = nullptr; }
checker& checker::current() {
  if (!present) throw std::logic_error("a word or cell of the model was used without a checker");
  return *present;
}

std::size_t checker::add_word(number initial) {
  initial_words_.push_back(initial);
  return initial_words_.size() - 1;
}
std::size_t checker::add_cell() { return cells_++; }

const contents& checker::perform(const operation& what) {
  if (position_ < replayed_->size()) return (*replayed_)[position_++];
  pending_ = what;
  throw new_operation();
}

verdict checker::run(thread_function first, thread_function second) {
  functions_ = {std::move(first), std::move(second)};
  state begin;
  for (const number value : initial_words_) begin.words.push_back({value, {}});
  begin.cells.resize(cells_);
  try {
    for (std::size_t thread : {0U, 1U}) {
      begin.threads[thread].knows[thread] = 1;
      advance(begin, thread);
    }
    explore(begin);
  } catch (const failure& wrong) {
    verdict_.failure = wrong.what + trace();
  }
  verdict_.states = seen_.size();
  return verdict_;
}

void checker::explore(const state& from) {
  if (!seen_.insert(hash(from)).second) return;
  if (seen_.size() > most_states || path_.size() > most_steps)
    throw failure{"the scenario is too large, or has no end"};
  bool can_move = false;
  for (std::size_t thread : {0U, 1U}) {
    const thread_state& who = from.threads[thread];
    if (!who.buffer.empty()) {
      can_move = true;
      path_.push_back({thread, true, {kind::store, who.buffer[0].where, who.buffer[0].what.value}});
      state next = from;
      flush_one(next, thread);
      explore(next);
      path_.pop_back();
    }
    if (can_run(from, thread)) {
      can_move = true;
      path_.push_back({thread, false, who.next});
      state next = from;
      execute(next, thread);
      explore(next);
      path_.pop_back();
    }
  }
  if (can_move) return;
  if (!from.threads[0].has_ended || !from.threads[1].has_ended) throw failure{"a wake-up was lost: nobody can go on"};
  ++verdict_.ends;
}

/// Runs the thread again, up to its next operation on a word. Those on cells are done on the way: whether the other
/// thread comes between makes no difference, or is a failure.
void checker::advance(state& now, std::size_t thread) {
  thread_state& who = now.threads[thread];
  for (;;) {
    replayed_ = &who.results;
    position_ = 0;
    try {
      functions_[thread]();
      who.has_ended = true;
      return;
    } catch (const new_operation&) {
      who.next = pending_;
    }
    if (who.next.what != kind::read && who.next.what != kind::write) return;
    touch(now, thread, who.next);
  }
}

bool checker::can_run(const state& now, std::size_t thread) const {
  const thread_state& who = now.threads[thread];
  if (who.has_ended || who.is_asleep) return false;
  switch (who.next.what) {
    case kind::pause:
      return now.words[who.next.where].value != who.next.value;
    case kind::wait_for_bell:
      return now.words[who.next.where].value != 0;
    default:
      return true;
  }
}

void checker::execute(state& now, std::size_t thread) {
  thread_state& who = now.threads[thread];
  thread_state& other = now.threads[1 - thread];
  const operation what = who.next;
  contents result{};
  switch (what.what) {
    case kind::load: {
      const word_state* source = &now.words[what.where];
      for (const buffered_store& own : who.buffer) {
        if (own.where == what.where) source = &own.what;
      }
      result[0] = source->value;
      if (acquires(what.order)) {
        for (std::size_t of : {0U, 1U}) who.knows[of] = std::max(who.knows[of], source->released[of]);
      }
      break;
    }
    case kind::store:
      who.buffer.push_back({what.where, {what.value, releases(what.order) ? who.knows : clock{}}});
      if (releases(what.order)) ++who.knows[thread];
      if (what.order == std::memory_order_seq_cst) flush_all(now, thread);
      break;
    case kind::wait:
      flush_all(now, thread);
      if (now.words[what.where].value == what.value) {
        who.is_asleep = true;
        return;  // the result comes with the wake
      }
      break;
    case kind::wake:
      flush_all(now, thread);
      if (other.is_asleep && other.next.where == what.where) {
        other.is_asleep = false;
        give(other, {});
        advance(now, 1 - thread);
      }
      break;
    case kind::ring:
      flush_all(now, thread);
      ++now.words[what.where].value;
      break;
    case kind::wait_for_bell:
      flush_all(now, thread);
      now.words[what.where].value = 0;
      break;
    default:
      break;
  }
  give(who, result);
  advance(now, thread);
}

void checker::touch(state& now, std::size_t thread, const operation& what) {
  thread_state& who = now.threads[thread];
  cell_state& cell = now.cells[what.where];
  const std::size_t other = 1 - thread;
  const bool saw_write = cell.written[other] <= who.knows[other];
  const bool saw_read = cell.read[other] <= who.knows[other];
  if (what.what == kind::read) {
    if (!saw_write) throw failure{"an entry is read while it is written: it may be torn"};
    cell.read[thread] = who.knows[thread];
    give(who, cell.data);
  } else {
    if (!saw_write) throw failure{"an entry is written by both at a time"};
    if (!saw_read) throw failure{"an entry is overwritten before it was read"};
    cell.written[thread] = who.knows[thread];
    cell.data = what.data;
    give(who, {});
  }
}

void checker::flush_one(state& now, std::size_t thread) {
  std::vector<buffered_store>& buffer = now.threads[thread].buffer;
  now.words[buffer.front().where] = buffer.front().what;
  buffer.erase(buffer.begin());
}
void checker::flush_all(state& now, std::size_t thread) {
  while (!now.threads[thread].buffer.empty()) flush_one(now, thread);
}

void checker::give(thread_state& to, const contents& result) {
  to.results.push_back(result);
  for (const number part : result) to.results_hash = mix(to.results_hash, part + 1);
}

std::array<number, 2> checker::hash(const state& now) {
  std::array<number, 2> all{1, 2};
  const auto add = [&](number value) {
    all[0] = mix(all[0], value);
    all[1] = mix(all[1] + 0x632be59bd9b4e019U, value);
  };
  const auto add_clock = [&](const clock& times) {
    for (const number time : times) add(time);
  };
  for (const thread_state& who : now.threads) {
    add(who.results_hash);
    add(who.results.size() * 4 + (who.is_asleep ? 2 : 0) + (who.has_ended ? 1 : 0));
    add_clock(who.knows);
    add(who.buffer.size());
    for (const buffered_store& one : who.buffer) {
      add(one.where);
      add(one.what.value);
      add_clock(one.what.released);
    }
  }
  for (const word_state& one : now.words) {
    add(one.value);
    add_clock(one.released);
  }
  for (const cell_state& one : now.cells) {
    for (const number part : one.data) add(part);
    add_clock(one.written);
    add_clock(one.read);
  }
  return all;
}

std::string checker::trace() const {
  std::string text = "\n";
  for (const step& one : path_) {
    text += one.thread == 0 ? "  first:  " : "          second: ";
    text += one.is_flush ? "(becomes visible) " : "";
    text += std::string(name_of(one.what.what)) + " word " + std::to_string(one.what.where);
    if (one.what.what == kind::store) text += " = " + std::to_string(one.what.value);
    if (one.what.what == kind::wait) text += " while " + std::to_string(one.what.value);
    text += "\n";
  }
  return text;
}

}  // namespace model

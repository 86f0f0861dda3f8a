#include <ringmill/io/sim/detail/name_journal.hpp>

#include <algorithm>
#include <utility>

namespace ringmill::sim::detail {

void name_journal::add(std::vector<name_change> changes, bool moves_directory) {
  steps_.push_back(step{.changes = std::move(changes), .moves_directory = moves_directory});
}

/// They change the same name.
bool name_journal::builds_upon(const step& later, const step& earlier) noexcept {
  if (later.moves_directory) return true;
  const auto is_same_name = [](const name_change& a, const name_change& b) {
    return a.directory == b.directory && a.name == b.name;
  };
  return std::any_of(later.changes.begin(), later.changes.end(), [&](const name_change& a) {
    return std::any_of(earlier.changes.begin(), earlier.changes.end(),
                       [&](const name_change& b) { return is_same_name(a, b); });
  });
}

void name_journal::apply(const step& one) {
  for (const name_change& change : one.changes) {
    if (change.node) {
      change.directory->synced_names.insert_or_assign(change.name, change.node);
    } else {
      change.directory->synced_names.erase(change.name);
    }
  }
}

/// Puts on the disk those that are wanted, with what they build upon.
template <class Wanted>
void name_journal::commit(Wanted wanted) {
  for (std::size_t i = steps_.size(); i-- > 0;) {
    step& here = steps_[i];
    here.is_wanted = here.is_wanted || wanted(here);
    if (!here.is_wanted) continue;
    for (std::size_t j = 0; j < i; ++j) {
      if (builds_upon(here, steps_[j])) steps_[j].is_wanted = true;
    }
  }
  for (const step& one : steps_) {
    if (one.is_wanted) apply(one);
  }
  std::erase_if(steps_, [](const step& one) { return one.is_wanted; });
}

void name_journal::sync(const file_node& directory) {
  commit([&](const step& one) {
    return std::any_of(one.changes.begin(), one.changes.end(),
                       [&](const name_change& change) { return change.directory.get() == &directory; });
  });
}

void name_journal::sync_all() {
  commit([](const step&) { return true; });
}

void name_journal::crash(const crash_decisions& random) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    step& here = steps_[i];
    here.is_wanted = random() % 2 == 0;
    for (std::size_t j = 0; j < i && here.is_wanted; ++j) {
      if (!steps_[j].is_wanted && builds_upon(here, steps_[j])) here.is_wanted = false;
    }
    if (here.is_wanted) apply(here);
  }
  steps_.clear();
}

}  // namespace ringmill::sim::detail

#include <ringmill/io/sim/detail/file_tree.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace ringmill::sim::detail {

file_tree::file_tree(duration now) {
  root = working_directory = make(S_IFDIR | 0755, now);
  root->links = 2;
}

file_tree::~file_tree() {
  // Names on the disk and names in memory can lead round in a circle.
  for_each([](file_node& node) {
    node.names.clear();
    node.synced_names.clear();
  });
}

template <class Visit>
void file_tree::for_each(Visit visit) {
  for (const auto& [number, weak] : nodes_) {
    if (const node_ptr node = weak.lock()) visit(*node);
  }
}

void file_tree::forget_gone() {
  std::erase_if(nodes_, [](const auto& entry) { return entry.second.expired(); });
  look_through_at_ = 2 * nodes_.size() + 64;
}

node_ptr file_tree::make(unsigned mode, duration now) {
  if (nodes_.size() >= look_through_at_) forget_gone();
  auto made = std::make_shared<file_node>(next_number_++, mode, now);
  nodes_.emplace(made->number, made);
  return made;
}

void file_tree::sync() {
  journal.sync_all();
  for_each([](file_node& node) {
    node.content.sync();
    node.synced_mode = node.mode;
  });
}

std::uint64_t file_tree::crash(const crash_decisions& random) {
  journal.crash(random);
  for_each([&](file_node& node) {
    node.content.crash(random);
    if (node.mode != node.synced_mode && random() % 2 == 0) node.mode = node.synced_mode;
    node.synced_mode = node.mode;
    node.names = node.synced_names;
    node.links = 0;
  });
  working_directory = root;
  return count_again();
}

/// Links, parents and pages, from the names. What no name leads to is gone.
std::uint64_t file_tree::count_again() {
  std::uint64_t pages = 0;
  root->links = 2;
  std::vector<node_ptr> to_visit = {root};
  while (!to_visit.empty()) {
    const node_ptr directory = std::move(to_visit.back());
    to_visit.pop_back();
    for (const auto& [name, node] : directory->names) {
      if (node->links++ == 0) pages += node->content.pages();
      if (!node->is_directory()) continue;
      ++node->links;
      ++directory->links;
      node->parent = directory;
      to_visit.push_back(node);
    }
  }
  for_each([](file_node& node) {
    if (node.links > 0) return;
    node.names.clear();
    node.synced_names.clear();
    node.content = file_content();
  });
  forget_gone();
  return pages;
}

}  // namespace ringmill::sim::detail

#include <ringmill/runtime/inspect.hpp>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include <ringmill/runtime/loop.hpp>
#include <ringmill/runtime/named.hpp>
#include <ringmill/runtime/promise.hpp>
#include <ringmill/runtime/task_writer.hpp>

namespace ringmill {

namespace {

std::string seconds(duration length) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f s", std::chrono::duration<double>(length).count());
  return text;
}

std::string address(const void* object) {
  char text[32];
  std::snprintf(text, sizeof text, " %p", object);
  return text;
}

}  // namespace

void task_writer::text(std::string_view what, const void* object) {
  text_ += text_.ends_with(':') ? " " : ", ";
  text_ += what;
  if (object) text_ += address(object);
}

const char* detail::name_of(const promise_base& task) noexcept {
  const context_node* node = task.context();
  if (!node || node->what() != context_node::kind::name) return nullptr;
  const promise_base* parent = task.awaited_by();
  if (parent && parent->context() == node) return nullptr;
  return static_cast<const name_node*>(node)->name();
}

std::string_view detail::function_of(const std::source_location& where) noexcept {
  std::string_view name = where.function_name();
  if (!name.ends_with(".Frame*)")) return name;
  // "void serve(serve(int)::_Z5servei.Frame*)": from the end back to the parenthesis that belongs to the last one.
  std::size_t at = name.size();
  int open = 0;
  do {
    --at;
    if (name[at] == ')') ++open;
    if (name[at] == '(') --open;
  } while (at > 0 && open > 0);
  name = name.substr(0, at);
  constexpr std::string_view returned = "void ";
  return name.starts_with(returned) ? name.substr(returned.size()) : name;
}

void task_writer::until(std::string_view what, time_point deadline) {
  text(what);
  if (deadline == time_point::max()) return;
  text_ += ", " + seconds(deadline - loop::current().now()) + " left";
}

void task_writer::deadline(std::string_view what, const timer& item) { until(what, item.deadline()); }

void task_writer::line(const detail::promise_base& task, std::size_t depth) {
  text_.append(2 * std::min(depth, deepest_indent), ' ');
  text_ += "- ";
  if (const char* name = detail::name_of(task)) text_ += "\"" + std::string(name) + "\" ";
  if (task.where().line() == 0) {
    text_ += task.was_started() ? "a task that has not awaited anything" : "a task that is not started yet";
  } else {
    text_ += detail::function_of(task.where());
    text_ += " at ";
    text_ += task.where().file_name();
    text_ += ":" + std::to_string(task.where().line());
  }
  if (task.why_cancelled()) text_ += std::string(" (asked to stop: ") + task.why_cancelled().text() + ")";
  if (task.is_suspended()) {
    text_ += task.is_woken() ? ", ready" : ", waiting " + seconds(loop::current().now() - task.suspended_since()) + ":";
    const detail::awaiter_operations* operations = task.awaited_operations();
    if (!task.is_woken() && operations->describe) operations->describe(task.awaited(), *this);
    if (text_.ends_with(':')) text_.pop_back();
  } else if (task.was_started()) {
    text_ += ", running";
  }
  text_ += "\n";
}

void task_writer::tree(const detail::promise_base& root, std::size_t depth) {
  // A stack of its own: a chain of awaiting tasks can be a million long.
  struct place {
    const detail::promise_base* task;
    std::size_t depth;
  };
  std::vector<place> open{{&root, depth}};
  while (!open.empty()) {
    const place here = open.back();
    open.pop_back();
    if (tasks_ == most_tasks) {
      ++left_out_;
      continue;
    }
    ++tasks_;
    children_.clear();
    line(*here.task, here.depth);
    // A nursery lists the newest first; popped from the back, the oldest comes first.
    for (const detail::promise_base* child : children_) open.push_back({child, here.depth + 1});
  }
  if (left_out_ > 0) text_ += "  ... and more: only the first " + std::to_string(most_tasks) + " tasks are listed\n";
  left_out_ = 0;
}

std::string dump_tasks() {
  loop* const here = detail::this_thread.attached_loop;
  return here ? here->dump_tasks() : "no loop runs on this thread\n";
}

}  // namespace ringmill

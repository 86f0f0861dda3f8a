// A model checker for two threads that share words, cells and futexes: it runs a scenario in every order in which its
// events can happen, and says whether one of them goes wrong.
//
//   model::checker check;                             // words and cells made from here on are its own
//   using word = model::word<std::uint32_t>;
//   word flag(0), data(0);
//   const model::verdict found = check.run([&] { data.store(1, relaxed); flag.store(1, release); },
//                                          [&] { if (flag.load(acquire)) model::expect(data.load(relaxed) == 1, "...");
//                                          });
//   CHECK(found.failure == "");
//
// What is modelled:
//  - Interleaving: every operation on a word is a point at which the other thread may come between.
//  - Store buffers, as in x86 and in every machine with weaker ones: a store that is not seq_cst becomes visible to the
//    other thread at any later moment, after those before it. So a load may overtake a store: the race of "publish,
//    then look at the sleep flag".
//  - What C++ promises, and no more: a cell is plain memory. If one thread writes it and the other uses it, there must
//  be
//    a release store and an acquire load between the two; else that is a failure, even if the values look right. It
//    finds torn and overwritten entries on machines of any kind.
//  - Futexes: `wait` compares and falls asleep at once, as the kernel does under its lock; `wake` wakes. Both are full
//    barriers, as in the kernel. An eventfd is a word to which `ring` adds and which `wait_for_bell` empties.
//  - If neither thread can move and not both have ended, that is a failure: a wake-up was lost.
//
// How: a thread is a function that is run again from its beginning for each step, with the results that its operations
// had so far, up to its first new operation. So it must depend on nothing but those. A state is known by the results of
// both threads and the contents of the memory; one that was seen before is not entered again, which loses nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace model {

using number = std::uint64_t;
/// What a cell holds: up to 32 bytes.
using contents = std::array<number, 4>;

enum class kind { load, store, wait, wake, pause, ring, wait_for_bell, read, write };

class operation {
 public:
  kind what;
  std::size_t where;
  number value = 0;
  std::memory_order order = std::memory_order_seq_cst;
  contents data{};
};

class verdict {
 public:
  std::string failure;     ///< empty if every order of events goes well; else what went wrong, and how it came to it
  std::size_t states = 0;  ///< different ones that were looked at
  std::size_t ends = 0;    ///< in which both threads had ended
};

/// In a thread: what must be true in every order of events.
void expect(bool condition, const char* what);

class checker {
 public:
  using thread_function = std::function<void()>;

  checker();
  ~checker();
  checker(const checker&) = delete;
  checker& operator=(const checker&) = delete;

  /// Looks at all orders of events of the two, or until the first failure.
  verdict run(thread_function first, thread_function second);

  // For words and cells, below.
  static checker& current();
  std::size_t add_word(number initial);
  std::size_t add_cell();
  /// In a thread: what the operation gave, or an exception that ends this run of the thread.
  const contents& perform(const operation& what);

 private:
  /// What a thread knows of itself and the other: all of their operations up to these have happened before.
  using clock = std::array<number, 2>;

  class word_state {
   public:
    number value = 0;
    clock released{};  ///< what is known by who acquires this value
  };
  class cell_state {
   public:
    contents data{};
    clock written{}, read{};  ///< when last, by each thread
  };
  class buffered_store {
   public:
    std::size_t where;
    word_state what;
  };
  class thread_state {
   public:
    std::vector<contents> results;
    number results_hash = 0;
    std::vector<buffered_store> buffer;
    clock knows{};
    bool is_asleep = false;
    bool has_ended = false;
    operation next{};  ///< if it has not ended
  };
  class state {
   public:
    std::array<thread_state, 2> threads;
    std::vector<word_state> words;
    std::vector<cell_state> cells;
  };
  class step {
   public:
    std::size_t thread;
    bool is_flush;
    operation what;
  };
  class hash_of_hash {
   public:
    std::size_t operator()(const std::array<number, 2>& value) const noexcept { return value[0]; }
  };

  void explore(const state& from);
  void advance(state& now, std::size_t thread);
  bool can_run(const state& now, std::size_t thread) const;
  void execute(state& now, std::size_t thread);
  void touch(state& now, std::size_t thread, const operation& what);
  static void flush_one(state& now, std::size_t thread);
  static void flush_all(state& now, std::size_t thread);
  static void give(thread_state& to, const contents& result);
  static std::array<number, 2> hash(const state& now);
  std::string trace() const;

  std::vector<number> initial_words_;
  std::size_t cells_ = 0;
  std::array<thread_function, 2> functions_;
  std::unordered_set<std::array<number, 2>, hash_of_hash> seen_;
  std::vector<step> path_;
  verdict verdict_;
  // The thread that is being run again.
  const std::vector<contents>* replayed_ = nullptr;
  std::size_t position_ = 0;
  operation pending_{};
};

/// As std::atomic, as far as it is needed.
template <class Value>
class word {
 public:
  word() : word(0) {}
  explicit word(Value initial) : id_(checker::current().add_word(initial)) {}
  word(const word&) = delete;
  word& operator=(const word&) = delete;

  Value load(std::memory_order order) const {
    last_loaded_ = static_cast<Value>(checker::current().perform({kind::load, id_, 0, order, {}})[0]);
    return last_loaded_;
  }
  void store(Value value, std::memory_order order) { checker::current().perform({kind::store, id_, value, order, {}}); }
  /// Falls asleep if the value is `expected`.
  void wait(Value expected) const { checker::current().perform({kind::wait, id_, expected}); }
  void wake() const { checker::current().perform({kind::wake, id_}); }
  /// Comes back when the value is another than at the last load.
  void pause() const { checker::current().perform({kind::pause, id_, last_loaded_}); }
  void ring() const { checker::current().perform({kind::ring, id_}); }
  void wait_for_bell() const { checker::current().perform({kind::wait_for_bell, id_}); }

 private:
  std::size_t id_;
  mutable Value last_loaded_ = 0;
};

/// Plain memory.
template <class Value>
class cell {
  static_assert(std::is_trivially_copyable_v<Value> && sizeof(Value) <= sizeof(contents));

 public:
  cell() : id_(checker::current().add_cell()) {}
  cell(const cell&) = delete;
  cell& operator=(const cell&) = delete;

  Value read() const {
    const contents data = checker::current().perform({kind::read, id_});
    Value value;
    std::memcpy(&value, data.data(), sizeof value);
    return value;
  }
  void write(const Value& value) {
    operation what{kind::write, id_};
    std::memcpy(what.data.data(), &value, sizeof value);
    checker::current().perform(what);
  }

 private:
  std::size_t id_;
};

}  // namespace model

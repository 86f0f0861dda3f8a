// A chat room on a Unix socket: what a member writes, a line at a time, goes to all others.  unix_chat PATH
//
// A member is a connection, such as `socat - UNIX:PATH`. Nobody waits for a slow one: who is 64 lines behind is out.
#include <array>
#include <cstdio>
#include <memory>
#include <ringmill/ringmill.hpp>
#include <set>
#include <string>

namespace rm = ringmill;

namespace {

/// Shared by all members that it goes to.
using line = std::shared_ptr<const std::string>;

constexpr std::size_t lines_behind = 64;
constexpr std::size_t longest_line = 4096;

class member {
 public:
  member(rm::unix_stream stream, int number) : stream_(std::move(stream)), name_("member " + std::to_string(number)) {}

  const std::string& name() const { return name_; }
  rm::unix_stream& stream() { return stream_; }
  rm::nursery& life() { return life_; }

  /// Without waiting: one that has no room for it is out.
  void tell(line what) {
    if (!outgoing_.try_send(std::move(what))) life_.cancel(rm::cancel_reason("too slow"));
  }

  rm::task<> write_lines() {
    while (std::optional<line> next = co_await outgoing_.receive()) co_await stream_.write_all(**next);
  }

 private:
  rm::unix_stream stream_;
  std::string name_;
  rm::channel<line> outgoing_{lines_behind};
  rm::nursery life_;
};

class room {
 public:
  void tell_others(const member* from, std::string text) {
    const line shared = std::make_shared<const std::string>(std::move(text));
    for (member* one : members_) {
      if (one != from) one->tell(shared);
    }
  }
  void enter(member& who) {
    tell_others(&who, who.name() + " has come\n");
    members_.insert(&who);
  }
  void leave(member& who) {
    members_.erase(&who);
    tell_others(nullptr, who.name() + " has gone\n");
  }

 private:
  std::set<member*> members_;
};

/// In the room from its construction to its destruction, which a cancel brings about as well.
class membership {
 public:
  membership(room& where, member& who) : room_(where), member_(who) { room_.enter(member_); }
  ~membership() { room_.leave(member_); }
  membership(const membership&) = delete;
  membership& operator=(const membership&) = delete;

 private:
  room& room_;
  member& member_;
};

/// Until the end of the stream, or of a line that is too long for a chat.
rm::task<> read_lines(member& from, room& where) {
  std::string pending;
  std::array<char, 1024> buffer;
  while (pending.size() <= longest_line) {
    const std::size_t n = co_await from.stream().read_some(std::as_writable_bytes(std::span(buffer)));
    if (n == 0) co_return;
    pending.append(buffer.data(), n);
    for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
      where.tell_others(&from, from.name() + ": " + pending.substr(0, end + 1));
    }
  }
}

rm::task<> serve_one(rm::unix_stream stream, int number, room& where) {
  member who(std::move(stream), number);
  const membership present(where, who);
  try {
    co_await who.life().run([&]() -> rm::task<> {
      who.life().start([&]() -> rm::task<> { co_await who.write_lines(); });
      co_await read_lines(who, where);
      who.life().cancel();
    });
  } catch (const std::system_error&) {  // its connection broke
  }
}

rm::task<> serve(std::string path) {
  auto listener = rm::unix_listener::bind(rm::unix_address::path(path), rm::unix_bind_options().remove_stale_file());
  std::printf("listening on %s\n", path.c_str());
  std::fflush(stdout);
  room everybody;
  rm::nursery members;
  co_await members.run([&]() -> rm::task<> {
    for (int number = 1;; ++number) members.start(serve_one, co_await listener.accept(), number, std::ref(everybody));
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: unix_chat PATH\n");
    return 2;
  }
  return rm::run_main(serve(argv[1]));
}

#include "requests.hpp"

#include <fcntl.h>
#include <liburing.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include <ringmill/io/detail/opcodes.hpp>

#include "answers.hpp"
#include "raw_op.hpp"
#include "scenario.hpp"

namespace conformance {

namespace {

/// Bytes that are too many to be shown are only counted.
std::string quoted(const char* bytes, int count) {
  constexpr int most = 40;
  if (count <= 0 || count > most) return "";
  return " \"" + std::string(bytes, static_cast<std::size_t>(count)) + "\"";
}

std::shared_ptr<std::vector<char>> room_for(std::size_t size) { return std::make_shared<std::vector<char>>(size); }

request::shower show_bytes(std::shared_ptr<std::vector<char>> buffer) {
  return [buffer = std::move(buffer)](const completion& one) { return quoted(buffer->data(), one.result); };
}

request::shower show_events() {
  return [](const completion& one) { return " " + events_text(static_cast<unsigned>(one.result)); };
}

/// A message with its parts: one buffer, a name, and control data.
class message {
 public:
  message(std::size_t size, std::size_t control_size) : bytes_(size), control_(control_size) {
    part_.iov_base = bytes_.data();
    part_.iov_len = bytes_.size();
    header_.msg_iov = &part_;
    header_.msg_iovlen = 1;
    if (control_size > 0) header_.msg_control = control_.data();
    header_.msg_controllen = control_size;
  }
  message(const message&) = delete;
  message& operator=(const message&) = delete;

  msghdr& header() noexcept { return header_; }
  char* bytes() noexcept { return bytes_.data(); }
  void put(const std::string& text) { std::copy(text.begin(), text.end(), bytes_.begin()); }
  void set_name(const sockaddr* name, socklen_t length) {
    name_.assign(reinterpret_cast<const char*>(name), reinterpret_cast<const char*>(name) + length);
    header_.msg_name = name_.data();
    header_.msg_namelen = length;
  }
  void put_descriptors(const std::vector<int>& all) {
    cmsghdr* const first = CMSG_FIRSTHDR(&header_);
    first->cmsg_level = SOL_SOCKET;
    first->cmsg_type = SCM_RIGHTS;
    first->cmsg_len = CMSG_LEN(all.size() * sizeof(int));
    std::memcpy(CMSG_DATA(first), all.data(), all.size() * sizeof(int));
  }
  std::vector<int> descriptors() {
    std::vector<int> all;
    for (cmsghdr* each = CMSG_FIRSTHDR(&header_); each; each = CMSG_NXTHDR(&header_, each)) {
      if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      const std::size_t before = all.size();
      all.resize(before + count);
      std::memcpy(all.data() + before, CMSG_DATA(each), count * sizeof(int));
    }
    return all;
  }
  std::string flags_text() const {
    std::string text;
    if (header_.msg_flags & MSG_TRUNC) text += " TRUNC";
    if (header_.msg_flags & MSG_CTRUNC) text += " CTRUNC";
    if (header_.msg_flags & MSG_EOR) text += " EOR";
    return text;
  }

 private:
  msghdr header_{};
  iovec part_{};
  std::vector<char> bytes_;
  std::vector<char> control_;
  std::vector<char> name_;
};

std::shared_ptr<message> message_of(std::size_t size, std::size_t descriptors = 0) {
  return std::make_shared<message>(size, descriptors == 0 ? 0 : CMSG_SPACE(descriptors * sizeof(int)));
}

request send_message(int socket, std::shared_ptr<message> what) {
  return request("send", [socket, what](io_uring_sqe& entry) {
    io_uring_prep_sendmsg(&entry, socket, &what->header(), MSG_NOSIGNAL);
  });
}

template <class Address>
request send_to_address(int socket, const std::string& text, const Address& to) {
  const auto what = message_of(text.size());
  what->put(text);
  what->set_name(to.data(), to.size());
  return send_message(socket, what);
}

template <class Address>
request connect_to_address(int socket, const Address& to) {
  const auto where = std::make_shared<Address>(to);
  return request("connect", [socket, where](io_uring_sqe& entry) {
    io_uring_prep_connect(&entry, socket, where->data(), where->size());
  });
}

request::shower show_status(std::shared_ptr<struct statx> found) {
  return [found](const completion&) {
    std::string text = " ";
    if (S_ISDIR(found->stx_mode)) return text + "directory";
    if (S_ISLNK(found->stx_mode)) text += "link";
    if (S_ISREG(found->stx_mode)) text += "file";
    if (S_ISSOCK(found->stx_mode)) text += "socket";
    if (S_ISFIFO(found->stx_mode)) text += "pipe";
    return text + " of " + std::to_string(found->stx_size) + " bytes, " + std::to_string(found->stx_nlink) + " links";
  };
}

}  // namespace

void request::fill(io_uring_sqe& entry) const {
  fill_(entry);
  entry.flags |= static_cast<std::uint8_t>(sqe_flags_);
}

std::string request::text_of(const completion& one) const {
  std::string text = answer_text(one.result);
  if (one.result >= 0 && gives_descriptor_) text = "a descriptor";
  if (one.result >= 0 && show_) text += show_(one);
  if (one.flags & 1U << 0) text += ", buffer " + std::to_string(one.flags >> IORING_CQE_BUFFER_SHIFT);
  if (one.flags & IORING_CQE_F_MORE) text += ", more";
  return text;
}

request nop() {
  return request("nop", [](io_uring_sqe& entry) { io_uring_prep_nop(&entry); });
}

request receive(int socket, std::size_t size, int flags) {
  const auto buffer = room_for(size);
  return request(
             "receive",
             [=](io_uring_sqe& entry) { io_uring_prep_recv(&entry, socket, buffer->data(), buffer->size(), flags); })
      .shows(show_bytes(buffer));
}

request receive_multishot(int socket, unsigned group) {
  return request("receive",
                 [=](io_uring_sqe& entry) {
                   io_uring_prep_recv_multishot(&entry, socket, nullptr, 0, 0);
                   entry.buf_group = static_cast<std::uint16_t>(group);
                 })
      .with(IOSQE_BUFFER_SELECT);
}

request receive_selected(int socket, unsigned group, std::size_t size) {
  return request("receive",
                 [=](io_uring_sqe& entry) {
                   io_uring_prep_recv(&entry, socket, nullptr, size, 0);
                   entry.buf_group = static_cast<std::uint16_t>(group);
                 })
      .with(IOSQE_BUFFER_SELECT);
}

request send(int socket, std::string text, int flags) {
  const auto kept = std::make_shared<std::string>(std::move(text));
  return request("send", [=](io_uring_sqe& entry) {
    io_uring_prep_send(&entry, socket, kept->data(), kept->size(), flags | MSG_NOSIGNAL);
  });
}

request send_bytes(int socket, std::size_t count, int flags) { return send(socket, std::string(count, 'x'), flags); }

request receive_message(int socket, std::size_t size, int flags) {
  const auto into = message_of(size);
  return request("receive",
                 [=](io_uring_sqe& entry) {
                   io_uring_prep_recvmsg(&entry, socket, &into->header(), static_cast<unsigned>(flags));
                 })
      .shows([=](const completion& one) {
        const int got = std::min(one.result, static_cast<int>(size));
        return quoted(into->bytes(), got) + into->flags_text();
      });
}

request receive_from(int socket, std::size_t size, std::shared_ptr<rm::address> from, int flags) {
  const auto into = message_of(size);
  into->header().msg_name = from->data();
  into->header().msg_namelen = rm::address::capacity();
  return request("receive",
                 [=](io_uring_sqe& entry) {
                   io_uring_prep_recvmsg(&entry, socket, &into->header(), static_cast<unsigned>(flags));
                 })
      .shows([into, from](const completion& one) { return quoted(into->bytes(), one.result) + into->flags_text(); });
}

request send_to(int socket, std::string text, const rm::address& to) { return send_to_address(socket, text, to); }
request send_to(int socket, std::string text, const rm::unix_address& to) { return send_to_address(socket, text, to); }

request send_descriptors(int socket, std::string text, const std::vector<int>& descriptors) {
  const auto what = message_of(text.size(), descriptors.size());
  what->put(text);
  what->put_descriptors(descriptors);
  return send_message(socket, what);
}

request receive_descriptors(int socket, std::size_t size, std::shared_ptr<std::vector<int>> into, int room) {
  const auto what = message_of(size, static_cast<std::size_t>(room));
  return request("receive",
                 [=](io_uring_sqe& entry) { io_uring_prep_recvmsg(&entry, socket, &what->header(), MSG_CMSG_CLOEXEC); })
      .shows([=](const completion& one) {
        *into = what->descriptors();
        return quoted(what->bytes(), one.result) + ", " + std::to_string(into->size()) + " descriptors" +
               what->flags_text();
      });
}

request accept(int socket, int flags) {
  return request(
             "accept",
             [=](io_uring_sqe& entry) { io_uring_prep_accept(&entry, socket, nullptr, nullptr, SOCK_CLOEXEC | flags); })
      .gives_descriptor();
}

request accept_multishot(int socket) {
  return request("accept",
                 [=](io_uring_sqe& entry) {
                   io_uring_prep_multishot_accept(&entry, socket, nullptr, nullptr, SOCK_CLOEXEC);
                 })
      .gives_descriptor();
}

request connect(int socket, const rm::address& to) { return connect_to_address(socket, to); }
request connect(int socket, const rm::unix_address& to) { return connect_to_address(socket, to); }

request shut_down(int socket, int how) {
  return request("shutdown", [=](io_uring_sqe& entry) { io_uring_prep_shutdown(&entry, socket, how); });
}

request poll(int number, unsigned events) {
  return request("poll", [=](io_uring_sqe& entry) { io_uring_prep_poll_add(&entry, number, events); })
      .shows(show_events());
}

request poll_multishot(int number, unsigned events) {
  return request("poll", [=](io_uring_sqe& entry) { io_uring_prep_poll_multishot(&entry, number, events); })
      .shows(show_events());
}

request poll_remove(const raw_op& target) {
  return request("poll remove",
                 [data = target.user_data()](io_uring_sqe& entry) { io_uring_prep_poll_remove(&entry, data); });
}

request cancel(const raw_op& target) { return cancel_number(target.user_data()); }

request cancel_all(const raw_op& target) {
  return request("cancel", [data = target.user_data()](io_uring_sqe& entry) {
    io_uring_prep_cancel64(&entry, data, IORING_ASYNC_CANCEL_ALL);
  });
}

request cancel_number(std::uint64_t user_data) {
  return request("cancel", [=](io_uring_sqe& entry) { io_uring_prep_cancel64(&entry, user_data, 0); });
}

request cancel_descriptor(int number, bool all) {
  return request("cancel", [=](io_uring_sqe& entry) {
    io_uring_prep_cancel_fd(&entry, number, all ? IORING_ASYNC_CANCEL_ALL : 0);
  });
}

request timeout(std::int64_t nanoseconds) {
  const auto until = std::make_shared<__kernel_timespec>();
  until->tv_sec = nanoseconds / 1'000'000'000;
  until->tv_nsec = nanoseconds % 1'000'000'000;
  return request("timeout", [=](io_uring_sqe& entry) { io_uring_prep_timeout(&entry, until.get(), 0, 0); });
}

request read(int number, std::size_t size, std::int64_t offset) {
  const auto buffer = room_for(size);
  return request("read",
                 [=](io_uring_sqe& entry) {
                   io_uring_prep_read(&entry, number, buffer->data(), static_cast<unsigned>(buffer->size()),
                                      static_cast<__u64>(offset));
                 })
      .shows([=](const completion& one) {
        std::string text(buffer->data(), static_cast<std::size_t>(one.result));
        for (char& each : text) each = each == '\0' ? '.' : each;  // of a hole
        return quoted(text.data(), one.result);
      });
}

request write(int number, std::string text, std::int64_t offset) {
  const auto kept = std::make_shared<std::string>(std::move(text));
  return request("write", [=](io_uring_sqe& entry) {
    io_uring_prep_write(&entry, number, kept->data(), static_cast<unsigned>(kept->size()), static_cast<__u64>(offset));
  });
}

request write_bytes(int number, std::size_t count, std::int64_t offset) {
  return write(number, std::string(count, 'x'), offset);
}

request read_vectored(int number, std::size_t first, std::size_t second, std::int64_t offset) {
  auto buffers = std::make_shared<std::vector<std::string>>();
  auto parts = std::make_shared<std::vector<iovec>>();
  for (const std::size_t size : {first, second}) buffers->emplace_back(size, '.');
  for (std::string& each : *buffers) parts->push_back(iovec{each.data(), each.size()});
  return request("read",
                 [=](io_uring_sqe& entry) {
                   io_uring_prep_readv(&entry, number, parts->data(), static_cast<unsigned>(parts->size()),
                                       static_cast<__u64>(offset));
                 })
      .shows([buffers](const completion&) {
        std::string text;
        for (const std::string& each : *buffers) text += " \"" + each + "\"";
        return text;
      });
}

request write_vectored(int number, std::string first, std::string second, std::int64_t offset) {
  const auto kept = std::make_shared<std::vector<std::string>>();
  kept->push_back(std::move(first));
  kept->push_back(std::move(second));
  auto vectors = std::make_shared<std::vector<iovec>>();
  for (std::string& each : *kept) vectors->push_back(iovec{each.data(), each.size()});
  return request("write", [=](io_uring_sqe& entry) {
    static_cast<void>(kept);
    io_uring_prep_writev(&entry, number, vectors->data(), static_cast<unsigned>(vectors->size()),
                         static_cast<__u64>(offset));
  });
}

request open(std::string path, int flags, unsigned mode) {
  return request("open",
                 [=](io_uring_sqe& entry) {
                   io_uring_prep_openat(&entry, AT_FDCWD, path.c_str(), flags | O_CLOEXEC, mode);
                 })
      .gives_descriptor();
}

request close(int number) {
  return request("close", [=](io_uring_sqe& entry) { io_uring_prep_close(&entry, number); });
}

request synchronize(int number, unsigned flags) {
  return request("fsync", [=](io_uring_sqe& entry) { io_uring_prep_fsync(&entry, number, flags); });
}

request allocate(int number, int mode, std::int64_t offset, std::int64_t length) {
  return request("fallocate",
                 [=](io_uring_sqe& entry) { io_uring_prep_fallocate(&entry, number, mode, offset, length); });
}

request truncate(int number, std::int64_t size) {
  return request("ftruncate", [=](io_uring_sqe& entry) {
    entry.opcode = static_cast<std::uint8_t>(rm::detail::opcode_ftruncate);
    entry.fd = number;
    entry.off = static_cast<__u64>(size);
  });
}

request status(std::string path, int flags) {
  const auto found = std::make_shared<struct statx>();
  return request("status",
                 [=](io_uring_sqe& entry) {
                   io_uring_prep_statx(&entry, AT_FDCWD, path.c_str(), flags, STATX_BASIC_STATS, found.get());
                 })
      .shows(show_status(found));
}

request status(int number) {
  const auto found = std::make_shared<struct statx>();
  return request("status",
                 [=](io_uring_sqe& entry) {
                   io_uring_prep_statx(&entry, number, "", AT_EMPTY_PATH, STATX_BASIC_STATS, found.get());
                 })
      .shows(show_status(found));
}

request rename(std::string from, std::string to, unsigned flags) {
  return request("rename", [=](io_uring_sqe& entry) {
    io_uring_prep_renameat(&entry, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags);
  });
}

request unlink(std::string path, int flags) {
  return request("unlink", [=](io_uring_sqe& entry) { io_uring_prep_unlinkat(&entry, AT_FDCWD, path.c_str(), flags); });
}

request make_directory(std::string path, unsigned mode) {
  return request("mkdir", [=](io_uring_sqe& entry) { io_uring_prep_mkdirat(&entry, AT_FDCWD, path.c_str(), mode); });
}

request link(std::string from, std::string to) {
  return request("link", [=](io_uring_sqe& entry) {
    io_uring_prep_linkat(&entry, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0);
  });
}

request symlink(std::string target, std::string path) {
  return request("symlink",
                 [=](io_uring_sqe& entry) { io_uring_prep_symlinkat(&entry, target.c_str(), AT_FDCWD, path.c_str()); });
}

request splice(int from, int to, unsigned size, std::int64_t from_offset, std::int64_t to_offset) {
  return request("splice",
                 [=](io_uring_sqe& entry) { io_uring_prep_splice(&entry, from, from_offset, to, to_offset, size, 0); });
}

}  // namespace conformance

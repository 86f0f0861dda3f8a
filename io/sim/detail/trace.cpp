#include <ringmill/io/sim/detail/trace.hpp>

#include <liburing.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include <ringmill/io/detail/opcodes.hpp>
#include <ringmill/io/sim/options.hpp>
#include <ringmill/io/sim/random.hpp>

namespace ringmill::sim::detail {

namespace {

std::string name_of_opcode(std::int64_t opcode) {
  switch (opcode) {
    case IORING_OP_NOP:
      return "nop";
    case IORING_OP_READV:
      return "readv";
    case IORING_OP_WRITEV:
      return "writev";
    case IORING_OP_POLL_ADD:
      return "poll";
    case IORING_OP_SENDMSG:
      return "sendmsg";
    case IORING_OP_RECVMSG:
      return "recvmsg";
    case IORING_OP_ACCEPT:
      return "accept";
    case IORING_OP_CONNECT:
      return "connect";
    case IORING_OP_ASYNC_CANCEL:
      return "cancel";
    case IORING_OP_CLOSE:
      return "close";
    case IORING_OP_READ:
      return "read";
    case IORING_OP_WRITE:
      return "write";
    case IORING_OP_SEND:
      return "send";
    case IORING_OP_RECV:
      return "recv";
    case IORING_OP_SPLICE:
      return "splice";
    case ringmill::detail::opcode_futex_wait:
      return "futex wait";
    default:
      return "opcode " + std::to_string(opcode);
  }
}

}  // namespace

void trace::add(time_point when, std::uint32_t host, kind what, std::uint64_t number, std::int64_t first,
                std::int64_t second, std::int64_t third) {
  const record line{when.time_since_epoch().count(), host, what, number, first, second, third};
  const auto take = [this](std::uint64_t value) { hash_ = mix(hash_ ^ value); };
  take(static_cast<std::uint64_t>(line.nanoseconds));
  take((std::uint64_t{host} << 8) | static_cast<std::uint64_t>(what));
  take(number);
  take(static_cast<std::uint64_t>(first));
  take(static_cast<std::uint64_t>(second) ^ (static_cast<std::uint64_t>(third) << 32));
  if (is_whole_ || records_.size() < kept) {
    records_.push_back(line);
  } else {
    records_[count_ % kept] = line;
  }
  ++count_;
}

void trace::name_host(std::uint32_t host, std::string name) {
  if (names_.size() <= host) names_.resize(host + 1);
  names_[host] = std::move(name);
}

std::string trace::text(std::size_t most_lines) const {
  const std::size_t count = is_whole_ ? records_.size() : std::min(most_lines, records_.size());
  std::string out;
  for (std::size_t i = records_.size() - count; i < records_.size(); ++i) write_line(out, at(i));
  return out;
}

void trace::write_line(std::string& out, const record& line) const {
  char time[40];
  const std::int64_t since_start = line.nanoseconds;
  std::snprintf(time, sizeof time, "%lld.%09lld ", static_cast<long long>(since_start / 1'000'000'000),
                static_cast<long long>(since_start % 1'000'000'000));
  const std::string host = line.host < names_.size() ? names_[line.host] : std::to_string(line.host);
  const std::string number = '#' + std::to_string(line.number);
  out += time + host + ' ';
  switch (line.what) {
    case kind::submit:
      out += number + ' ' + name_of_opcode(line.first);
      if (line.first == IORING_OP_ASYNC_CANCEL) {
        out += " of #" + std::to_string(line.second);
      } else {
        out += " fd " + std::to_string(line.second) + ", " + std::to_string(line.third);
      }
      break;
    case kind::complete:
      out += number + " -> " + std::to_string(line.first);
      if (line.first < 0) out += std::string(" ") + std::strerror(static_cast<int>(-line.first));
      if ((line.second & IORING_CQE_F_MORE) != 0) out += ", more";
      if ((line.second & IORING_CQE_F_BUFFER) != 0) {
        out += ", buffer " + std::to_string(line.second >> IORING_CQE_BUFFER_SHIFT);
      }
      break;
    case kind::fault:
      out += "fault " + std::string(name_of(static_cast<fault>(line.first))) + '#' + std::to_string(line.second);
      break;
    case kind::crash:
      out += "crashes";
      break;
    case kind::cut:
    case kind::heal:
      out += line.what == kind::cut ? "is cut off from host " : "is joined again with host ";
      out += std::to_string(line.first);
      break;
    case kind::process_begin:
      out += "process " + std::to_string(line.number) + " begins";
      break;
    case kind::process_end:
      out += "process " + std::to_string(line.number) + " ends, wait status " + std::to_string(line.first);
      break;
    case kind::signal:
      out += "signal " + std::to_string(line.first) + " to process " + std::to_string(line.number);
      break;
    case kind::note:
      out += "note " + std::to_string(line.first);
      break;
  }
  out += '\n';
}

}  // namespace ringmill::sim::detail

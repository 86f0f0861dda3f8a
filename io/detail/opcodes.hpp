// The operations that ringmill asks of a ring, those included that the headers of Debian 12 do not know yet.
#pragma once

#include <liburing.h>

#include <array>

#include <ringmill/io/ops.hpp>

namespace ringmill::detail {

// Linux 6.7 and 6.9.
inline constexpr unsigned opcode_futex_wait = futex_wait_op::opcode;
inline constexpr unsigned opcode_ftruncate = 55;

/// All of them: what a strict ring allows.
inline constexpr std::array used_opcodes = {
    unsigned{IORING_OP_NOP},
    unsigned{IORING_OP_READV},
    unsigned{IORING_OP_WRITEV},
    unsigned{IORING_OP_FSYNC},
    unsigned{IORING_OP_POLL_ADD},
    unsigned{IORING_OP_SENDMSG},
    unsigned{IORING_OP_RECVMSG},
    unsigned{IORING_OP_ACCEPT},
    unsigned{IORING_OP_CONNECT},
    unsigned{IORING_OP_ASYNC_CANCEL},
    unsigned{IORING_OP_FALLOCATE},
    unsigned{IORING_OP_OPENAT},
    unsigned{IORING_OP_CLOSE},
    unsigned{IORING_OP_STATX},
    unsigned{IORING_OP_READ},
    unsigned{IORING_OP_WRITE},
    unsigned{IORING_OP_SEND},
    unsigned{IORING_OP_RECV},
    unsigned{IORING_OP_SPLICE},
    unsigned{IORING_OP_RENAMEAT},
    unsigned{IORING_OP_UNLINKAT},
    unsigned{IORING_OP_MKDIRAT},
    unsigned{IORING_OP_SYMLINKAT},
    unsigned{IORING_OP_LINKAT},
    unsigned{IORING_OP_SEND_ZC},
    opcode_futex_wait,
    opcode_ftruncate,
};

}  // namespace ringmill::detail

#include <ringmill/offload/process_init.hpp>

#include <stdexcept>
#include <string_view>

#include <ringmill/offload/program_fingerprint.hpp>
#include <ringmill/offload/registry.hpp>
#include <ringmill/offload/zygote.hpp>
#include <ringmill/runtime/error.hpp>

namespace ringmill {

namespace {
enum class role { unknown, host, worker };
constinit role own_role = role::unknown;
}  // namespace

void process_init(int argc, char** argv) {
  detail::take_program_fingerprint();
  if (argc >= 2 && argv[1] == std::string_view(detail::zygote_marker)) {
    own_role = role::worker;
    detail::zygote_main(argv);
  }
  detail::check_registry();
  own_role = role::host;
}

namespace detail {

void mark_as_worker() noexcept { own_role = role::worker; }

void require_process_init() {
  RINGMILL_CHECK(own_role != role::worker,
                 "a process pool was made inside of a worker: workers would breed without end");
  if (own_role == role::unknown) {
    throw std::logic_error(
        "a process pool needs this as the first line of main(int argc, char** argv): ringmill::process_init(argc, "
        "argv);");
  }
}

}  // namespace detail
}  // namespace ringmill

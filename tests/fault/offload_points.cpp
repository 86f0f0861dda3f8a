#include "offload_points.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include <ringmill/offload/detail/fault_point.hpp>

namespace {

constexpr const char* where_variable = "RINGMILL_FAULT_WHERE";
constexpr const char* how_variable = "RINGMILL_FAULT_HOW";
constexpr const char* token_variable = "RINGMILL_FAULT_TOKEN";

/// The zygote and the workers inherit the environment.
std::string_view value_of(const char* variable) {
  const char* value = std::getenv(variable);
  return value ? value : "";
}

bool takes_token(const char* where) {
  return value_of(where_variable) == where && unlink(std::getenv(token_variable)) == 0;
}

}  // namespace

namespace ringmill::detail {

void fault_point(const char* where) {
  if (!takes_token(where)) return;
  const std::string_view how = value_of(how_variable);
  if (how == "kill") raise(SIGKILL);
  if (how == "stop") raise(SIGSTOP);
  if (how == "exit") _exit(3);
  if (how == "abort") std::abort();
  if (how == "throw") throw std::runtime_error("thrown by a fault point");
}

bool shortage_point(const char* where) noexcept {
  if (!takes_token(where)) return false;
  errno = ENOMEM;
  return true;
}

}  // namespace ringmill::detail

namespace fault {

armed_point::armed_point(const std::string& where, const std::string& how, bool wait) {
  const std::string token = folder_ / "token";
  if (!wait) release();
  setenv(where_variable, where.c_str(), 1);
  setenv(how_variable, how.c_str(), 1);
  setenv(token_variable, token.c_str(), 1);
}

armed_point::~armed_point() {
  for (const char* variable : {where_variable, how_variable, token_variable}) unsetenv(variable);
}

void armed_point::release() { support::make_file(folder_ / "token", ""); }

bool armed_point::was_hit() const { return access((folder_ / "token").c_str(), F_OK) != 0; }

}  // namespace fault

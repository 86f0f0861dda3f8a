#include <ringmill/io/process_options.hpp>

#include <stdexcept>
#include <string_view>

namespace ringmill {

process_options& process_options::environment(std::string name, std::string value) {
  if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != std::string::npos) {
    throw std::invalid_argument("process_options: not the name of an environment variable: \"" + name + "\"");
  }
  if (value.find('\0') != std::string::npos) {
    throw std::invalid_argument("process_options: a NUL byte in the environment variable " + name);
  }
  environment_.emplace_back(std::move(name), std::move(value));
  return *this;
}

process_options& process_options::remove_environment(std::string name) {
  environment_.emplace_back(std::move(name), std::nullopt);
  return *this;
}

}  // namespace ringmill

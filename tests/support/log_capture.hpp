// Keeps what ringmill logs, for as long as it lives; one at a time.
#pragma once

#include <mutex>
#include <new>
#include <string>
#include <string_view>

#include <ringmill/runtime/log.hpp>

namespace support {

class log_capture {
 public:
  log_capture() {
    kept().text.clear();
    kept().messages = 0;
    ringmill::set_log_hook(&keep);
  }
  ~log_capture() { ringmill::set_log_hook(nullptr); }
  log_capture(const log_capture&) = delete;
  log_capture& operator=(const log_capture&) = delete;

  std::string text() const {
    const std::lock_guard lock(kept().mutex);
    return kept().text;
  }
  int messages() const {
    const std::lock_guard lock(kept().mutex);
    return kept().messages;
  }

 private:
  struct storage {
    std::mutex mutex;
    std::string text;
    int messages = 0;
  };
  static storage& kept() {
    static storage one;
    return one;
  }
  static void keep(ringmill::log_level, std::string_view text) noexcept {
    const std::lock_guard lock(kept().mutex);
    ++kept().messages;
    try {
      kept().text += std::string(text) + "\n";
    } catch (const std::bad_alloc&) {  // as a test wants it, by seeds
    }
  }
};

}  // namespace support

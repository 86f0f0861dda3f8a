// The crawl: a queue of URLs, tasks that fetch them, workers that parse them.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <ringmill/io/http/client.hpp>
#include <ringmill/io/url.hpp>
#include <ringmill/offload/process_pool.hpp>
#include <ringmill/ringmill.hpp>

#include "crawl/options.hpp"
#include "crawl/report.hpp"
#include "web/robots.hpp"

namespace crawl {

/// Made inside of a loop; `run` crawls until nothing is left, the limit is reached, or it is cancelled. What it finds
/// goes to the report, which belongs to the caller: it is there whatever happens to the crawl.
class crawler {
 public:
  /// Throws std::invalid_argument if the seed is no http URL.
  crawler(const options& what, report& results);

  ringmill::task<> run();

  std::size_t queued() const { return frontier_.size(); }
  std::size_t in_flight() const { return in_flight_; }
  /// Of the worker processes; empty with parse_mode::inline_.
  std::vector<int> worker_pids() const;

 private:
  /// A URL to visit.
  struct visit {
    ringmill::url where;
    std::size_t depth;
  };
  /// What is known of a host and port.
  struct host_rules {
    ringmill::event known;
    web::robots robots = web::robots::allow_all();
    std::string unknown;  ///< why robots.txt could not be had: then nothing is requested. Empty: it is known
    ringmill::time_point next_request{};
  };

  ringmill::task<> visit_one(visit target, ringmill::semaphore::permit place);
  ringmill::task<> fetch_and_parse(const visit& target, page_record& record);
  ringmill::task<> follow(const visit& from, const ringmill::http::response& page, page_record& record);
  ringmill::task<std::string> parse(const std::string& html, const std::string& url);
  ringmill::task<host_rules&> rules_of(const ringmill::url& where);
  ringmill::task<> read_robots(const ringmill::url& where, host_rules& rules);
  ringmill::task<> wait_for_turn(host_rules& rules);
  void add(std::string_view link, std::size_t depth);
  bool in_scope(const ringmill::url& where) const;
  bool more_to_start() const;

  const options& options_;
  report& report_;
  ringmill::url seed_;
  std::string prefix_;
  ringmill::http::client client_;
  std::unique_ptr<ringmill::process_pool> pool_;
  std::deque<visit> frontier_;
  std::unordered_set<std::string> seen_;
  std::map<std::string, std::unique_ptr<host_rules>> hosts_;
  ringmill::semaphore places_;
  ringmill::event changed_;
  std::size_t started_ = 0;
  std::size_t in_flight_ = 0;
};

}  // namespace crawl

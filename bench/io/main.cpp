// bench/io: what ringmill's servers and files cost, beside hand-written ones on the bare kernel interface.
#include "measures.hpp"

int main(int argc, char** argv) {
  std::vector<bench::measure> all = bench::echo_measures();
  for (bench::measure& one : bench::connection_measures()) all.push_back(std::move(one));
  for (bench::measure& one : bench::file_measures()) all.push_back(std::move(one));
  return bench::run_program(argc, argv, all);
}

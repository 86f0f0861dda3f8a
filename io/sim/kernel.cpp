#include <ringmill/io/sim/kernel.hpp>

#include <ringmill/io/sim/detail/environment.hpp>
#include <ringmill/io/sim/detail/sim_kernel.hpp>

namespace ringmill::sim {

std::unique_ptr<kernel> make_kernel(std::uint64_t seed, const options& how,
                                    const std::vector<std::pair<std::string, child_program>>& programs) {
  auto around = std::make_shared<detail::environment>(seed, how);
  around->programs.insert(programs.begin(), programs.end());
  around->lines.name_host(0, "host");
  return std::make_unique<detail::sim_kernel>(std::move(around), 0, std::string(), how.ring());
}

}  // namespace ringmill::sim

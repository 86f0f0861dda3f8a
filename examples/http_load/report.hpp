// A measurement in words, and as JSON.
#pragma once

#include "http_load/measurement.hpp"
#include "http_load/settings.hpp"

namespace http_load {

void print_report(const settings& how, const measurement& what);

}  // namespace http_load

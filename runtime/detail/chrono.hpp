// Durations and time points, which is what ringmill needs of <chrono>; the calendars and time zones stay out.
//
// On GCC 12 <chrono> is 31,000 lines after preprocessing and would be in every file that awaits something. The part of
// libstdc++ that <condition_variable> and <thread> include instead has 6,700. Programs that want the rest include
// <chrono>, as ever.
#pragma once

#include <version>

#if defined(__GLIBCXX__) && __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#else
#include <chrono>
#endif

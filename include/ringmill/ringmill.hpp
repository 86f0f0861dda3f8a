// All of ringmill's core.
#pragma once

#include <ringmill/io/address.hpp>
#include <ringmill/io/run.hpp>
#include <ringmill/io/tcp.hpp>
#include <ringmill/runtime/error.hpp>
#include <ringmill/runtime/event.hpp>
#include <ringmill/runtime/nursery.hpp>
#include <ringmill/runtime/semaphore.hpp>
#include <ringmill/runtime/sleep.hpp>
#include <ringmill/runtime/task.hpp>
#include <ringmill/runtime/when_all.hpp>
#include <ringmill/runtime/with_timeout.hpp>

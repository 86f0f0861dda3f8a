// What every header needs to know about the compiler: which symbols the library exports.
#pragma once

/// Marks what a user of the (shared) library may link to; all else is hidden.
#define RINGMILL_API __attribute__((visibility("default")))

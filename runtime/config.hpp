// What every header needs to know about the compiler: which symbols the library exports.
#pragma once

/// Marks what a user of the (shared) library may link to; all else is hidden. A C++ attribute: it stands at the front
/// of a declaration, or behind `class`, together with others such as [[nodiscard]].
#define RINGMILL_API [[gnu::visibility("default")]]

// The fastest echo server known here, written by hand on io_uring, as a program: `echo_limit PORT`.
#include "../limits/echo_server.hpp"
#include "port.hpp"

int main(int argc, char** argv) { limits::echo_server(listen_on(port_of("echo_limit", argc, argv)), 4096).run(); }

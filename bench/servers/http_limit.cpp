// Hello over HTTP, written by hand on io_uring: `http_limit PORT`.
#include "../limits/http_server.hpp"
#include "port.hpp"

int main(int argc, char** argv) { limits::http_server(listen_on(port_of("http_limit", argc, argv)), 4096).run(); }

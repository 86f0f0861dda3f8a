// Fetches one URL and prints its body; status and fields go to standard error.  http_get URL
#include <cstdio>
#include <string>

#include <ringmill/io/http/client.hpp>
#include <ringmill/ringmill.hpp>

namespace rm = ringmill;

rm::task<int> get(std::string url) {
  rm::http::client client(rm::http::client_options().max_redirects(10));
  const rm::http::response page = co_await client.get(url);
  std::fprintf(stderr, "%d %s\n", page.status, std::string(rm::http::reason_phrase(page.status)).c_str());
  for (const rm::http::field field : page.fields) {
    std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(field.name.size()), field.name.data(),
                 static_cast<int>(field.value.size()), field.value.data());
  }
  std::fwrite(page.body.data(), 1, page.body.size(), stdout);
  co_return page.status < 400 ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: http_get URL\n");
    return 2;
  }
  return rm::run_main(get(argv[1]));
}

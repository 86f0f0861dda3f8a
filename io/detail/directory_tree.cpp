#include <ringmill/io/detail/directory_tree.hpp>

#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <vector>

#include <ringmill/io/fd.hpp>

namespace ringmill::detail {

namespace {

int remove_at(int directory, const char* name);

/// All that is in a directory. The names first: what a listing gives while names are removed is not certain.
int empty(int directory) {
  std::vector<std::string> names;
  const auto batch = std::make_unique<entry_batch>();
  int got = 0;
  while ((got = batch->read(directory)) > 0) {
    batch->for_each([&](const char* name, unsigned char, std::uint64_t) { names.emplace_back(name); });
  }
  int first_error = got;
  for (const std::string& name : names) {
    const int result = remove_at(directory, name.c_str());
    if (first_error == 0) first_error = result;
  }
  return first_error;
}

/// By descriptors and not by paths: nobody can put a link into the place of a directory meanwhile.
int remove_at(int directory, const char* name) {
  const int result = files().unlink(directory, name, 0);
  if (result == -ENOENT) return 0;
  if (result != -EISDIR) return result;
  int of_contents = 0;
  {
    const fd below(files().open(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    of_contents = below ? empty(below.number()) : below.number();
  }
  const int of_itself = files().unlink(directory, name, AT_REMOVEDIR);
  return of_contents < 0 ? of_contents : of_itself;
}

}  // namespace

int remove_tree(const std::string& path) { return remove_at(AT_FDCWD, path.c_str()); }

}  // namespace ringmill::detail

#include <ringmill/offload/program_fingerprint.hpp>

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstring>
#include <string_view>

#include <ringmill/offload/registry.hpp>

namespace ringmill::detail {

namespace {

constinit std::uint64_t taken = 0;

std::string_view bytes_of(const void* data, std::size_t size) noexcept {
  return {static_cast<const char*>(data), size};
}

/// The note in one segment, or nothing. Notes are padded to four bytes.
std::string_view build_id_in(const char* segment, std::size_t size) noexcept {
  const auto padded = [](std::size_t length) { return (length + 3) / 4 * 4; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) header;
    std::memcpy(&header, segment, sizeof header);
    const char* name = segment + sizeof header;
    const std::size_t whole = sizeof header + padded(header.n_namesz) + padded(header.n_descsz);
    if (whole > size) break;
    if (header.n_type == NT_GNU_BUILD_ID && bytes_of(name, header.n_namesz) == std::string_view("GNU", 4)) {
      return {name + padded(header.n_namesz), header.n_descsz};
    }
    segment += whole;
    size -= whole;
  }
  return {};
}

int mix_module(dl_phdr_info* module, std::size_t, void* context) noexcept {
  auto& hash = *static_cast<std::uint64_t*>(context);
  std::string_view id;
  for (int index = 0; index < module->dlpi_phnum && id.empty(); ++index) {
    const ElfW(Phdr)& segment = module->dlpi_phdr[index];
    if (segment.p_type != PT_NOTE) continue;
    id = build_id_in(reinterpret_cast<const char*>(module->dlpi_addr + segment.p_vaddr), segment.p_filesz);
  }
  if (!id.empty()) {
    hash = hash_bytes(id, hash);
    return 0;
  }
  hash = hash_bytes(module->dlpi_name ? module->dlpi_name : "", hash);
  for (int index = 0; index < module->dlpi_phnum; ++index) {
    const auto size = module->dlpi_phdr[index].p_memsz;
    hash = hash_bytes(bytes_of(&size, sizeof size), hash);
  }
  return 0;
}

}  // namespace

std::uint64_t program_fingerprint() noexcept { return taken; }

void take_program_fingerprint() noexcept {
  std::uint64_t hash = registry_fingerprint();
  dl_iterate_phdr(&mix_module, &hash);
  taken = hash;
}

}  // namespace ringmill::detail

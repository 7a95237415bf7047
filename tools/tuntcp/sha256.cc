#include "tools/tuntcp/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <new>

namespace tuntcp::tools {

struct Sha256::Digest {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Sha256::Sha256() : digest_(std::make_unique<Digest>()) {
  if (!digest_->state || EVP_DigestInit_ex(digest_->state.get(), EVP_sha256(), nullptr) != 1) {
    throw std::bad_alloc();
  }
}
Sha256::~Sha256() = default;

void Sha256::add(const void* octets, std::size_t size) {
  EVP_DigestUpdate(digest_->state.get(), octets, size);
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(digest_->state.get(), digest.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    char pair[3];
    std::snprintf(pair, sizeof pair, "%02x", digest[i]);
    text += pair;
  }
  return text;
}

}  // namespace tuntcp::tools

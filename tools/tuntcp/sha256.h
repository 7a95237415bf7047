// SHA-256 of a stream of octets.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace tuntcp::tools {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(const void* octets, std::size_t size);
  std::string hex();  // of everything added; once

 private:
  struct Digest;  // OpenSSL's
  std::unique_ptr<Digest> digest_;
};

}  // namespace tuntcp::tools

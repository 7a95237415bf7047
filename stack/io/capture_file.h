// A pcap file in the making: raw IP (LINKTYPE_RAW), nanosecond time stamps.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/base/time.h"
#include "stack/io/failure.h"

struct pcap;
struct pcap_dumper;

namespace tuntcp::io {

// libpcap's writer on a stream of our own, whose errors we get to see. (A program that writes to a
// pipe or under a file size limit ignores SIGPIPE and SIGXFSZ, as their default is to end it.)
class CaptureFile {
 public:
  // Overwrites the file.
  static Outcome<std::unique_ptr<CaptureFile>> create(const std::string& path);
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;
  ~CaptureFile();

  // One packet as on a wire.
  void append(Bytes packet, Instant at);
  // Writes what was appended. 0, or the first error since the beginning.
  int flush();

 private:
  explicit CaptureFile(std::FILE* stream);
  void note_error();

  std::FILE* stream_;  // owned by dumper_ once there is one
  std::vector<char> buffer_;
  pcap* pcap_ = nullptr;
  pcap_dumper* dumper_ = nullptr;
  int error_ = 0;
};

}  // namespace tuntcp::io

#include "stack/io/capture_file.h"

#include <pcap/pcap.h>

#include <cerrno>

namespace tuntcp::io {
namespace {

constexpr int kSnapOctets = 262'144;               // tcpdump's own default
constexpr std::size_t kBufferOctets = 256 * 1024;  // one write(2) for a cut super-packet

}  // namespace

CaptureFile::CaptureFile(std::FILE* stream) : stream_(stream), buffer_(kBufferOctets) {
  std::setvbuf(stream, buffer_.data(), _IOFBF, buffer_.size());
}

CaptureFile::~CaptureFile() {
  if (dumper_ != nullptr) {
    pcap_dump_close(dumper_);
  } else {
    std::fclose(stream_);
  }
  if (pcap_ != nullptr) pcap_close(pcap_);
}

Outcome<std::unique_ptr<CaptureFile>> CaptureFile::create(const std::string& path) {
  const auto failure = [&](int error) {
    const std::error_code code(error, std::system_category());
    return std::unexpected(Failure{code, "cannot write a capture to '" + path +
                                             "': " + code.message() + "; choose another file"});
  };
  std::FILE* const stream = std::fopen(path.c_str(), "we");
  if (stream == nullptr) return failure(errno);
  std::unique_ptr<CaptureFile> file(new CaptureFile(stream));
  // DLT_RAW in memory is LINKTYPE_RAW (101) in the file.
  file->pcap_ =
      pcap_open_dead_with_tstamp_precision(DLT_RAW, kSnapOctets, PCAP_TSTAMP_PRECISION_NANO);
  file->dumper_ = pcap_dump_fopen(file->pcap_, stream);
  if (file->dumper_ == nullptr) return failure(EIO);
  if (const int error = file->flush(); error != 0) return failure(error);
  return file;
}

void CaptureFile::append(Bytes packet, Instant at) {
  pcap_pkthdr header{};
  header.ts.tv_sec = at.ns() / 1'000'000'000;
  header.ts.tv_usec = at.ns() % 1'000'000'000;  // nanoseconds, by the file's precision
  header.caplen = header.len = static_cast<bpf_u_int32>(packet.size());
  pcap_dump(reinterpret_cast<u_char*>(dumper_), &header, packet.data());
  note_error();
}

int CaptureFile::flush() {
  std::fflush(stream_);
  note_error();
  return error_;
}

// pcap_dump() ignores errors, but the stream tells.
void CaptureFile::note_error() {
  if (error_ == 0 && std::ferror(stream_) != 0) error_ = errno;
}

}  // namespace tuntcp::io

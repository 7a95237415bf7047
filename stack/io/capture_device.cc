#include "stack/io/capture_device.h"

#include <pcap/pcap.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "stack/wire/wire_packets.h"

namespace tuntcp::io {
namespace {

constexpr int kSnapOctets = 262'144;               // tcpdump's own default
constexpr std::size_t kBufferOctets = 256 * 1024;  // one write(2) for a cut super-packet

}  // namespace

// libpcap's writer on a stream of our own, whose errors we get to see.
class CaptureDevice::File {
 public:
  // Or the error.
  static std::expected<std::unique_ptr<File>, int> create(const std::string& path) {
    std::FILE* stream = std::fopen(path.c_str(), "we");
    if (stream == nullptr) return std::unexpected(errno);
    std::unique_ptr<File> file(new File(stream));
    std::setvbuf(stream, file->buffer_.data(), _IOFBF, file->buffer_.size());
    // DLT_RAW in memory is LINKTYPE_RAW (101) in the file.
    file->pcap_ =
        pcap_open_dead_with_tstamp_precision(DLT_RAW, kSnapOctets, PCAP_TSTAMP_PRECISION_NANO);
    file->dumper_ = pcap_dump_fopen(file->pcap_, stream);
    if (file->dumper_ == nullptr) return std::unexpected(EIO);
    if (const int error = file->flush(); error != 0) return std::unexpected(error);
    return file;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (dumper_ != nullptr) pcap_dump_close(dumper_);
    if (pcap_ != nullptr) pcap_close(pcap_);
  }

  void append(Bytes packet, Instant now) {
    pcap_pkthdr header{};
    header.ts.tv_sec = now.ns() / 1'000'000'000;
    header.ts.tv_usec = now.ns() % 1'000'000'000;  // nanoseconds, by the file's precision
    header.caplen = header.len = static_cast<bpf_u_int32>(packet.size());
    pcap_dump(reinterpret_cast<u_char*>(dumper_), &header, packet.data());
    note_error();
  }
  // Writes what was appended. 0, or the first error since the beginning.
  int flush() {
    std::fflush(stream_);
    note_error();
    return error_;
  }

 private:
  explicit File(std::FILE* stream) : stream_(stream), buffer_(kBufferOctets) {}
  // pcap_dump() ignores errors, but the stream tells.
  void note_error() {
    if (error_ == 0 && std::ferror(stream_) != 0) error_ = errno;
  }
  std::FILE* stream_;  // owned by dumper_
  std::vector<char> buffer_;
  pcap_t* pcap_ = nullptr;
  pcap_dumper_t* dumper_ = nullptr;
  int error_ = 0;
};

Outcome<std::unique_ptr<CaptureDevice>> CaptureDevice::open(Device& inner, const std::string& path,
                                                            Clock clock, Report report) {
  auto file = File::create(path);
  if (!file) {
    const std::error_code code(file.error(), std::system_category());
    return std::unexpected(Failure{code, "cannot write a capture to '" + path +
                                             "': " + code.message() + "; choose another file"});
  }
  return std::unique_ptr<CaptureDevice>(
      new CaptureDevice(inner, std::move(*file), path, std::move(clock), std::move(report)));
}

CaptureDevice::CaptureDevice(Device& inner, std::unique_ptr<File> file, std::string path,
                             Clock clock, Report report)
    : inner_(inner),
      file_(std::move(file)),
      path_(std::move(path)),
      clock_(std::move(clock)),
      report_(std::move(report)) {}

CaptureDevice::~CaptureDevice() = default;

std::expected<std::size_t, std::error_code> CaptureDevice::read(MutableBytes room,
                                                                wire::ReceivedOffload& offload) {
  const auto octets = inner_.read(room, offload);
  if (octets) capture(room.subspan(inner_.headroom(), *octets), offload);
  return octets;
}

wire::SendResult CaptureDevice::send(const wire::OutgoingPacket& packet) {
  const wire::SendResult result = inner_.send(packet);
  if (result != wire::SendResult::sent || !file_) return result;
  sent_.assign(packet.headers.begin(), packet.headers.end());
  for (const Bytes piece : packet.payload) sent_.insert(sent_.end(), piece.begin(), piece.end());
  wire::ReceivedOffload offload;
  if (packet.needs_checksum) offload.checksum = wire::ReceivedOffload::Checksum::partial;
  offload.gso_size = packet.gso_size;
  capture(sent_, offload);
  return result;
}

void CaptureDevice::capture(Bytes packet, const wire::ReceivedOffload& offload) {
  if (!file_) return;
  const Instant now = clock_();
  std::uint64_t written = 0;
  wire::for_each_wire_packet(packet, offload, [&](Bytes on_wire) {
    file_->append(on_wire, now);
    ++written;
  });
  if (const int error = file_->flush(); error != 0) return stop(error);
  packets_ += written;
}

void CaptureDevice::stop(int error) {
  file_.reset();
  const std::error_code code(error, std::system_category());
  report_({code, "capture to '" + path_ + "' stopped after " + std::to_string(packets_) +
                     " packets: " + code.message() + "; everything else goes on"});
}

}  // namespace tuntcp::io

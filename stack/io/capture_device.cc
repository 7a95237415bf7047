#include "stack/io/capture_device.h"

#include <utility>

#include "stack/wire/wire_packets.h"

namespace tuntcp::io {

Outcome<std::unique_ptr<CaptureDevice>> CaptureDevice::open(Device& inner, const std::string& path,
                                                            Clock clock, Report report) {
  auto file = CaptureFile::create(path);
  if (!file) return std::unexpected(file.error());
  return std::unique_ptr<CaptureDevice>(
      new CaptureDevice(inner, std::move(*file), path, std::move(clock), std::move(report)));
}

CaptureDevice::CaptureDevice(Device& inner, std::unique_ptr<CaptureFile> file, std::string path,
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

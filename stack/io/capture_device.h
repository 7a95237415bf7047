// A decorator that writes what passes through a device to a pcap file, as it would look on a wire:
// raw IP (LINKTYPE_RAW), super-packets cut into segments, all checksums complete.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stack/base/time.h"
#include "stack/io/capture_file.h"
#include "stack/io/device.h"

namespace tuntcp::io {

// Every packet read, and every one sent that the inner device took, is in the file when the call
// returns. A capture that cannot be written ends with one report; packets pass on regardless. (A
// program that writes to a pipe or under a file size limit ignores SIGPIPE and SIGXFSZ, as their
// default is to end it.)
class CaptureDevice final : public Device {
 public:
  using Clock = std::function<Instant()>;  // since 1970: see wall_clock_now()
  using Report = std::function<void(const Failure&)>;

  // `inner` must outlive the new device. The file is overwritten; nanosecond time stamps.
  static Outcome<std::unique_ptr<CaptureDevice>> open(Device& inner, const std::string& path,
                                                      Clock clock, Report report);
  ~CaptureDevice() override;

  std::uint64_t packets_captured() const { return packets_; }  // as on a wire

  int native_handle() const override { return inner_.native_handle(); }
  std::expected<std::size_t, std::error_code> read(MutableBytes room,
                                                   wire::ReceivedOffload& offload) override;
  std::uint32_t headroom() const override { return inner_.headroom(); }
  wire::SendResult send(const wire::OutgoingPacket& packet) override;
  const LinkState& link() const override { return inner_.link(); }
  int link_handle() const override { return inner_.link_handle(); }
  Outcome<void> take_link_news() override { return inner_.take_link_news(); }

 private:
  CaptureDevice(Device& inner, std::unique_ptr<CaptureFile> file, std::string path, Clock clock,
                Report report);
  void capture(Bytes packet, const wire::ReceivedOffload& offload);
  void stop(int error);

  Device& inner_;
  std::unique_ptr<CaptureFile> file_;  // null once the capture has ended
  std::string path_;
  Clock clock_;
  Report report_;
  std::vector<std::uint8_t> sent_;  // the packet being sent, in one piece
  std::uint64_t packets_ = 0;
};

}  // namespace tuntcp::io

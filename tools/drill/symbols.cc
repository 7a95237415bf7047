#include "tools/drill/symbols.h"

#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <iterator>

namespace tuntcp::drill {
namespace {

struct Symbol {
  std::string_view name;
  std::int64_t value;
};

// Of options that are younger than the C library's headers: linux/tcp.h, linux/socket.h.
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif
#ifndef TCP_CM_INQ
#define TCP_CM_INQ TCP_INQ
#endif

#define SYMBOL(name) {#name, static_cast<std::int64_t>(name)}

const Symbol kSymbols[] = {
    {"NULL", 0},
    SYMBOL(AF_INET),
    SYMBOL(AF_INET6),
    SYMBOL(AF_UNSPEC),
    {"PF_INET", AF_INET},
    {"PF_INET6", AF_INET6},
    SYMBOL(SOCK_STREAM),
    SYMBOL(SOCK_NONBLOCK),
    SYMBOL(SOCK_CLOEXEC),
    SYMBOL(SOCK_DGRAM),
    SYMBOL(IPPROTO_IP),
    SYMBOL(IPPROTO_IPV6),
    SYMBOL(IPPROTO_TCP),
    SYMBOL(IPPROTO_UDP),
    SYMBOL(INADDR_ANY),
    // Levels.
    SYMBOL(SOL_SOCKET),
    SYMBOL(SOL_TCP),
    {"SOL_IP", IPPROTO_IP},
    {"SOL_IPV6", IPPROTO_IPV6},
    // SOL_SOCKET.
    SYMBOL(SO_REUSEADDR),
    SYMBOL(SO_REUSEPORT),
    SYMBOL(SO_SNDBUF),
    SYMBOL(SO_RCVBUF),
    SYMBOL(SO_SNDBUFFORCE),
    SYMBOL(SO_RCVBUFFORCE),
    SYMBOL(SO_SNDTIMEO),
    SYMBOL(SO_RCVTIMEO),
    SYMBOL(SO_SNDLOWAT),
    SYMBOL(SO_RCVLOWAT),
    SYMBOL(SO_ERROR),
    SYMBOL(SO_TYPE),
    SYMBOL(SO_DOMAIN),
    SYMBOL(SO_PROTOCOL),
    SYMBOL(SO_ACCEPTCONN),
    SYMBOL(SO_KEEPALIVE),
    SYMBOL(SO_LINGER),
    SYMBOL(SO_OOBINLINE),
    SYMBOL(SO_MARK),
    SYMBOL(SO_PRIORITY),
    SYMBOL(SO_TIMESTAMPING),
    SYMBOL(SO_ZEROCOPY),
    SYMBOL(SO_MAX_PACING_RATE),
    SYMBOL(SO_BUSY_POLL),
    SYMBOL(SO_INCOMING_CPU),
    // SOL_TCP.
    SYMBOL(TCP_NODELAY),
    SYMBOL(TCP_MAXSEG),
    SYMBOL(TCP_CORK),
    SYMBOL(TCP_KEEPIDLE),
    SYMBOL(TCP_KEEPINTVL),
    SYMBOL(TCP_KEEPCNT),
    SYMBOL(TCP_SYNCNT),
    SYMBOL(TCP_LINGER2),
    SYMBOL(TCP_DEFER_ACCEPT),
    SYMBOL(TCP_WINDOW_CLAMP),
    SYMBOL(TCP_INFO),
    SYMBOL(TCP_QUICKACK),
    SYMBOL(TCP_CONGESTION),
    SYMBOL(TCP_MD5SIG),
    SYMBOL(TCP_THIN_LINEAR_TIMEOUTS),
    SYMBOL(TCP_USER_TIMEOUT),
    SYMBOL(TCP_FASTOPEN),
    SYMBOL(TCP_TIMESTAMP),
    SYMBOL(TCP_NOTSENT_LOWAT),
    SYMBOL(TCP_SAVE_SYN),
    SYMBOL(TCP_FASTOPEN_CONNECT),
    SYMBOL(TCP_FASTOPEN_KEY),
    SYMBOL(TCP_FASTOPEN_NO_COOKIE),
    SYMBOL(TCP_INQ),
    SYMBOL(TCP_CM_INQ),
    {"TCP_DELACK_MAX", 45},
    {"TCP_RTO_MAX_MS", 44},
    {"TCP_RTO_MIN_US", 46},
    // SOL_IP, SOL_IPV6.
    SYMBOL(IP_TOS),
    SYMBOL(IP_TTL),
    SYMBOL(IP_MTU),
    SYMBOL(IP_MTU_DISCOVER),
    SYMBOL(IP_PMTUDISC_DONT),
    SYMBOL(IP_PMTUDISC_WANT),
    SYMBOL(IP_PMTUDISC_DO),
    SYMBOL(IP_PMTUDISC_PROBE),
    SYMBOL(IP_PMTUDISC_INTERFACE),
    SYMBOL(IP_PMTUDISC_OMIT),
    SYMBOL(IP_FREEBIND),
    SYMBOL(IP_RECVERR),
    SYMBOL(IPV6_V6ONLY),
    SYMBOL(IPV6_TCLASS),
    SYMBOL(IPV6_MTU),
    SYMBOL(IPV6_MTU_DISCOVER),
    SYMBOL(IPV6_PMTUDISC_DONT),
    SYMBOL(IPV6_PMTUDISC_WANT),
    SYMBOL(IPV6_PMTUDISC_DO),
    SYMBOL(IPV6_PMTUDISC_PROBE),
    SYMBOL(IPV6_PMTUDISC_INTERFACE),
    SYMBOL(IPV6_PMTUDISC_OMIT),
    SYMBOL(IPV6_RECVERR),
    SYMBOL(IPV6_UNICAST_HOPS),
    // Flags of calls.
    SYMBOL(MSG_DONTWAIT),
    SYMBOL(MSG_NOSIGNAL),
    SYMBOL(MSG_PEEK),
    SYMBOL(MSG_TRUNC),
    SYMBOL(MSG_CTRUNC),
    SYMBOL(MSG_WAITALL),
    SYMBOL(MSG_MORE),
    SYMBOL(MSG_EOR),
    SYMBOL(MSG_OOB),
    SYMBOL(MSG_ERRQUEUE),
    SYMBOL(MSG_FASTOPEN),
    SYMBOL(MSG_ZEROCOPY),
    SYMBOL(SHUT_RD),
    SYMBOL(SHUT_WR),
    SYMBOL(SHUT_RDWR),
    SYMBOL(F_GETFL),
    SYMBOL(F_SETFL),
    SYMBOL(F_GETFD),
    SYMBOL(F_SETFD),
    SYMBOL(O_RDONLY),
    SYMBOL(O_WRONLY),
    SYMBOL(O_RDWR),
    SYMBOL(O_NONBLOCK),
    SYMBOL(SIOCINQ),
    SYMBOL(SIOCOUTQ),
    SYMBOL(SIOCATMARK),
    {"SIOCOUTQNSD", SIOCOUTQNSD},
    SYMBOL(FIONREAD),
    // Readiness.
    SYMBOL(POLLIN),
    SYMBOL(POLLPRI),
    SYMBOL(POLLOUT),
    SYMBOL(POLLERR),
    SYMBOL(POLLHUP),
    SYMBOL(POLLRDHUP),
    SYMBOL(POLLNVAL),
    SYMBOL(EPOLLIN),
    SYMBOL(EPOLLPRI),
    SYMBOL(EPOLLOUT),
    SYMBOL(EPOLLERR),
    SYMBOL(EPOLLHUP),
    SYMBOL(EPOLLRDHUP),
    SYMBOL(EPOLLET),
    SYMBOL(EPOLLONESHOT),
    SYMBOL(EPOLLEXCLUSIVE),
    SYMBOL(EPOLL_CTL_ADD),
    SYMBOL(EPOLL_CTL_MOD),
    SYMBOL(EPOLL_CTL_DEL),
    // Control messages.
    SYMBOL(SCM_TIMESTAMPING),
    SYMBOL(SO_EE_ORIGIN_NONE),
    SYMBOL(SO_EE_ORIGIN_LOCAL),
    SYMBOL(SO_EE_ORIGIN_ICMP),
    SYMBOL(SO_EE_ORIGIN_ICMP6),
    SYMBOL(SO_EE_ORIGIN_TIMESTAMPING),
    SYMBOL(SO_EE_ORIGIN_ZEROCOPY),
    SYMBOL(SO_EE_CODE_ZEROCOPY_COPIED),
    SYMBOL(SCM_TSTAMP_SND),
    SYMBOL(SCM_TSTAMP_SCHED),
    SYMBOL(SCM_TSTAMP_ACK),
    SYMBOL(SOF_TIMESTAMPING_TX_HARDWARE),
    SYMBOL(SOF_TIMESTAMPING_TX_SOFTWARE),
    SYMBOL(SOF_TIMESTAMPING_RX_SOFTWARE),
    SYMBOL(SOF_TIMESTAMPING_SOFTWARE),
    SYMBOL(SOF_TIMESTAMPING_TX_SCHED),
    SYMBOL(SOF_TIMESTAMPING_TX_ACK),
    SYMBOL(SOF_TIMESTAMPING_OPT_ID),
    SYMBOL(SOF_TIMESTAMPING_OPT_TSONLY),
};

#undef SYMBOL

// glibc 2.32 and younger tell the name of an error.
constexpr int kErrorsMax = 200;

}  // namespace

std::optional<std::int64_t> symbol(std::string_view name) {
  for (const Symbol& known : kSymbols) {
    if (known.name == name) return known.value;
  }
  if (!name.starts_with('E')) return std::nullopt;
  if (name == "EWOULDBLOCK") return EWOULDBLOCK;
  for (int error = 1; error < kErrorsMax; ++error) {
    const char* error_text = strerrorname_np(error);
    if (error_text != nullptr && name == error_text) return error;
  }
  return std::nullopt;
}

std::string option_name(int level, int option) {
  const std::string_view prefix = level == SOL_SOCKET     ? "SO_"
                                  : level == IPPROTO_TCP  ? "TCP_"
                                  : level == IPPROTO_IPV6 ? "IPV6_"
                                                          : "IP_";
  for (const Symbol& known : kSymbols) {
    if (known.value == option && known.name.starts_with(prefix)) return std::string(known.name);
  }
  return "level " + std::to_string(level) + ", option " + std::to_string(option);
}

std::string error_name(int error) {
  const char* name = strerrorname_np(error);
  return std::string(name != nullptr ? name : std::to_string(error)) + " (" +
         std::string(strerrordesc_np(error) != nullptr ? strerrordesc_np(error) : "") + ")";
}

}  // namespace tuntcp::drill

// Urgent data as programs see it: MSG_OOB, SO_OOBINLINE, SIOCATMARK, POLLPRI. RFC 9293, 3.8.5
// leaves to each system how; as the kernel answers, so must we.
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "tests/bsd/agreement.h"

namespace tuntcp::test {
namespace {

// What a program with urgent data sees. Between two steps everything arrives.
void urgent_octet(World& w) {
  const auto pair = w.connected();
  w.send(pair.client, "abc", MSG_OOB);
  w.settle();
  w.send(pair.client, "def");
  w.settle();
  w.ioctl(pair.server, FIONREAD);
  w.ioctl(pair.server, SIOCATMARK);
  w.poll(pair.server);
  w.recv(pair.server, 10, MSG_OOB | MSG_PEEK);
  w.recv(pair.server, 10, MSG_PEEK);
  w.recv(pair.server, 10);
  w.ioctl(pair.server, SIOCATMARK);
  w.ioctl(pair.server, FIONREAD);
  w.recv(pair.server, 10, MSG_PEEK);
  w.recv(pair.server, 10, MSG_OOB);
  w.recv(pair.server, 10, MSG_OOB);
  w.poll(pair.server);
  w.recv(pair.server, 10);
  w.ioctl(pair.server, SIOCATMARK);
  w.recv(pair.server, 10);
  w.recv(pair.server, 10, MSG_OOB);
}

void urgent_octet_inline(World& w) {
  const auto pair = w.connected();
  w.set(pair.server, SOL_SOCKET, SO_OOBINLINE, 1);
  w.send(pair.client, "abc", MSG_OOB);
  w.settle();
  w.send(pair.client, "def");
  w.settle();
  w.ioctl(pair.server, FIONREAD);
  w.poll(pair.server);
  w.recv(pair.server, 10, MSG_OOB);
  w.recv(pair.server, 10);
  w.ioctl(pair.server, SIOCATMARK);
  w.recv(pair.server, 10);
  w.recv(pair.server, 10);
}

void urgent_octet_alone(World& w) {
  const auto pair = w.connected();
  w.send(pair.client, "x", MSG_OOB);
  w.settle();
  w.poll(pair.server);
  w.ioctl(pair.server, FIONREAD);
  w.ioctl(pair.server, SIOCATMARK);
  w.recv(pair.server, 10, MSG_OOB);
  // Another one behind it: the first does not come back.
  w.send(pair.client, "y", MSG_OOB);
  w.settle();
  w.poll(pair.server);
  w.recv(pair.server, 10, MSG_OOB);
  w.recv(pair.server, 10);
  w.send(pair.client, "z");
  w.settle();
  w.recv(pair.server, 10);
  w.shutdown(pair.client, SHUT_WR);
  w.settle();
  w.recv(pair.server, 10, MSG_OOB);
  w.recv(pair.server, 10);
}

void urgent_call_errors(World& w) {
  const auto pair = w.connected();
  w.recv(pair.listener, 1, MSG_OOB);
  const int fresh = w.socket();
  w.recv(fresh, 1, MSG_OOB);
  w.send(fresh, "x", MSG_OOB);
  w.ioctl(fresh, SIOCATMARK);
  w.send(pair.client, "", MSG_OOB);
  w.settle();
  w.recv(pair.server, 1, MSG_OOB);
  w.close(pair.client);
  w.settle();
  w.recv(pair.server, 1, MSG_OOB);
}

// What a reset leaves is text, and no urgent octet.
void urgent_octet_of_a_reset(World& w) {
  const auto pair = w.connected();
  w.send(pair.client, "abc", MSG_OOB);
  w.settle();
  const linger none{.l_onoff = 1, .l_linger = 0};
  w.calls().setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  w.close(pair.client);
  w.settle();
  w.poll(pair.server);
  w.ioctl(pair.server, FIONREAD);
  w.recv(pair.server, 10, MSG_OOB | MSG_PEEK);
  w.recv(pair.server, 10, MSG_OOB);
  w.recv(pair.server, 10);
  w.ioctl(pair.server, SIOCATMARK);
  w.recv(pair.server, 10);
  w.recv(pair.server, 10);
}

TUNTCP_AGREEMENT(Urgent, {"OctetOfAReset", urgent_octet_of_a_reset}, {"Octet", urgent_octet},
                 {"OctetInline", urgent_octet_inline}, {"OctetAlone", urgent_octet_alone},
                 {"CallErrors", urgent_call_errors});

}  // namespace
}  // namespace tuntcp::test

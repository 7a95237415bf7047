// Counters under Linux's MIB names, as `nstat` prints them: SNMP (RFC 1213, RFC 4022) and Linux's
// own TcpExt. A host counts; nothing here decides.
#pragma once

#include <array>
#include <cstdint>

namespace tuntcp {

// X(enumerator, name in nstat, what is counted)
#define TUNTCP_MIB(X)                                                                              \
  X(ip_in_receives, "IpInReceives", "IPv4 packets received")                                       \
  X(ip_in_hdr_errors, "IpInHdrErrors", "IPv4 packets with a bad header")                           \
  X(ip_in_addr_errors, "IpInAddrErrors", "IPv4 packets not for this host or from nowhere")         \
  X(ip_in_unknown_protos, "IpInUnknownProtos", "IPv4 packets of an unknown protocol")              \
  X(ip_in_truncated_pkts, "IpExtInTruncatedPkts", "IPv4 packets shorter than they say")            \
  X(ip_in_csum_errors, "IpExtInCsumErrors", "IPv4 headers with a bad checksum")                    \
  X(ip_reasm_fails, "IpReasmFails", "failures to reassemble IPv4")                                 \
  X(ip_reasm_reqds, "IpReasmReqds", "IPv4 fragments received")                                     \
  X(ip_reasm_oks, "IpReasmOKs", "IPv4 packets reassembled")                                        \
  X(ip_reasm_timeout, "IpReasmTimeout", "reassemblies of IPv4 given up: ipfrag_time")              \
  X(ip_reasm_overlaps, "IpExtReasmOverlaps", "fragments that overlapped others")                   \
  X(ip_in_delivers, "IpInDelivers", "IPv4 packets delivered")                                      \
  X(ip_out_requests, "IpOutRequests", "IPv4 packets sent")                                         \
  X(ip_out_discards, "IpOutDiscards", "packets that the device or a queue did not take")           \
  X(ip_out_no_routes, "IpOutNoRoutes", "connections with no address to send from")                 \
  X(ip6_in_receives, "Ip6InReceives", "IPv6 packets received")                                     \
  X(ip6_in_hdr_errors, "Ip6InHdrErrors", "IPv6 packets with a bad header")                         \
  X(ip6_in_addr_errors, "Ip6InAddrErrors", "IPv6 packets not for this host or from nowhere")       \
  X(ip6_in_unknown_protos, "Ip6InUnknownProtos", "IPv6 packets of an unknown protocol")            \
  X(ip6_in_truncated_pkts, "Ip6InTruncatedPkts", "IPv6 packets shorter than they say")             \
  X(ip6_reasm_fails, "Ip6ReasmFails", "failures to reassemble IPv6")                               \
  X(ip6_reasm_reqds, "Ip6ReasmReqds", "IPv6 fragments received")                                   \
  X(ip6_reasm_oks, "Ip6ReasmOKs", "IPv6 packets reassembled")                                      \
  X(ip6_reasm_timeout, "Ip6ReasmTimeout", "reassemblies of IPv6 given up")                         \
  X(ip6_in_delivers, "Ip6InDelivers", "IPv6 packets delivered")                                    \
  X(ip6_out_requests, "Ip6OutRequests", "IPv6 packets sent")                                       \
  X(ip6_out_discards, "Ip6OutDiscards", "packets that the device or a queue did not take")         \
  X(ip6_out_no_routes, "Ip6OutNoRoutes", "connections with no address to send from")               \
  X(icmp_in_msgs, "IcmpInMsgs", "ICMP messages received")                                          \
  X(icmp_in_errors, "IcmpInErrors", "ICMP messages of no use")                                     \
  X(icmp_in_dest_unreachs, "IcmpInDestUnreachs", "ICMP destination unreachable received")          \
  X(icmp_in_time_excds, "IcmpInTimeExcds", "ICMP time exceeded received")                          \
  X(icmp_in_parm_probs, "IcmpInParmProbs", "ICMP parameter problem received")                      \
  X(icmp_in_src_quenchs, "IcmpInSrcQuenchs", "ICMP source quench received, ignored")               \
  X(icmp_in_echos, "IcmpInEchos", "ICMP echo requests received")                                   \
  X(icmp_out_echo_reps, "IcmpOutEchoReps", "ICMP echo replies sent")                               \
  X(icmp6_in_msgs, "Icmp6InMsgs", "ICMPv6 messages received")                                      \
  X(icmp6_in_errors, "Icmp6InErrors", "ICMPv6 messages of no use")                                 \
  X(icmp6_in_dest_unreachs, "Icmp6InDestUnreachs", "ICMPv6 destination unreachable")               \
  X(icmp6_in_pkt_too_bigs, "Icmp6InPktTooBigs", "ICMPv6 packet too big received")                  \
  X(icmp6_in_time_excds, "Icmp6InTimeExcds", "ICMPv6 time exceeded received")                      \
  X(icmp6_in_parm_problems, "Icmp6InParmProblems", "ICMPv6 parameter problem")                     \
  X(icmp6_in_echos, "Icmp6InEchos", "ICMPv6 echo requests received")                               \
  X(icmp6_out_echo_replies, "Icmp6OutEchoReplies", "ICMPv6 echo replies sent")                     \
  X(tcp_active_opens, "TcpActiveOpens", "CLOSED to SYN-SENT")                                      \
  X(tcp_passive_opens, "TcpPassiveOpens", "LISTEN to SYN-RECEIVED")                                \
  X(tcp_attempt_fails, "TcpAttemptFails", "connections that failed before ESTABLISHED")            \
  X(tcp_estab_resets, "TcpEstabResets", "ESTABLISHED or CLOSE-WAIT to CLOSED")                     \
  X(tcp_in_segs, "TcpInSegs", "segments received, super-packets counted as one")                   \
  X(tcp_out_segs, "TcpOutSegs", "segments sent, as cut on the wire")                               \
  X(tcp_retrans_segs, "TcpRetransSegs", "segments retransmitted")                                  \
  X(tcp_in_errs, "TcpInErrs", "segments with a bad header or checksum")                            \
  X(tcp_out_rsts, "TcpOutRsts", "segments sent with RST")                                          \
  X(tcp_in_csum_errors, "TcpInCsumErrors", "segments with a bad checksum")                         \
  X(tcp_embryonic_rsts, "TcpExtEmbryonicRsts", "RST received in SYN-RECEIVED")                     \
  X(tcp_out_of_window_icmps, "TcpExtOutOfWindowIcmps", "ICMP errors about other numbers")          \
  X(tcp_tw, "TcpExtTW", "TIME-WAIT ended by its timer")                                            \
  X(tcp_tw_recycled, "TcpExtTWRecycled", "TIME-WAIT reused by an outgoing connection")             \
  X(tcp_tw_overflow, "TcpExtTCPTimeWaitOverflow", "TIME-WAIT skipped: tcp_max_tw_buckets")         \
  X(tcp_paws_active, "TcpExtPAWSActive", "SYN,ACK dropped in SYN-SENT by PAWS")                    \
  X(tcp_paws_estab, "TcpExtPAWSEstab", "segments dropped by PAWS")                                 \
  X(tcp_paws_old_ack, "TcpExtPAWSOldAck", "old ACKs without text dropped by PAWS")                 \
  X(tcp_paws_tw, "TcpExtPAWSTimewait", "segments dropped by PAWS in TIME-WAIT")                    \
  X(ip_in_no_ect, "IpExtInNoECTPkts", "IPv4 packets received without ECT")                         \
  X(ip_in_ect1, "IpExtInECT1Pkts", "IPv4 packets received with ECT(1)")                            \
  X(ip_in_ect0, "IpExtInECT0Pkts", "IPv4 packets received with ECT(0)")                            \
  X(ip_in_ce, "IpExtInCEPkts", "IPv4 packets received with CE")                                    \
  X(ip6_in_no_ect, "Ip6InNoECTPkts", "IPv6 packets received without ECT")                          \
  X(ip6_in_ect1, "Ip6InECT1Pkts", "IPv6 packets received with ECT(1)")                             \
  X(ip6_in_ect0, "Ip6InECT0Pkts", "IPv6 packets received with ECT(0)")                             \
  X(ip6_in_ce, "Ip6InCEPkts", "IPv6 packets received with CE")                                     \
  X(tcp_delivered_ce, "TcpExtTCPDeliveredCE", "segments acknowledged together with ECE")           \
  X(tcp_delayed_acks, "TcpExtDelayedACKs", "ACKs sent by the delayed ACK timer")                   \
  X(tcp_ack_compressed, "TcpExtTCPAckCompressed", "ACKs of segments out of order saved")           \
  X(tcp_delayed_ack_lost, "TcpExtDelayedACKLost", "duplicate segments: our ACK was late")          \
  X(syncookies_sent, "TcpExtSyncookiesSent", "SYN cookies sent")                                   \
  X(syncookies_recv, "TcpExtSyncookiesRecv", "SYN cookies that came back")                         \
  X(syncookies_failed, "TcpExtSyncookiesFailed", "ACKs of what is no SYN cookie, or too old")      \
  X(tcp_listen_overflows, "TcpExtListenOverflows", "accept queue full")                            \
  X(tcp_listen_drops, "TcpExtListenDrops", "SYNs and ACKs dropped at a listener")                  \
  X(tcp_req_qfull_drop, "TcpExtTCPReqQFullDrop", "SYN queue full, no cookie sent")                 \
  X(tcp_req_qfull_docookies, "TcpExtTCPReqQFullDoCookies", "SYN queue full, cookie sent")          \
  X(tcp_abort_on_data, "TcpExtTCPAbortOnData", "data after close, or linger 0")                    \
  X(tcp_abort_on_close, "TcpExtTCPAbortOnClose", "close with unread data")                         \
  X(tcp_abort_on_memory, "TcpExtTCPAbortOnMemory", "aborted for want of memory")                   \
  X(tcp_abort_on_timeout, "TcpExtTCPAbortOnTimeout", "aborted by a timer")                         \
  X(tcp_abort_on_linger, "TcpExtTCPAbortOnLinger", "FIN-WAIT-2 orphan given up")                   \
  X(tcp_timeouts, "TcpExtTCPTimeouts", "retransmission timer expiries")                            \
  X(tcp_syn_retrans, "TcpExtTCPSynRetrans", "SYN and SYN,ACK retransmissions")                     \
  X(tcp_fast_retrans, "TcpExtTCPFastRetrans", "fast retransmissions")                              \
  X(tcp_reno_recovery, "TcpExtTCPRenoRecovery", "NewReno recoveries entered")                      \
  X(tcp_reno_failures, "TcpExtTCPRenoFailures", "RTO with duplicate ACKs or none")                 \
  X(tcp_slow_start_retrans, "TcpExtTCPSlowStartRetrans", "retransmissions after a timeout")        \
  X(tcp_sack_recovery, "TcpExtTCPSackRecovery", "recoveries by SACK entered")                      \
  X(tcp_sack_recovery_fail, "TcpExtTCPSackRecoveryFail", "RTO while in SACK recovery")             \
  X(tcp_reno_recovery_fail, "TcpExtTCPRenoRecoveryFail", "RTO while in NewReno recovery")          \
  X(tcp_sack_failures, "TcpExtTCPSackFailures", "RTO with something SACKed or in disorder")        \
  X(tcp_loss_failures, "TcpExtTCPLossFailures", "RTO while recovering from one")                   \
  X(tcp_lost_retransmit, "TcpExtTCPLostRetransmit", "retransmissions found lost")                  \
  X(tcp_sack_reneging, "TcpExtTCPSACKReneging", "the peer dropped what it had SACKed")             \
  X(tcp_sack_discard, "TcpExtTCPSACKDiscard", "SACK blocks that cannot be true")                   \
  X(tcp_sack_reorder, "TcpExtTCPSACKReorder", "reordering found by SACK")                          \
  X(tcp_reno_reorder, "TcpExtTCPRenoReorder", "reordering found by duplicate ACKs")                \
  X(tcp_ts_reorder, "TcpExtTCPTSReorder", "reordering found by timestamps")                        \
  X(tcp_dsack_ofo_recv, "TcpExtTCPDSACKOfoRecv", "D-SACK received for data out of order")          \
  X(tcp_dsack_recv_segs, "TcpExtTCPDSACKRecvSegs", "segments that D-SACKs reported")               \
  X(tcp_dsack_ignored_dubious, "TcpExtTCPDSACKIgnoredDubious", "D-SACK of more than was repeated") \
  X(tcp_dsack_ignored_no_undo, "TcpExtTCPDSACKIgnoredNoUndo", "D-SACK with nothing to undo")       \
  X(tcp_dsack_ignored_old, "TcpExtTCPDSACKIgnoredOld", "D-SACK of before the episode")             \
  X(tcp_dsack_undo, "TcpExtTCPDSACKUndo", "episodes undone by D-SACK")                             \
  X(tcp_full_undo, "TcpExtTCPFullUndo", "recoveries undone at their end")                          \
  X(tcp_partial_undo, "TcpExtTCPPartialUndo", "recoveries undone by a partial ACK")                \
  X(tcp_loss_undo, "TcpExtTCPLossUndo", "timeouts undone")                                         \
  X(tcp_spurious_rtos, "TcpExtTCPSpuriousRTOs", "timeouts that F-RTO found needless")              \
  X(tcp_loss_probes, "TcpExtTCPLossProbes", "tail loss probes sent")                               \
  X(tcp_loss_probe_recovery, "TcpExtTCPLossProbeRecovery", "losses that a probe repaired")         \
  X(tcp_ofo_queue, "TcpExtTCPOFOQueue", "segments queued out of order")                            \
  X(tcp_ofo_drop, "TcpExtTCPOFODrop", "out-of-order segments dropped for want of memory")          \
  X(tcp_ofo_merge, "TcpExtTCPOFOMerge", "segments that overlapped out-of-order data")              \
  X(tcp_rcv_pruned, "TcpExtRcvPruned", "receive queue full: out-of-order data dropped")            \
  X(tcp_rcv_q_drop, "TcpExtTCPRcvQDrop", "segments dropped: receive queue full")                   \
  X(tcp_zero_window_drop, "TcpExtTCPZeroWindowDrop", "segments dropped: window is zero")           \
  X(tcp_beyond_window, "TcpExtBeyondWindow", "segments wholly beyond the window")                  \
  X(tcp_dsack_old_sent, "TcpExtTCPDSACKOldSent", "D-SACK sent for old data")                       \
  X(tcp_dsack_ofo_sent, "TcpExtTCPDSACKOfoSent", "D-SACK sent for out-of-order data")              \
  X(tcp_dsack_recv, "TcpExtTCPDSACKRecv", "D-SACK received for old data")                          \
  X(tcp_challenge_ack, "TcpExtTCPChallengeACK", "challenge ACKs sent (RFC 5961)")                  \
  X(tcp_syn_challenge, "TcpExtTCPSYNChallenge", "challenge ACKs sent for a SYN")                   \
  X(tcp_ack_skipped_syn_recv, "TcpExtTCPACKSkippedSynRecv", "ACKs not sent: rate limit")           \
  X(tcp_ack_skipped_paws, "TcpExtTCPACKSkippedPAWS", "ACKs not sent: rate limit, PAWS")            \
  X(tcp_ack_skipped_seq, "TcpExtTCPACKSkippedSeq", "ACKs not sent: rate limit, sequence")          \
  X(tcp_ack_skipped_fin_wait_2, "TcpExtTCPACKSkippedFinWait2", "not sent: FIN-WAIT-2 limit")       \
  X(tcp_ack_skipped_tw, "TcpExtTCPACKSkippedTimeWait", "ACKs not sent: rate limit, TIME-WAIT")     \
  X(tcp_ack_skipped_challenge, "TcpExtTCPACKSkippedChallenge", "challenge ACKs not sent")          \
  X(tcp_to_zero_window, "TcpExtTCPToZeroWindowAdv", "window advertised went to zero")              \
  X(tcp_from_zero_window, "TcpExtTCPFromZeroWindowAdv", "window advertised left zero")             \
  X(tcp_want_zero_window, "TcpExtTCPWantZeroWindowAdv", "window kept open: no shrinking")          \
  X(tcp_win_probe, "TcpExtTCPWinProbe", "zero window probes sent")                                 \
  X(tcp_keep_alive, "TcpExtTCPKeepAlive", "keep-alive probes sent")                                \
  X(tcp_hystart_train_detect, "TcpExtTCPHystartTrainDetect", "slow start ended: ACK train")        \
  X(tcp_hystart_train_cwnd, "TcpExtTCPHystartTrainCwnd", "sum of cwnd where it ended so")          \
  X(tcp_hystart_delay_detect, "TcpExtTCPHystartDelayDetect", "slow start ended: RTT grew")         \
  X(tcp_hystart_delay_cwnd, "TcpExtTCPHystartDelayCwnd", "sum of cwnd where it ended so")          \
  X(tcp_defer_accept_drop, "TcpExtTCPDeferAcceptDrop", "bare ACKs dropped: TCP_DEFER_ACCEPT")      \
  X(tcp_loopback, "TcpExtTuntcpLoopback", "packets to this host's own addresses")

enum class Counter : std::uint16_t {
#define TUNTCP_MIB_ENUMERATOR(name, text, meaning) name,
  TUNTCP_MIB(TUNTCP_MIB_ENUMERATOR)
#undef TUNTCP_MIB_ENUMERATOR
      count_,
};
inline constexpr std::size_t kCounterCount = static_cast<std::size_t>(Counter::count_);

const char* nstat_name(Counter counter);
const char* meaning(Counter counter);

// All counters of one host, and the one gauge of RFC 4022.
class Mib {
 public:
  void add(Counter counter, std::uint64_t n = 1) {
    values_[static_cast<std::size_t>(counter)] += n;
  }
  std::uint64_t operator[](Counter counter) const {
    return values_[static_cast<std::size_t>(counter)];
  }

 private:
  std::array<std::uint64_t, kCounterCount> values_{};
};

}  // namespace tuntcp

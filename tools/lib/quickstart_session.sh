#!/usr/bin/env bash
# quickstart_session.sh CAPTURE_FILE yes|no: what tools/quickstart does inside its network namespace.
# Starts the stack on a TUN device, has the kernel's programs use it, and ends all that it started.
set -Eeuo pipefail

capture=$1
stay=$2

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tuntcp=$root/build/release/bin/tuntcp
kernel4=198.51.100.1 stack4=198.51.100.2
kernel6=2001:db8::1 stack6=2001:db8::2
# The client stack of "tuntcp get", on a device of its own.
client_addresses=(
  --address 203.0.113.2/24 --host-address 203.0.113.1/24
  --address 2001:db8:1::2/64 --host-address 2001:db8:1::1/64
)
octets=$((64 << 20))

work=$(mktemp -d)
control=$work/control
log=$work/log # what the current step printed
stack_pid=
others=()      # the other processes that this script started
current=setup  # what is being tried
exec 3>&1      # where messages go while a step's own output goes to the log

main() {
  : >"$log"
  : >"$work/stack.log"
  trap finish EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  ip link set lo up

  echo
  echo "The stack is $stack4 and $stack6, the kernel $kernel4 and $kernel6"
  start_stack --pcap "$capture"
  step "ping, IPv4" ping -c 3 -i 0.2 -W 2 "$stack4"
  step "ping, IPv6" ping -c 3 -i 0.2 -W 2 "$stack6"
  step "curl gets a page, IPv4" get_page "http://$stack4/"
  step "curl gets a page, IPv6" get_page "http://[$stack6]/"
  step "nc is echoed, IPv4" echo_line "$stack4"
  step "nc is echoed, IPv6" echo_line "$stack6"
  start_web_server
  step "the stack gets a file from the kernel's web server, IPv4" \
    stack_gets_file "http://203.0.113.1:8000/file"
  step "the stack gets a file from the kernel's web server, IPv6" \
    stack_gets_file "http://[2001:db8:1::1]:8000/file"
  show_connections
  stop_stack

  echo
  echo "$((octets >> 20)) MiB each way, not captured"
  start_stack
  head -c "$octets" /dev/urandom >"$work/data"
  print_characters >"$work/expected"
  step "kernel to stack, IPv4, SHA-256 matches" send_data "http://$stack4/sha256"
  step "stack to kernel, IPv4, SHA-256 matches" receive_data "http://$stack4/bytes/$octets"
  step "kernel to stack, IPv6, SHA-256 matches" send_data "http://[$stack6]/sha256"
  step "stack to kernel, IPv6, SHA-256 matches" receive_data "http://[$stack6]/bytes/$octets"
  if [[ $stay == yes ]]; then
    wait_for_the_user
  fi
  stop_stack
}

# step DESCRIPTION COMMAND...: the command's failure ends the script; see finish.
step() {
  current=$1
  shift
  local began
  began=$(date +%s%N)
  "$@" >"$log" 2>&1
  printf '  ok  %s (%d ms)\n' "$current" $((($(date +%s%N) - began) / 1000000)) >&3
}

start_stack() {
  current="start the stack"
  rm -f "$control"
  setpriv --pdeathsig TERM "$tuntcp" up --tun tun0 --address $stack4/24 --address $stack6/64 \
    --host-address $kernel4/24 --host-address $kernel6/64 \
    --serve echo:7,discard:9,chargen:19,http:80 --control "$control" "$@" >"$work/stack.log" 2>&1 &
  stack_pid=$!
  until_true stack_is_up
}

stack_is_up() {
  kill -0 "$stack_pid" 2>/dev/null || exit 1
  "$tuntcp" ss --control "$control" >/dev/null 2>&1
}

# until_true COMMAND...: tries for at most ten seconds.
until_true() {
  local attempt
  for ((attempt = 0; attempt < 100; ++attempt)); do
    if "$@"; then
      return 0
    fi
    sleep 0.1
  done
  return 1
}

# Ctrl-C in a terminal has told it already.
stop_stack() {
  current="the stack ends when told to"
  kill -TERM "$stack_pid" 2>/dev/null || true
  wait "$stack_pid"
  stack_pid=
}

get_page() {
  curl --silent --show-error --fail --max-time 10 --header "Connection: close" "$1"
}

echo_line() {
  local line="a line for the stack to say again"
  [[ $(nc -N -w 5 "$1" 7 <<<"$line") == "$line" ]]
}

start_web_server() {
  current="start a web server"
  mkdir "$work/www"
  head -c 1000000 /dev/urandom >"$work/www/file"
  setpriv --pdeathsig TERM python3 -m http.server --bind :: --directory "$work/www" 8000 \
    >"$work/web.log" 2>&1 &
  others+=($!)
  until_true curl --silent --max-time 1 --output /dev/null "http://[::1]:8000/"
}

stack_gets_file() {
  "$tuntcp" get "$1" --tun tun1 "${client_addresses[@]}" -o "$work/got"
  cmp "$work/www/file" "$work/got"
}

# The stack answers with the SHA-256 of what it received.
send_data() {
  local answer
  answer=$(curl --silent --show-error --fail --max-time 60 --upload-file "$work/data" "$1")
  [[ $answer == "$(sha256_of "$work/data")" ]]
}

receive_data() {
  curl --silent --show-error --fail --max-time 60 --output "$work/received" "$1"
  [[ $(sha256_of "$work/received") == "$(sha256_of "$work/expected")" ]]
}

# What the stack sends: the characters of RFC 864, so that the digest is known without it.
print_characters() {
  python3 - "$octets" <<'END'
import sys
octets = int(sys.argv[1])
characters = bytes(range(32, 127)) * 2
period = b"".join(characters[i : i + 72] + b"\r\n" for i in range(95))
sys.stdout.buffer.write((period * (octets // len(period) + 1))[:octets])
END
}

sha256_of() {
  sha256sum <"$1" | cut -d' ' -f1
}

# One connection is open. Those of the pages are in TIME-WAIT: asked for "Connection: close", the
# stack ended them first.
show_connections() {
  current="print the connection table"
  setpriv --pdeathsig TERM nc -d "$stack4" 7 >/dev/null 2>&1 &
  others+=($!)
  until_true table_has "ESTAB.*$stack4:7"
  until_true table_has "TIME-WAIT.*$stack4:80"
  until_true table_has "TIME-WAIT.*$stack6.:80"
  echo
  "$tuntcp" ss --all --control "$control"
}

table_has() {
  "$tuntcp" ss --control "$control" | grep -q "$1"
}

wait_for_the_user() {
  local enter="nsenter --target $$ --net"
  if [[ $(id -u) == 0 && $(cat /proc/self/uid_map) != *4294967295* ]]; then
    enter="nsenter --target $$ --user --net --preserve-credentials"
  fi
  cat <<END

The stack stays up until Ctrl-C. Enter its network from another terminal of the same user with
  $enter bash
and there, for example
  ping $stack4
  curl http://$stack4/
  curl http://[$stack6]/bytes/1000000 | sha256sum
  nc $stack4 7                                        # echo
  nc $stack4 19 | head -c 1G | sha256sum              # chargen
  ss -tin
  $tuntcp ss --control $control
  tcpdump -ni tun0 -c 20
END
  current="wait for Ctrl-C"
  trap : INT TERM # either ends the wait, and the rest goes on
  wait "$stack_pid" || true
}

# However the script ends: says what failed, and ends what runs.
finish() {
  local status=$? pid
  trap - EXIT
  trap : HUP INT TERM
  if ((status > 128)); then
    echo "  interrupted: $current" >&3
  elif ((status != 0)); then
    {
      echo "  FAILED  $current"
      tail -n 20 "$log" | sed 's/^/    /'
      echo "  What the stack said:"
      tail -n 20 "$work/stack.log" | sed 's/^/    /'
    } >&3
  fi
  for pid in $stack_pid "${others[@]}"; do
    end_process "$pid"
  done
  rm -rf "$work"
  exit "$status"
}

# Asks a process to end, and insists after five seconds.
end_process() {
  kill -TERM "$1" 2>/dev/null || return 0
  timeout 5 tail --pid="$1" -f /dev/null || kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

main

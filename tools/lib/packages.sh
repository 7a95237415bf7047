# shellcheck shell=bash disable=SC2034
# The Debian 12 packages this project needs, and how they are installed. Sourced by the scripts of
# tools/; not a program.

# Everything that the build needs.
build_packages=(
  ca-certificates cmake ccache g++ ninja-build pkg-config
  libbenchmark-dev libboost1.81-dev libcli11-dev libgmock-dev libgtest-dev libpcap-dev
  libspdlog-dev libssl-dev libtins-dev
)

# What tools/quickstart talks to the stack with.
quickstart_packages=(curl iproute2 iputils-ping netcat-openbsd python3 tcpdump util-linux)

# What the tests use besides: other eyes and hands on the wire, and the second compiler.
test_packages=(
  binutils clang-19 clang-format-19 ethtool libclang-rt-19-dev procps shellcheck tshark
)

# Installs those of the packages named that are missing. Asks nothing; says what it does. Where it
# cannot, says which command would.
install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is not a Debian system: no package is installed, the build uses what is here."
    return 0
  fi
  local missing
  missing=$(missing_packages "$@")
  if [[ -z $missing ]]; then
    return 0
  fi

  local as_root=()
  local command="apt-get install --no-install-recommends" # What to tell the user.
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null || ! { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
      echo "Packages are missing and only root can install them. Have this run:" >&2
      echo "  $command $missing" >&2
      return 1
    fi
    as_root=(sudo)
  fi

  echo "Installing: $missing"
  local log
  log=$(mktemp)
  # A source that does not answer matters only if a package is then not found.
  apt_get "${as_root[@]}" update >"$log" 2>&1 || true
  # shellcheck disable=SC2086  # One word a package.
  if ! apt_get "${as_root[@]}" install --no-install-recommends $missing >>"$log" 2>&1; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    echo "The packages could not be installed. This project is built on Debian 12 (bookworm)." >&2
    echo "To see why: $command $missing" >&2
    return 1
  fi
  rm -f "$log"
}

# apt_get [sudo] COMMAND...: never asks (tshark's package would), waits for another apt to end.
apt_get() {
  local as_root=()
  if [[ $1 == sudo ]]; then
    as_root=(sudo)
    shift
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -y -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# Those of the packages named that are not installed, on one line.
missing_packages() {
  local name missing=()
  for name in "$@"; do
    if [[ $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) != installed ]]; then
      missing+=("$name")
    fi
  done
  echo "${missing[*]}"
}

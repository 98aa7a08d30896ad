# A cluster for the long runs, to be sourced: a control plane, one data plane with one worker, and nginx for what is
# behind it. Everything is in the directory $scratch, and ends with the script that sources this.
#
# GATEWAY_BIN names the folder of the three programs (default: target/release of this checkout).
# shellcheck shell=bash disable=SC2034  # what is set here is used by who sources it

bin=${GATEWAY_BIN:-$(dirname "${BASH_SOURCE[0]}")/../target/release}
scratch=$(mktemp -d)
# All of 127.0.0.0/8 is loopback: a network of this run's own is free of anybody else's ports.
network=127.$((RANDOM % 100 + 100)).$((RANDOM % 256))
grpc='' proxy='' admin='' data_plane=''

end_cluster() {
    local jobs
    jobs=$(jobs -p)
    # shellcheck disable=SC2086  # one word for each job
    [ -z "$jobs" ] || kill $jobs 2>/dev/null
    wait
    rm -rf "$scratch"
}
trap end_cluster EXIT
trap 'exit 130' INT TERM

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# need PROGRAM…: each is a Debian package of that name, but for nginx.
need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || fail "$program is not installed: apt install ${program/%nginx/nginx-light}"
    done
    for program in control-plane data-plane gatewayctl; do
        [ -x "$bin/$program" ] || fail "$bin/$program is missing: cargo build --release, or set GATEWAY_BIN"
    done
    # Many connections take many files.
    ulimit -n "$(ulimit -H -n)"
}

# listener LOG NAME: the address that a program said it listens on, once it is ready.
listener() {
    for _ in $(seq 200); do
        if grep -qs '"ready"' "$1"; then
            sed -n "s/.*\"$2\":\"\([^\"]*\)\".*/\1/p" "$1"
            return
        fi
        sleep 0.05
    done
    fail "not ready in time: $(cat "$1")"
}

# A control plane and a data plane, whose other flags the environment may set; sets grpc, proxy, admin and data_plane.
start_planes() {
    "$bin/control-plane" --listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --data-dir "$scratch/store" \
        >"$scratch/control-plane" 2>&1 &
    grpc=$(listener "$scratch/control-plane" grpc)
    "$bin/data-plane" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --workers 1 --drain-timeout 1s \
        --control-plane "http://$grpc" >"$scratch/data-plane" 2>&1 &
    data_plane=$!
    proxy=$(listener "$scratch/data-plane" proxy)
    admin=$(listener "$scratch/data-plane" admin)
}

ctl() { "$bin/gatewayctl" --server "http://$grpc" "$@" >>"$scratch/ctl" 2>&1 || fail "gatewayctl $*: $(tail -n 3 "$scratch/ctl")"; }

# metric NAME: a counter or gauge of the data plane, without its prefix.
metric() { curl -sS "http://$admin/metrics" | sed -n "s/^gateway_$1 //p"; }

# memory FIELD: VmRSS, or VmHWM for the peak since count_peak_anew, of the data plane, in KiB.
memory() { sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$data_plane/status"; }
count_peak_anew() { echo 5 >"/proc/$data_plane/clear_refs"; }

# start_nginx ADDRESS: one that answers / and /healthcheck at once, has a large file /large, and takes a whole body at
# /sink before it answers. Its process id is in $scratch/ADDRESS/pid.
start_nginx() {
    local root=$scratch/$1
    mkdir "$root"
    [ -e "$scratch/large" ] || head -c 4M /dev/zero >"$scratch/large"
    cat >"$root/conf" <<CONF
daemon off; master_process off; pid $root/pid; error_log stderr warn;
events { worker_connections 8192; }
http {
    access_log off;
    client_body_temp_path $root/body; proxy_temp_path $root/proxy; fastcgi_temp_path $root/fastcgi;
    uwsgi_temp_path $root/uwsgi; scgi_temp_path $root/scgi;
    keepalive_requests 1000000000;
    server {
        listen $1 backlog=4096;
        location / { return 200 hello; }
        location /large { root $scratch; }
        location /sink { proxy_pass http://$1/; }
    }
}
CONF
    PATH=$PATH:/usr/sbin nginx -p "$root" -c "$root/conf" -e stderr >"$root/log" 2>&1 &
    for _ in $(seq 100); do
        curl -sS -o "$root/hello" "http://$1/" 2>/dev/null && return
        sleep 0.05
    done
    fail "nginx did not start: $(cat "$root/log")"
}

# Removes what an engine that is gone has left on the machine. Its guard runs it before it removes the directory, with
# `directory`, `bridge` and `cgroup` set above.

# Containers' processes, by their control group (version 1 has one tree for each controller).
in_containers() {
    for tree in /sys/fs/cgroup /sys/fs/cgroup/pids; do
        [ -d "$tree/$cgroup" ] && find "$tree/$cgroup" -name cgroup.procs -exec cat {} + 2> /dev/null
    done
}

# containerd and its shims, which leave the process group: by the one argument that no other engine's have.
around_containers() {
    grep -lzxF -e "$directory/exec/containerd/containerd.toml" -e "$directory/exec/containerd/containerd.sock" \
        /proc/[0-9]*/cmdline 2> /dev/null | cut -d/ -f3
}

attempts=0
while [ "$attempts" -lt 100 ]; do
    processes=$(around_containers; in_containers)
    [ -z "$processes" ] && break
    kill -KILL $processes 2> /dev/null
    sleep 0.05
    attempts=$((attempts + 1))
done

# Mounts inside others come last in the list and are undone first.
while read -r _ point _; do
    case $point in
        "$directory"/*) echo "$point" ;;
    esac
done < /proc/self/mounts | sort -r | while read -r point; do
    umount -l "$point"
done

for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -d "$tree/$cgroup" ] && find "$tree/$cgroup" -depth -type d -exec rmdir {} +
done

# Networks made through the engine: an interface is named after the id of its network, which the engine's store holds.
for interface in /sys/class/net/br-*; do
    [ -d "$interface" ] || continue
    name=${interface##*/}
    grep -q "${name#br-}" "$directory/data/network/files/local-kv.db" && ip link delete "$name"
done
[ -d "/sys/class/net/$bridge" ] && ip link delete "$bridge"

# Ends what was started under this guard once its owner is gone, and removes the directory they worked in.
#
# usage: sh guard.sh DIRECTORY
#
# The guard leads a process group, and all that it guards joins that group. The owner holds the other end of our standard
# input, so its end, of whatever kind, reads as end of file here. A line "stay" lets the owner go: then only SIGTERM counts.
# SIGTERM may come just before we begin to wait, which then goes on: who sends it sends it again until we are gone.
set -u
directory=$1
ended=

trap '' HUP INT QUIT
trap 'ended=yes' TERM
echo ready
exec > /dev/null

while [ -z "$ended" ]; do
    if read -r word; then
        [ "$word" = stay ] && break
    else
        ended=yes
    fi
done
while [ -z "$ended" ]; do
    sleep 3600 &
    wait $!
done
trap '' TERM

# Sets `members` to the processes of our group that still run, without us.
find_members() {
    members=
    for stat in /proc/[0-9]*/stat; do
        { read -r line < "$stat"; } 2> /dev/null || continue
        pid=${stat#/proc/}
        pid=${pid%/stat}
        # After the name in parentheses come state, parent and process group.
        set -- ${line##*) }
        if [ "$3" = "$$" ] && [ "$1" != Z ] && [ "$pid" != "$$" ]; then
            members="$members $pid"
        fi
    done
}

# Nothing here is worth an orderly end: the directory goes with it.
attempts=0
find_members
while [ -n "$members" ] && [ "$attempts" -lt 100 ]; do
    kill -KILL $members 2> /dev/null
    sleep 0.05
    attempts=$((attempts + 1))
    find_members
done

[ -f "$directory/cleanup.sh" ] && sh "$directory/cleanup.sh"
# What an agent has mounted below would keep the directory here.
points=
while read -r _ point _; do
    case $point in "$directory"/*) points="$point $points" ;; esac
done < /proc/self/mounts
[ -n "$points" ] && umount --lazy $points
rm -rf -- "$directory"

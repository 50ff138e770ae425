# Starts Asterisk in its tree; runs as the first process of private mount and pid namespaces (see asterisk.py).
# The tree is shared by all runs: what belongs to this run is mounted over it, seen by this process alone.
set -e
tree=$1 run=$2 audit=$3
mount --bind "$run/etc" "$tree/etc/asterisk"
mount --bind "$run/run" "$tree/run"
mount --bind "$run/lib" "$tree/var/lib/asterisk"
mount --bind "$run/spool" "$tree/var/spool/asterisk"
mount --bind "$run/log" "$tree/var/log/asterisk"
mount --bind "$run/tmp" "$tree/tmp"
mount --rbind /dev "$tree/dev"
mount -t proc proc "$tree/proc"
exec chroot "$tree" env ${audit:+"LD_AUDIT=$audit"} /usr/sbin/asterisk -f -n

"""The system calls that sandboxed code may not make, as a BPF program for the kernel.

Promise: no tracing of other processes, no namespaces, mounts, keys, kernel memory or modules, no memory that
limits do not count, and no sockets but local ones. Source: seccomp(2), and the kernel's system call tables.
"""

from __future__ import annotations

import errno
import platform
import struct


def _words(text: str) -> list[str]:
    return text.split()


_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
_AF_UNIX = 1
# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NEW_NAMESPACES = (
    0x80 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
)

# Numbers that every architecture shares, from 424 on. clone3 hides its flags from a filter: without it,
# clone is used.
_ABSENT = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "clone3": 435}
_DENIED_EVERYWHERE = {
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "process_mrelease": 448,
}
_DENIED = _words(
    "ptrace syslog personality pivot_root adjtimex chroot acct settimeofday mount umount2 swapon "
    "swapoff reboot sethostname setdomainname init_module delete_module quotactl lookup_dcookie "
    "clock_settime mq_open kexec_load add_key request_key keyctl unshare perf_event_open fanotify_init "
    "name_to_handle_at open_by_handle_at clock_adjtime setns process_vm_readv process_vm_writev kcmp "
    "finit_module memfd_create bpf userfaultfd kexec_file_load shmget semget msgget vhangup"
)
_X86_64 = _words(
    "101 103 135 155 159 161 163 164 165 166 167 168 169 170 171 175 176 179 212 227 240 246 248 249 "
    "250 272 298 300 303 304 305 308 310 311 312 313 319 321 323 320 29 64 68 153"
)
_AARCH64 = _words(
    "117 116 92 41 171 51 89 170 40 39 224 225 142 161 162 105 106 60 18 112 180 104 217 218 219 97 241 "
    "262 264 265 266 268 270 271 272 273 279 280 282 294 194 190 186 58"
)
# audit architecture, denied calls by number, socket, clone
_TABLES = {
    "x86_64": (0xC000003E, _X86_64, 41, 56),
    "aarch64": (0xC00000B7, _AARCH64, 198, 220),
}


def known_machine() -> bool:
    """Whether a filter can be made for this machine's system calls."""
    return platform.machine() in _TABLES


def program() -> bytes:
    """The filter for this machine, as an array of `struct sock_filter`."""
    architecture, denied, socket, clone = _TABLES[platform.machine()]
    steps = [
        _step(_LOAD, _ARCH),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if platform.machine() == "x86_64":  # the x32 calls, which share the architecture
        steps += [_step(_AT_LEAST, 0x40000000, 0, 1), _refuse(errno.ENOSYS)]
    for number in _ABSENT.values():
        steps += [_step(_EQUAL, number, 0, 1), _refuse(errno.ENOSYS)]
    for number in (*map(int, denied), *_DENIED_EVERYWHERE.values()):
        steps += [_step(_EQUAL, number, 0, 1), _refuse(errno.EPERM)]
    steps += [
        _step(_EQUAL, socket, 0, 4),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_EQUAL, _AF_UNIX, 1, 0),
        _refuse(errno.EACCES),
        _step(_RETURN, _ALLOW),
        _step(_EQUAL, clone, 0, 3),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_ANY_BIT, _NEW_NAMESPACES, 0, 1),
        _refuse(errno.EPERM),
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)


def denied_by_name() -> dict[str, int]:
    """The denied calls with this machine's numbers."""
    numbers = map(int, _TABLES[platform.machine()][1])
    return {**dict(zip(_DENIED, numbers, strict=True)), **_DENIED_EVERYWHERE, **_ABSENT}


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _refuse(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)

"""Makes a sandbox of the kernel's own namespaces, and goes on inside as its first process.

Promise: what follows sees a read-only system, an empty folder and no network, under a system call filter,
without capabilities. Source: namespaces(7), pivot_root(2), mount_setattr(2), capabilities(7). Raises
OSError where the kernel refuses.
"""

from __future__ import annotations

import ctypes
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_BIND, _REC, _PRIVATE, _REMOUNT, _RDONLY, _NOSUID, _NODEV = 4096, 16384, 1 << 18, 32, 1, 2, 4
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _DETACH = 442, -100, 0x8000, 2
_PDEATHSIG, _NO_NEW_PRIVS, _SECCOMP, _CAPBSET_DROP, _KILL = 1, 38, 22, 24, 9
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPABILITY_VERSION, _LAST_CAPABILITY = 0x20080522, 63
_OLD, _NEW = "/old", "/new"

libc = ctypes.CDLL(None, use_errno=True)


def launch(config: dict[str, Any]) -> None:
    """Returns in the sandbox; the process that called stays outside and ends when the sandbox has."""
    root = os.geteuid() == 0
    uid, gid = os.geteuid(), os.getegid()
    _checked(libc.prctl(_PDEATHSIG, _KILL, 0, 0, 0), "prctl")
    spaces = _NEWNS | _NEWPID | _NEWNET | _NEWIPC | _NEWUTS | _NEWCGROUP | (0 if root else _NEWUSER)
    _checked(libc.unshare(spaces), "unshare")
    if not root:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"65534 {uid} 1")
        _write("/proc/self/gid_map", f"65534 {gid} 1")
    first = os.fork()
    if first:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & 0xFF)
    _checked(libc.prctl(_PDEATHSIG, _KILL, 0, 0, 0), "prctl")
    _furnish(config)
    if config["user"]:
        os.setgroups([])
        os.setresgid(config["user"], config["user"], config["user"])
        os.setresuid(config["user"], config["user"], config["user"])
        _checked(libc.prctl(_PDEATHSIG, _KILL, 0, 0, 0), "prctl")  # a change of user clears it
    _give_up_capabilities(root)
    _filter(bytes.fromhex(config["filter"]))


def _furnish(config: dict[str, Any]) -> None:
    """A new root with the read-only parts of the old one, and nothing else of it."""
    os.umask(0o022)  # another user will look into these folders, whatever the caller keeps private
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("tmpfs", "/tmp", "tmpfs", _NOSUID | _NODEV, "mode=0755")
    os.mkdir(f"/tmp{_OLD}")
    os.mkdir(f"/tmp{_NEW}")
    _pivot("/tmp", f"/tmp{_OLD}")
    _mount("tmpfs", _NEW, "tmpfs", _NOSUID | _NODEV, "mode=0755")
    for target, link in config["links"]:
        os.makedirs(os.path.dirname(_NEW + link), exist_ok=True)
        os.symlink(target, _NEW + link)
    for path in (*config["seen"], *config["devices"]):
        _bind(path)
    os.makedirs(f"{_NEW}/tmp", exist_ok=True)
    size = f"size={config['disk_bytes']},mode=1777"
    _mount("tmpfs", f"{_NEW}/tmp", "tmpfs", _NOSUID | _NODEV, size)
    for path in config["seen"]:
        if path.startswith("/tmp/"):  # the empty folder came over it
            _bind(path)
    _read_only([_NEW + path for path in config["seen"]])
    _mount(None, _NEW, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir(_NEW)
    _pivot(".", ".")
    _checked(libc.umount2(b".", _DETACH), "umount")  # the tmpfs that held both
    os.chdir("/")
    sys.stdout.flush()


def _bind(path: str) -> None:
    source, target = _OLD + path, _NEW + path
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(source, target, None, _BIND | _REC)


def _read_only(paths: list[str]) -> None:
    """Each, with all that is mounted below it."""
    attributes = (ctypes.c_uint64 * 4)(_RDONLY | _NOSUID, 0, 0, 0)
    for path in paths:
        name = ctypes.c_char_p(path.encode())
        found = libc.syscall(_MOUNT_SETATTR, _AT_FDCWD, name, _AT_RECURSIVE, attributes, ctypes.c_size_t(32))
        _checked(found, "mount_setattr")


def _pivot(new: str, old: str) -> None:
    _checked(libc.syscall(_PIVOT_ROOT[os.uname().machine], new.encode(), old.encode()), "pivot_root")
    os.chdir("/" if new != "." else ".")


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    encoded = [None if text is None else text.encode() for text in (source, target, kind)]
    _checked(libc.mount(*encoded, ctypes.c_ulong(flags), data.encode()), f"mount on {target}")


def _give_up_capabilities(root: bool) -> None:
    if not root:  # a change of user has cleared root's
        for number in range(_LAST_CAPABILITY + 1):
            libc.prctl(_CAPBSET_DROP, number, 0, 0, 0)  # those the kernel does not know are refused
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _checked(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def _filter(program: bytes) -> None:
    class Program(ctypes.Structure):
        _fields_ = (("count", ctypes.c_ushort), ("steps", ctypes.c_char_p))

    _checked(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _checked(libc.prctl(_SECCOMP, 2, ctypes.byref(Program(len(program) // 8, program)), 0, 0), "seccomp")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _checked(result: int, what: str) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number).lower()}")

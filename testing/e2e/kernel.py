# SPDX-License-Identifier: GPL-2.0
"""What does the kernel hold? bpftool shows it, independently of the tool under test."""
import contextlib
import ctypes
import functools
import json
import mmap
import os
import pathlib
import platform
import resource
import re
import shutil
import socket
import struct

from netlab import Namespace, quiet_pair, sh

NEIGHBOURS = pathlib.Path(__file__).resolve().parent / "neighbours"

#: BPF programs with these names belong to us or to the neighbours of these tests.
OUR_NAMES = ("xdp_ipfilter", "xdp_dispatcher", "nb_", "xdp_pass", "xdp_ipf")


def is_before(major, minor):
    return tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2]) < (major, minor)


#: Older kernels refuse programs that declare support for multi-buffer frames.
HAS_FRAGS = not is_before(5, 18)
#: The section of neighbours that support them.
SECTION = "xdp.frags" if HAS_FRAGS else "xdp"


def bpftool(*args):
    done = sh("bpftool", "-j", *args, check=False)
    if done.returncode or not done.stdout.strip():
        return []
    answer = json.loads(done.stdout)
    return [] if isinstance(answer, dict) and "error" in answer else answer


def programs():
    return {one["id"]: one for one in bpftool("prog", "show")}


def maps():
    return {one["id"]: one for one in bpftool("map", "show")}


def links():
    return {one["id"]: one for one in bpftool("link", "show")}


def our_programs():
    return {number for number, one in programs().items()
            if one.get("name", "").startswith(OUR_NAMES)}


def program_maps(program_id):
    """{name: id} of the maps of one program."""
    known = maps()
    return {known[number].get("name", ""): number
            for number in programs()[program_id].get("map_ids", []) if number in known}


def array_value(map_id, slot=0):
    """An __u64 out of a plain array map."""
    for entry in bpftool("map", "dump", "id", map_id):
        formatted = entry.get("formatted")
        if formatted is not None:
            if formatted["key"] == slot:
                return formatted["value"]
        elif int(entry["key"][0], 16) == slot:
            return int.from_bytes(bytes(int(byte, 16) for byte in entry["value"]), "little")
    raise LookupError(f"map {map_id} has no slot {slot}")


def only_value(map_id):
    """The bytes of the only element of an array map."""
    (entry,) = bpftool("map", "dump", "id", map_id)
    return bytes(int(byte, 16) for byte in entry["value"])


BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM, BPF_MAP_GET_FD_BY_ID = 0, 2, 14
BPF_MAP_TYPE_QUEUE = 22
SO_NETNS_COOKIE = 71


def bpf(command, attributes):
    """bpf(2) itself."""
    answer = ctypes.CDLL(None, use_errno=True).syscall(
        {"x86_64": 321}.get(platform.machine(), 280), command, attributes, len(attributes))
    if answer < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return answer


def netns_cookie(ns):
    """The cookie that identifies a network namespace; 0 before 5.14, which has none."""
    with ns, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as some:
        try:
            return struct.unpack("=Q", some.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8))[0]
        except OSError:
            return 0


@contextlib.contextmanager
def queued(ns):
    """Join the queue of a network namespace's commands, as the commands do."""
    cookie = netns_cookie(ns)
    name = f"ipf_lock{(cookie ^ cookie >> 28) & 0xfffffff:07x}".encode()
    limits = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    # Before 5.11 maps count as locked memory.
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY,) * 2)
    try:
        fd = bpf(BPF_MAP_CREATE,
                 struct.pack("=7I16s", BPF_MAP_TYPE_QUEUE, 0, 16, 1, 0, 0, 0, name))
    finally:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, limits)
    value = ctypes.create_string_buffer(
        struct.pack("=IIQ", os.getpid(), 0, os.stat("/proc/self/ns/pid").st_ino), 16)
    bpf(BPF_MAP_UPDATE_ELEM, struct.pack("=IIQQQ", fd, 0, 0, ctypes.addressof(value), 0))
    with os.fdopen(fd, "rb", buffering=0) as ticket:
        yield ticket


@contextlib.contextmanager
def mapped(map_id, size, offset=0):
    """The bytes of an mmapable map, for overwriting."""
    fd = bpf(BPF_MAP_GET_FD_BY_ID, struct.pack("=III", map_id, 0, 0))
    try:
        with mmap.mmap(fd, size, offset=offset) as view:
            yield view
    finally:
        os.close(fd)


def live_delta(program_id):
    """The map with what differs from the base of a large table that changed once."""
    slots = program_maps(program_id)[".bss.ipf_slots"]
    with mapped(slots, 96 << 10) as view:
        ids = struct.unpack("24576I", view[:96 << 10])
    for number in (ids[half * 8192 + 8191] for half in (0, 1)):
        assert maps()[number]["name"] == "ipf_delta"
        with mapped(number, 1 << 20) as view:
            if any(view[:]):
                return number
    raise AssertionError("no delta is live")


@functools.lru_cache(maxsize=None)
def neighbour(name):
    """The object file of a neighbour, built if it is missing or outdated."""
    sh("make", "-s", "-C", NEIGHBOURS)
    old = NEIGHBOURS / f"old-{name}.o"
    return str(old if not HAS_FRAGS and old.exists() else NEIGHBOURS / f"{name}.o")


def bpffs_mounted(path="/sys/fs/bpf"):
    with open("/proc/self/mounts") as mounts:
        return any(line.split()[1:3] == [path, "bpf"] for line in mounts)


def dispatcher_works():
    """Whether two programs can share an interface on this kernel. Only xdp-loader tries it, in a
    mount namespace and a network namespace of its own, so nothing is left over."""
    if not shutil.which("xdp-loader"):
        return False, "xdp-loader is not installed"
    if is_before(5, 13):
        return False, "it does not report what runs in one (Linux 5.13 does)"
    first, second = neighbour("count"), neighbour("dropmac")
    ns = Namespace()
    try:
        quiet_pair(ns, "try0", "try1")
        done = ns.run("unshare", "-m", "sh", "-c",
                      f"mount -t bpf bpf /sys/fs/bpf && xdp-loader load -vv try0 {first} && "
                      f"xdp-loader load try0 {second}", check=False)
        return done.returncode == 0, _refusal(done.stderr + done.stdout)
    finally:
        ns.close()


def _refusal(said):
    """The reason. The first load goes on without a dispatcher and only hints at it; the second one
    then finds the interface busy."""
    cause = re.search(r"Compatibility check for dispatcher program failed: (.*)", said)
    if cause:
        return f"no programs that extend others (freplace: {cause.group(1)})"
    lines = said.strip().splitlines()
    return lines[-1].strip() if lines else ""

# SPDX-License-Identifier: GPL-2.0
"""Do the packages and their units work? Runs in a virtual machine with systemd as process 1, which
boot.sh starts.

    booted.py first|second

Packets of a blocked source come in all the time while units restart, hang and reload; none may be
received. Packets of another source show that those would have been."""
import contextlib
import functools
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import org

PACKAGES = pathlib.Path("/opt/packages")
MANUAL = pathlib.Path(__file__).with_name("README.org")
OUT = pathlib.Path(os.environ["VM_OUT"])
ETC = pathlib.Path("/etc/xdp-ipfilter")
DROP_INS = pathlib.Path("/run/systemd/system")
BLOCKED, OTHER, LATER = "192.0.2.66", "192.0.2.7", "192.0.2.8"
ROUTE = "198.51.100.0/24"
LIST_PORT, METRICS_PORT = 8000, 9845
SYNC_UNIT, SOCKET = "xdp-ipfilter.service", "xdp-ipfilter-metrics.socket"
METRICS = "xdp-ipfilter-metrics.service"
#: Emulated, and on a busy machine.
PATIENCE = 120
SOL_SOCKET_RCVBUFFORCE = 33


def sh(*argv, check=True):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}: "
                             f"{done.stdout}{done.stderr}")
    return done.stdout


def dpkg(action, *packages):
    """Returns all that it says."""
    return sh("sh", "-c", 'exec dpkg "$@" 2>&1', "sh", action, *packages)


def package_names():
    return sorted(path.name.split("_")[0] for path in PACKAGES.glob("*.deb"))


def install_packages():
    dpkg("-i", *map(str, sorted(PACKAGES.glob("*.deb"))))


def tool(*argv, check=True):
    return sh("/usr/sbin/xdp-ipfilter", *argv, check=check)


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def show(unit, name):
    return sh("systemctl", "show", "-P", name, unit).strip()


def manual(name, edited=()):
    """Runs what the manual shows, with the folders of a package. The editor leaves these lines in
    the file."""
    [block] = [block for block in org.blocks(MANUAL) if block.name == name]
    os.environ["PATH"] = f"/opt/test:{os.environ['PATH']}"
    editor = pathlib.Path("/opt/test/editor")
    write(editor, "#!/bin/sh", 'cat >"$1" <<"end"', *edited, "end")
    editor.chmod(0o755)
    sh("bash", "-ec", "\n".join(block.lines).replace("/usr/local/", "/usr/"))


def moment(unit, name):
    return int(show(unit, name + "TimestampMonotonic"))


def state(ifname):
    [one] = json.loads(tool("status", "-j", ifname, check=False))["interfaces"]
    return one["state"]


def filters(ifname):
    return state(ifname).startswith("filtering")


def prefixes(ifname):
    interfaces = json.loads(tool("list", "-j", "-d", ifname))["interfaces"]
    return {rule["prefix"] for rule in interfaces[0]["rules"]}


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))


# -- Packets ---------------------------------------------------------------------------------------

def frame(source):
    payload = b"\0\x09\0\x09\0\x08\0\0"
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, 17, 0,
                         socket.inet_aton(source), socket.inet_aton("198.51.100.1"))
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + header + payload


def packet_socket(ifname):
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    made.setsockopt(socket.SOL_SOCKET, SOL_SOCKET_RCVBUFFORCE, 1 << 22)
    made.bind((ifname, 3))
    return made


class Flood:
    """Sends packets of both sources into `far` all the time, and counts those that `near`
    receives."""

    def __init__(self, near, far):
        self.received = {BLOCKED: 0, OTHER: 0, LATER: 0}
        self._end = threading.Event()
        self._out, self._in = packet_socket(far), packet_socket(near)
        self._in.settimeout(0.2)
        self._threads = [threading.Thread(target=run) for run in (self._send, self._count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        wait_for(lambda: self.received[OTHER], "packets")
        return self

    def __exit__(self, *_):
        self.round()
        self._end.set()
        for thread in self._threads:
            thread.join()
        self._out.close()
        self._in.close()

    def round(self):
        """Waits until packets that are sent from now on have come."""
        before = self.received[OTHER]
        wait_for(lambda: self.received[OTHER] > before + 20, "packets")

    def _send(self):
        frames = [frame(BLOCKED), frame(OTHER), frame(LATER)]
        while not self._end.is_set():
            for one in frames:
                with contextlib.suppress(OSError):
                    self._out.send(one)
            time.sleep(0.0005)

    def _count(self):
        sources = {socket.inet_aton(source): source for source in self.received}
        while not self._end.is_set():
            with contextlib.suppress(OSError):
                data, address = self._in.recvfrom(2048)
                if address[2] != socket.PACKET_OUTGOING and data[26:30] in sources:
                    self.received[sources[data[26:30]]] += 1


def pair(near, far):
    sh("ip", "link", "add", near, "up", "type", "veth", "peer", "name", far)
    sh("ip", "link", "set", far, "up")


# -- The first boot --------------------------------------------------------------------------------

def the_packages_are_installed_and_start_nothing():
    install_packages()
    files = sh("systemctl", "list-unit-files", "--no-legend", "xdp-ipfilter*")
    assert {tuple(line.split()[:2]) for line in files.splitlines()} == {
        (SYNC_UNIT, "disabled"), ("xdp-ipfilter@.service", "disabled"), (SOCKET, "disabled"),
        (METRICS, "static")}, files
    assert not sh("systemctl", "list-units", "--state=active,activating,failed", "--no-legend",
                  "xdp-ipfilter*")
    assert not list(pathlib.Path("/etc/systemd/system").rglob("*xdp-ipfilter*"))
    assert tool("--version").startswith("xdp-ipfilter ")


def an_interface_as_in_the_manual():
    manual("enable-interface")
    assert filters("eth0") and prefixes("eth0") == {BLOCKED}
    assert show("xdp-ipfilter@eth0.service", "ActiveState") == "active"


def another_policy_as_in_the_manual():
    unit = "xdp-ipfilter@eth0.service"
    for policy, prefix in (("deny", OTHER), ("allow", BLOCKED)):
        write(ETC / "eth0.env", f"OPTIONS=--mode skb --policy {policy}")
        before = prefixes("eth0")
        write(ETC / "eth0.rules", prefix)
        for action in ("reload", "restart"):
            assert "failed" in sh("sh", "-c", f"! systemctl {action} {unit} 2>&1")
            assert filters("eth0") and prefixes("eth0") == before
        said = sh("journalctl", "-q", "-o", "cat", "-n", "20", "-u", unit)
        assert said.count("eth0: NOTHING IS CHANGED") >= 2, said
        manual("change-options")
        assert filters("eth0") and prefixes("eth0") == {prefix}
        assert json.loads(tool("status", "-j", "eth0"))["interfaces"][0]["policy"] == policy
        assert show(unit, "ActiveState") == "active"


def a_restart_of_an_interface_leaves_no_gap():
    pair("veth0", "far0")
    write(ETC / "veth0.rules", BLOCKED)
    unit = "xdp-ipfilter@veth0.service"
    sh("systemctl", "enable", "--now", unit)
    with Flood("veth0", "far0") as flood:
        for _ in range(3):
            sh("systemctl", "restart", unit)
            flood.round()
        assert not flood.received[BLOCKED], flood.received
        write(ETC / "veth0.rules", BLOCKED, LATER)
        sh("systemctl", "reload", unit)
        flood.round()
        before = flood.received[LATER]
        assert before, "it passed before the reload"
        flood.round()
        assert flood.received[LATER] == before and not flood.received[BLOCKED], flood.received
        # So the packets do come.
        sh("systemctl", "stop", unit)
        flood.round()
        assert flood.received[BLOCKED] and state("veth0") == "not-loaded", flood.received
        sh("systemctl", "start", unit)
        flood.round()
        before = flood.received[BLOCKED]
        flood.round()
        assert flood.received[BLOCKED] == before


def a_bridge_comes_and_goes():
    write(ETC / "br-lan.rules", BLOCKED)
    write(ETC / "br-lan.env", "OPTIONS=--mode skb --policy allow")
    unit = r"xdp-ipfilter@br\x2dlan.service"
    sh("ip", "link", "add", "br-lan", "type", "bridge")
    manual("enable-bridge")
    assert filters("br-lan")
    for _ in range(2):
        sh("ip", "link", "del", "br-lan")
        wait_for(lambda: show(unit, "ActiveState") == "inactive", "the unit ends with the bridge")
        assert show(unit, "Result") == "success"
        sh("ip", "link", "add", "br-lan", "type", "bridge")
        wait_for(lambda: show(unit, "ActiveState") == "active", "the unit is back with the bridge")
        assert filters("br-lan") and prefixes("br-lan") == {BLOCKED}


class List(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def serve_list():
    folder = pathlib.Path("/opt/list")
    write(folder / "list.txt", BLOCKED)
    handler = functools.partial(List, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", LIST_PORT), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


SYNC = ["interface veth1 { }",
        f'source list {{ from = "http://127.0.0.1:{LIST_PORT}/list.txt" }}',
        'source routes { from = "route:66" }']


def sync_as_in_the_manual():
    serve_list()
    pair("veth1", "far1")
    manual("enable-sync", ["interface eth0 { mode = skb }"])
    assert show(SYNC_UNIT, "ActiveState") == "active"
    write(ETC / "sync.conf", *SYNC)
    sh("systemctl", "reload", SYNC_UNIT)
    wait_for(lambda: filters("veth1") and BLOCKED in prefixes("veth1"), "the list is live")


def sync_restarts_without_a_gap():
    with Flood("veth1", "far1") as flood:
        for _ in range(2):
            sh("systemctl", "restart", SYNC_UNIT)
            flood.round()
        sh("systemctl", "stop", SYNC_UNIT)
        flood.round()
        sh("systemctl", "start", SYNC_UNIT)
    assert not flood.received[BLOCKED] and flood.received[OTHER], flood.received


def sync_keeps_an_interface_that_comes_and_goes():
    sh("ip", "link", "del", "veth1")
    pair("veth1", "far1")
    wait_for(lambda: filters("veth1") and BLOCKED in prefixes("veth1"), "veth1 is filtered again")


def sources_run_as_nobody():
    sh("ip", "route", "add", "blackhole", ROUTE, "table", "66")
    wait_for(lambda: ROUTE in prefixes("veth1"), "the route is a rule")
    [source] = [status for path in pathlib.Path("/proc").glob("[0-9]*/status")
                for status in [path.read_text()] if status.startswith("Name:\txdp-ipfilter-so")]
    for line in ("Uid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "Seccomp:\t2",
                 "NoNewPrivs:\t1"):
        assert line in source, source


def a_hang_is_noticed():
    """The installed unit would notice it after a minute."""
    assert show(SYNC_UNIT, "WatchdogUSec") == "1min"
    write(DROP_INS / "xdp-ipfilter.service.d" / "watchdog.conf", "[Service]", "WatchdogSec=5",
          "TimeoutAbortSec=2")
    sh("systemctl", "daemon-reload")
    sh("systemctl", "restart", SYNC_UNIT)
    hung = show(SYNC_UNIT, "MainPID")
    with Flood("veth1", "far1") as flood:
        os.kill(int(hung), signal.SIGSTOP)
        wait_for(lambda: show(SYNC_UNIT, "MainPID") not in ("0", hung) and
                 show(SYNC_UNIT, "ActiveState") == "active", "sync was started again")
    assert show(SYNC_UNIT, "NRestarts") == "1"
    assert not flood.received[BLOCKED] and flood.received[OTHER], flood.received


def ask(path):
    """The answer's text, once the whole is there."""
    client = http.client.HTTPConnection("127.0.0.1", METRICS_PORT, timeout=PATIENCE)
    client.request("GET", path)
    answer = client.getresponse()
    said = answer.read().decode()
    assert answer.status == 200, (path, answer.status, said)
    return said


def metrics_answer():
    sh("systemctl", "enable", "--now", SOCKET)
    assert show(METRICS, "ActiveState") == "inactive"
    said = ask("/metrics")
    assert 'xdp_ipfilter_filtering{device="veth0"} 1' in said, said
    assert 'xdp_ipfilter_sync_state{set="list"' in said, said
    assert show(METRICS, "ActiveState") == "active"
    for unit in (SYNC_UNIT, METRICS):
        limits = pathlib.Path(f"/proc/{show(unit, 'MainPID')}/limits").read_text()
        soft, hard = re.search(r"Max open files +(\d+) +(\d+)", limits).groups()
        assert soft == hard != "1024", f"{unit} has raised its limit: {limits}"


def the_page_shows_who_sends_most():
    """For which filters make samples."""
    row = f"<td>{BLOCKED}</td><td>drop</td>"
    with Flood("veth0", "far0"):
        wait_for(lambda: row in ask("/"), "the page names the source")
    assert "<h2 class=good>veth0: filtering" in ask("/")


def status_of(pid):
    return pathlib.Path(f"/proc/{pid}/status").read_text()


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def metrics_are_served_by_nobody():
    """And the program that reads filters has only what its unit names: kill, setgid, setuid,
    sys_admin."""
    main = show(METRICS, "MainPID")
    [speaker] = children(main)
    for line in ("Name:\txdp-ipfilter-ht", "Uid:\t65534\t65534\t65534\t65534",
                 "CapEff:\t0000000000000000", "Seccomp:\t2", "NoNewPrivs:\t1"):
        assert line in status_of(speaker), status_of(speaker)
    for line in ("CapEff:\t00000000002000e0", "CapBnd:\t00000000002000e0", "Seccomp:\t2",
                 "NoNewPrivs:\t1"):
        assert line in status_of(main), status_of(main)


def metrics_survive_restarts_and_crashes():
    """Clients wait at the socket meanwhile."""
    before = show(METRICS, "MainPID")
    sh("systemctl", "restart", METRICS)
    assert ask("/metrics") and show(METRICS, "MainPID") != before
    sh("systemctl", "stop", METRICS)
    assert ask("/metrics") and show(METRICS, "ActiveState") == "active"
    [speaker] = children(show(METRICS, "MainPID"))
    os.kill(int(speaker), signal.SIGKILL)
    assert ask("/metrics") and show(METRICS, "NRestarts") == "0"
    os.kill(int(show(METRICS, "MainPID")), signal.SIGKILL)
    wait_for(lambda: show(METRICS, "NRestarts") == "1" and
             show(METRICS, "ActiveState") == "active", "the service was started again")
    assert ask("/metrics") and show(SOCKET, "ActiveState") == "active"


def no_program_needs_what_its_unit_forbids():
    """Where such a call ends the program; the installed units let it fail."""
    drop_ins = [DROP_INS / f"{unit}.service.d" / "kill.conf"
                for unit in ("xdp-ipfilter", "xdp-ipfilter@", "xdp-ipfilter-metrics")]
    for path in drop_ins:
        write(path, "[Service]", "SystemCallErrorNumber=kill")
    sh("systemctl", "daemon-reload")
    running = {unit: 0 for unit in (SYNC_UNIT, METRICS, "xdp-ipfilter@veth0.service")}
    for unit in running:
        sh("systemctl", "restart", unit)
    sh("systemctl", "reload", SYNC_UNIT, "xdp-ipfilter@veth0.service")
    wait_for(lambda: ROUTE in prefixes("veth1"), "sync has read its sources")
    assert ask("/metrics") and ask("/")
    for unit in running:
        assert show(unit, "ActiveState") == "active" and show(unit, "NRestarts") == "0", unit
    for path in drop_ins:
        path.unlink()
    sh("systemctl", "daemon-reload")
    for unit in running:
        sh("systemctl", "restart", unit)


def an_upgrade_restarts_what_runs_and_leaves_filters_alone():
    """The same version once more takes the same way."""
    stay = ("xdp-ipfilter@veth0.service", SOCKET)
    since = {unit: moment(unit, "ActiveEnter") for unit in (*stay, SYNC_UNIT, METRICS)}
    with Flood("veth0", "far0") as one, Flood("veth1", "far1") as other:
        install_packages()
    for flood in (one, other):
        assert not flood.received[BLOCKED] and flood.received[OTHER], flood.received
    for unit, before in since.items():
        assert show(unit, "ActiveState") == "active", unit
        assert (moment(unit, "ActiveEnter") == before) == (unit in stay), unit
    assert ask("/metrics")


def nothing_was_refused_or_failed():
    """By what the units forbid. Type 1326 is a system call that seccomp refused."""
    journal = sh("journalctl", "-q", "-b", "-o", "short-monotonic").splitlines()
    words = ("not permitted", "Read-only", "read-only", "denied", "31/SYS", "Bad system call")
    refused = [line for line in journal if "type=1326" in line or
               "xdp-ipfilter" in line and any(word in line for word in words)]
    assert not refused, refused
    assert sh("systemctl", "list-units", "--failed", "--no-legend", "xdp-ipfilter*") == ""


def a_bad_configuration_is_reported_and_not_tried_again():
    kept = (ETC / "sync.conf").read_text()
    write(ETC / "sync.conf", "nonsense { }")
    sh("systemctl", "restart", SYNC_UNIT, check=False)
    wait_for(lambda: show(SYNC_UNIT, "ActiveState") == "failed", "it has failed")
    said = sh("journalctl", "-q", "-o", "cat", "-n", "20", "-u", SYNC_UNIT)
    assert "sync.conf:1" in said, said
    assert filters("veth1")
    (ETC / "sync.conf").write_text(kept)
    sh("systemctl", "start", SYNC_UNIT)


def what_is_kept_for_the_second_boot():
    """As the disk would have it."""
    sh("systemctl", "stop", SYNC_UNIT)
    kept = OUT / "kept"
    write(kept / "etc/xdp-ipfilter/sync.conf", "interface eth0 { mode = skb }", *SYNC[1:])
    write(kept / "etc/xdp-ipfilter/eth1.rules", BLOCKED)
    write(kept / "etc/xdp-ipfilter/eth1.env", "OPTIONS=--mode skb")
    (kept / "var/lib").mkdir(parents=True)
    shutil.copytree("/var/lib/xdp-ipfilter", kept / "var/lib/xdp-ipfilter")
    assert (kept / "var/lib/xdp-ipfilter/list.rules").exists()


def removed_packages_stop_their_services_and_leave_filters():
    sh("systemctl", "start", SYNC_UNIT)
    with Flood("veth0", "far0") as flood:
        said = dpkg("-r", *package_names())
    assert "xdp-ipfilter: veth0: the filter stays loaded" in said, said
    assert not flood.received[BLOCKED] and flood.received[OTHER], flood.received
    for unit in (SYNC_UNIT, METRICS, SOCKET):
        assert show(unit, "ActiveState") == "inactive", unit
    assert not pathlib.Path("/usr/sbin/xdp-ipfilter").exists()
    assert pathlib.Path("/var/lib/xdp-ipfilter/list.rules").exists()


def purged_packages_leave_only_what_was_written_by_hand():
    dpkg("-P", *package_names())
    left = [str(path) for top in ("/etc", "/usr", "/var/lib")
            for path in pathlib.Path(top).rglob("*xdp-ipfilter*")]
    # Links of instances, and the folder of the configuration.
    assert not [path for path in left if "/xdp-ipfilter@" not in path and path != str(ETC)], left


# -- The second boot -------------------------------------------------------------------------------

def the_filter_was_there_before_the_network():
    before = json.loads(pathlib.Path("/run/witness.json").read_text())
    for one in before:
        if one["ifname"] in ("eth0", "eth1"):
            assert "xdp" in one and one["xdp"]["prog"]["id"], one
            assert not one["addr_info"], one
    assert {one["ifname"] for one in before} >= {"eth0", "eth1"}
    for unit in (SYNC_UNIT, "xdp-ipfilter@eth1.service"):
        assert 0 < moment(unit, "ActiveEnter") <= moment("network-pre.target", "ActiveEnter")
    assert moment("network-pre.target", "ActiveEnter") <= \
        moment("systemd-networkd.service", "ExecMainStart")
    for address in ("10.0.0.15", "10.0.1.15"):
        wait_for(lambda at=address: at in sh("ip", "-4", "addr"), "networkd gives the address")


def the_list_is_live_without_its_server():
    for ifname in ("eth0", "eth1"):
        assert filters(ifname) and prefixes(ifname) == {BLOCKED, ROUTE}, (ifname, prefixes(ifname))
    sources = {one["set"]: one["state"] for one in json.loads(tool("status", "-j"))["sources"]}
    assert sources["list"] in ("starting", "failing"), sources
    # The table is empty, because no BGP daemon has filled it yet.
    assert sources["routes"] == "held", sources


def the_network_waits_as_in_the_manual():
    manual("wait-for-interface")
    assert "xdp-ipfilter@eth0.service" in show("network-pre.target", "Wants").split()


BOOTS = {
    "first": [the_packages_are_installed_and_start_nothing, an_interface_as_in_the_manual, another_policy_as_in_the_manual,
              a_restart_of_an_interface_leaves_no_gap, a_bridge_comes_and_goes,
              sync_as_in_the_manual, sync_restarts_without_a_gap,
              sync_keeps_an_interface_that_comes_and_goes, sources_run_as_nobody,
              a_hang_is_noticed, metrics_answer, the_page_shows_who_sends_most,
              metrics_are_served_by_nobody, metrics_survive_restarts_and_crashes,
              no_program_needs_what_its_unit_forbids,
              an_upgrade_restarts_what_runs_and_leaves_filters_alone,
              nothing_was_refused_or_failed,
              a_bad_configuration_is_reported_and_not_tried_again,
              what_is_kept_for_the_second_boot,
              removed_packages_stop_their_services_and_leave_filters,
              purged_packages_leave_only_what_was_written_by_hand],
    "second": [the_filter_was_there_before_the_network, the_list_is_live_without_its_server,
               nothing_was_refused_or_failed, the_network_waits_as_in_the_manual],
}


def main():
    tests, failed = BOOTS[sys.argv[1]], 0
    for number, test in enumerate(tests, 1):
        started = time.monotonic()
        try:
            test()
            word = "ok"
        except Exception as why:  # pylint: disable=broad-except
            word, failed = "not ok", failed + 1
            for line in f"{type(why).__name__}: {why}".splitlines():
                print("#", line)
        print(f"# {time.monotonic() - started:.0f} s")
        print(f"{word} {number} - {test.__name__.replace('_', ' ')}", flush=True)
    (OUT / "journal").write_text(sh("journalctl", "-b", "-o", "short-monotonic"))
    write(OUT / "plan", f"1..{len(tests)}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
